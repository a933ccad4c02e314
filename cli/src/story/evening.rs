//! Evenings: step sources hand over to their phones, and the phones sync, several at a time.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use askel_client_sdk::{Client, SyncReport};
use askel_sync::time::LocalDate;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    device,
    world::{Network, World},
};

/// Syncs at a time: as many as a small server's evening has.
const TOGETHER: usize = 8;
/// Attempts at a sync before the demo gives up.
const ATTEMPTS_MAX: usize = 4;

/// A device by the positions of its person and of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) person: usize,
    pub(crate) device: usize,
}

/// What a sync of several devices came to.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    /// Those that synced, in order.
    pub(crate) done: Vec<(Slot, SyncReport)>,
    /// Those that did not reach the server.
    pub(crate) cut: Vec<Slot>,
}

/// What stops a sync of several devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Nothing.
    None,
    /// The server is killed once so many devices have synced.
    KillAfter(usize),
}

/// Step sources hand over what is due by a day; returns the devices that hold something new.
pub(crate) async fn hand_over(world: &mut World, day: LocalDate) -> anyhow::Result<Vec<Slot>> {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Semaphore::new(TOGETHER));
    let mut slots = Vec::new();
    for (person, it) in world.people.iter_mut().enumerate() {
        for (number, device) in it.devices.iter_mut().enumerate() {
            let slot = Slot {
                person,
                device: number,
            };
            let mut readings = Vec::new();
            while device.waiting.front().is_some_and(|chunk| chunk.day <= day) {
                let chunk = device.waiting.pop_front();
                readings.extend(chunk.map(|chunk| chunk.readings).unwrap_or_default());
            }
            if readings.is_empty() {
                continue;
            }
            device.ledger.hand_over(&readings);
            slots.push(slot);
            let (client, source) = (device.client.clone(), device.source);
            let gate = Arc::clone(&gate);
            tasks.spawn(async move {
                let _permit = gate.acquire_owned().await?;
                let record = move || device::record(&client, source, &readings);
                anyhow::Ok(tokio::task::spawn_blocking(record).await??)
            });
        }
    }
    while let Some(recorded) = tasks.join_next().await {
        world.counted.recorded(&recorded??);
    }
    Ok(slots)
}

/// All devices of people who reach the server.
pub(crate) fn reachable(world: &World, slots: impl IntoIterator<Item = Slot>) -> Vec<Slot> {
    let reaches = |slot: &Slot| {
        world
            .people
            .get(slot.person)
            .is_some_and(|person| person.network == Network::Reachable)
    };
    slots.into_iter().filter(reaches).collect()
}

/// Every device of the story.
pub(crate) fn everyone(world: &World) -> Vec<Slot> {
    (0..world.people.len())
        .flat_map(|person| [0, 1].map(|device| Slot { person, device }))
        .collect()
}

/// Syncs devices, and those that were cut off again until all are done.
pub(crate) async fn sync(world: &mut World, slots: Vec<Slot>) -> anyhow::Result<()> {
    let mut open = slots;
    for _ in 0..ATTEMPTS_MAX {
        if open.is_empty() {
            return Ok(());
        }
        open = sync_once(world, open, Interruption::None).await?.cut;
    }
    if open.is_empty() {
        Ok(())
    } else {
        bail!("{} devices can't reach the server", open.len())
    }
}

/// Syncs devices, each once.
pub(crate) async fn sync_once(
    world: &mut World,
    slots: Vec<Slot>,
    mut interruption: Interruption,
) -> anyhow::Result<Synced> {
    let gate = Arc::new(Semaphore::new(TOGETHER));
    let mut tasks = JoinSet::new();
    for slot in slots {
        let client = client(world, slot)?;
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            let permit = gate.acquire_owned().await;
            let report = device::sync(&client).await;
            drop(permit);
            (slot, report)
        });
    }
    let mut synced = Synced::default();
    while let Some(result) = tasks.join_next().await {
        match result? {
            (slot, Ok(report)) => synced.done.push((slot, report)),
            (slot, Err(error)) if error.advice() == askel_client_sdk::Advice::RetryLater => {
                synced.cut.push(slot);
            }
            (_, Err(error)) => return Err(error).context("a device's sync"),
        }
        if interruption == Interruption::KillAfter(synced.done.len()) {
            world.server.kill().await?;
            interruption = Interruption::None;
        }
    }
    synced.done.sort_by_key(|(slot, _)| *slot);
    synced.cut.sort_unstable();
    for (slot, report) in &synced.done {
        acknowledge(world, *slot, report)?;
    }
    Ok(synced)
}

fn client(world: &World, slot: Slot) -> anyhow::Result<Client> {
    let device = world
        .person(slot.person)?
        .devices
        .get(slot.device)
        .context("a device")?;
    Ok(device.client.clone())
}

fn acknowledge(world: &mut World, slot: Slot, report: &SyncReport) -> anyhow::Result<()> {
    world.counted.sync(report);
    if report.rejected > 0 {
        bail!("the server refused {} facts of a phone", report.rejected);
    }
    let person = world.person_mut(slot.person)?;
    if let Some(device) = person.devices.get_mut(slot.device) {
        device.ledger.acknowledge();
    }
    Ok(())
}
