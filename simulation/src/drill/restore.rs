//! A server that is put back to a backup gets everything back that a device still holds.

mod past;

use std::{collections::BTreeMap, fmt::Write as _};

use askel_client_sdk::{Client, Measure, PlaceId, StepReading, StepSourceId};

use self::past::Past;
use super::{Drilled, in_a_world};
use crate::{
    cast::Cast,
    judge::judge,
    world::{BUDGET, World},
};

/// How old the backups are, in milliseconds: an hour, a day, a week.
const AGES_MS: [i64; 3] = [3_600_000, 86_400_000, 7 * 86_400_000];
/// Syncs after which everything is back.
const SYNCS: usize = 2;

/// So many phones and scanners, one scanner to nine phones, and a backup of each age.
pub fn restores(devices: usize) -> Drilled {
    let mut faults = Vec::new();
    let mut told = format!("{devices} devices;");
    for age_ms in AGES_MS {
        let (spent, healing, mut found) = in_a_world(restore(devices, age_ms));
        let percent = healing * 100 / spent.max(1);
        let _ = write!(
            told,
            " a backup {} h old: {spent} bytes were spent when it was written, {healing} ({percent} %) to heal;",
            age_ms / 3_600_000
        );
        if percent > 150 {
            found.push(format!("{percent} % of the bytes first spent"));
        }
        let named = found.into_iter().take(5);
        faults.extend(named.map(|fault| format!("{} h: {fault}", age_ms / 3_600_000)));
    }
    Drilled { told, faults }
}

/// Bytes first spent on what was lost, bytes spent on healing, and what was wrong. Whole syncs, both
/// ways, of the devices that are there at the end.
async fn restore(devices: usize, age_ms: i64) -> (u64, u64, Vec<String>) {
    let scanners = (devices / 10).max(2);
    let mut world = World::begin(1, Cast::of(devices - scanners, scanners)).await;
    write_all(&mut world);
    sync_all(&world).await;
    let past = Past::before_the_backup(&mut world).await;
    sync_all(&world).await;
    world.host.back_up();
    past.after_the_backup(&world).await;
    let mut spent = Bytes::new();
    for _ in 0..4 {
        world.true_time.leap(age_ms / 4);
        write_all(&mut world);
        add(&mut spent, sync_all(&world).await);
    }
    // Once more, so that everybody holds what others wrote.
    sync_all(&world).await;
    let lost = past.before_the_restore(&mut world).await;
    world.host.restore().await;
    world.server_was_restored = true;
    world.host.start().await;
    let mut healing = Bytes::new();
    for _ in 0..SYNCS {
        add(&mut healing, sync_all(&world).await);
    }
    spent.retain(|device, _| healing.contains_key(device));
    for device in world.devices.keys() {
        let client = world.devices[device].client.as_ref().expect("open");
        let seen = client.seen_ops();
        world
            .oracle
            .look(*device, seen, crate::oracle::Look::Started);
    }
    past.check(&mut world, &lost).await;
    judge(&world).await;
    let (spent, healing) = (spent.values().sum(), healing.values().sum());
    (spent, healing, world.oracle.violations())
}

/// Bytes of syncs, by device.
type Bytes = BTreeMap<usize, u64>;

fn add(all: &mut Bytes, more: Bytes) {
    for (device, bytes) in more {
        *all.entry(device).or_default() += bytes;
    }
}

/// Everybody does something.
fn write_all(world: &mut World) {
    let now = world.true_time.now();
    let devices: Vec<usize> = world.devices.keys().copied().collect();
    let first_scanner = world.cast.first_scanner();
    for device in devices {
        let is_phone = world.cast.owner(device).is_some();
        // Each scanner sees some of the people.
        let seen = (0..world.cast.phones())
            .filter(|phone| phone % world.cast.scanners() == device.saturating_sub(first_scanner));
        let passes: Vec<String> = seen
            .filter_map(|phone| world.devices.get(&phone)?.client.as_ref()?.pass())
            .collect();
        world.write(device, |client: &Client| {
            if !is_phone {
                client.work_at(PlaceId::new(1))?;
                for pass in &passes {
                    client.scan(PlaceId::new(1), pass)?;
                }
                return client.tally(PlaceId::new(1), 3).map(drop);
            }
            client.check_in(PlaceId::new(2))?;
            let source = StepSourceId::from_bytes([9; 16]);
            let reading = |hours: i64| StepReading {
                at: now.saturating_add_ms(hours * -3_600_000),
                count: 700 + u32::try_from(hours).unwrap_or(0) * 31,
            };
            let readings: Vec<StepReading> = (0..8).map(reading).collect();
            client.record_steps(source, Measure::Steps, &readings)?;
            Ok(())
        });
    }
}

/// Everybody syncs once; the bytes both ways.
async fn sync_all(world: &World) -> Bytes {
    let mut bytes = Bytes::new();
    for (device, there) in &world.devices {
        let client = there.client.as_ref().expect("open");
        match client.sync(BUDGET).await {
            Ok(report) => {
                bytes.insert(*device, report.bytes_up + report.bytes_down);
            }
            Err(error) => world
                .oracle
                .violation(format!("device {device}: {error}: {}", error.cause())),
        }
        let seen = client.seen_ops();
        world
            .oracle
            .look(*device, seen, crate::oracle::Look::Synced);
    }
    bytes
}
