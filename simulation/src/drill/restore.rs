//! A server that is put back to a backup gets everything back that a device still holds.

use std::fmt::Write as _;

use askel_client_sdk::{Client, Measure, PlaceId, StepReading, StepSourceId};

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
            " a backup {} h old: {spent} bytes were spent on what was lost, {healing} ({percent} %) to heal;",
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

/// Bytes first spent on what was lost, bytes spent on healing, and what was wrong.
async fn restore(devices: usize, age_ms: i64) -> (u64, u64, Vec<String>) {
    let scanners = (devices / 10).max(1);
    let mut world = World::begin(1, Cast::of(devices - scanners, scanners)).await;
    write_all(&mut world);
    sync_all(&world).await;
    world.host.back_up();
    let (mut spent, quiet) = (0, sync_all(&world).await);
    for _ in 0..4 {
        world.true_time.leap(age_ms / 4);
        write_all(&mut world);
        spent += sync_all(&world).await.saturating_sub(quiet);
    }
    world.host.restore().await;
    world.server_was_restored = true;
    world.host.start().await;
    let mut healing = 0;
    for _ in 0..SYNCS {
        healing += sync_all(&world).await.saturating_sub(quiet);
    }
    for device in world.devices.keys() {
        let client = world.devices[device].client.as_ref().expect("open");
        let seen = client.seen_ops();
        world
            .oracle
            .look(*device, seen, crate::oracle::Look::Started);
    }
    judge(&world).await;
    (spent, healing, world.oracle.violations())
}

/// Everybody does something.
fn write_all(world: &mut World) {
    let now = world.true_time.now();
    let devices: Vec<usize> = world.devices.keys().copied().collect();
    for device in devices {
        let is_phone = world.cast.owner(device).is_some();
        world.write(device, |client: &Client| {
            if !is_phone {
                client.work_at(PlaceId::new(1))?;
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
async fn sync_all(world: &World) -> u64 {
    let mut bytes = 0;
    for (device, there) in &world.devices {
        let client = there.client.as_ref().expect("open");
        match client.sync(BUDGET).await {
            Ok(report) => bytes += report.bytes_up + report.bytes_down,
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
