//! moon-14 loses the phone and comes back with the recovery sheet. The sheet ends every other
//! device of the person, so the second one joins again by the new phone's approval.

use std::collections::BTreeSet;

use anyhow::Context as _;
use askel_client_sdk::{Advice, Client, ComeBack};
use askel_sync::time::HOUR_MS;

use super::{Stage, alias};
use crate::story::{
    device,
    evening::{self, Slot},
    fault::Fault,
    schedule::Who,
};

/// What moon-14 has kept in a drawer since the first day.
#[derive(Debug, Clone)]
pub(crate) struct Keepsakes {
    /// The text of the recovery sheet.
    pub(crate) sheet: String,
    /// Any link of the tenant.
    pub(crate) link: String,
}

/// The phone syncs, collects some more, and is gone.
pub(crate) async fn lost_phone(
    stage: &mut Stage<'_>,
    moon: usize,
    keepsakes: &Keepsakes,
) -> anyhow::Result<()> {
    let slots = [0, 1].map(|device| Slot {
        person: moon,
        device,
    });
    evening::sync(stage.world, slots.to_vec()).await?;
    collect_unsynced(stage, moon)?;
    let lost = stage.world.phone(moon)?.clone();
    let before = badges(&lost);
    let phone = device::open(&stage.world.home, "moon-new-phone", &stage.world.clock)?;
    phone
        .come_back(ComeBack::RecoverySheet(keepsakes.sheet.clone()))
        .await?;
    stage.world.sync(&phone).await?;
    let other = device::open(&stage.world.home, "moon-new-other", &stage.world.clock)?;
    phone
        .approve_device(&other.device_public_key(), None)
        .await?;
    other
        .come_back(ComeBack::Approved(keepsakes.link.clone()))
        .await?;
    stage.world.sync(&other).await?;
    let locked_out = matches!(
        lost.sync(device::BUDGET).await,
        Err(error) if error.advice() == Advice::EnrolAgain
    );
    replace(stage, moon, [phone.clone(), other])?;
    let after = badges(&phone);
    let back = before.intersection(&after).count();
    stage
        .faults
        .expect(Fault::Recovery, back == before.len() && locked_out);
    let text = stage.telling.text.clone();
    let line = text.story.lost_phone.with(&[
        ("alias", &alias(stage.world, &text, Who::Walker(moon))?),
        ("back", &back),
        ("before", &before.len()),
    ]);
    stage.telling.happens(stage.world.clock.now(), &line)?;
    Ok(())
}

fn badges(client: &Client) -> BTreeSet<askel_sync::id::AwardId> {
    client.awards().into_iter().map(|award| award.id).collect()
}

/// The morning's hours reach the phone and go down with it.
fn collect_unsynced(stage: &mut Stage<'_>, moon: usize) -> anyhow::Result<()> {
    let counted_by = stage
        .world
        .clock
        .now()
        .saturating_add_ms(HOUR_MS.saturating_neg());
    let [phone, _] = &mut stage.world.person_mut(moon)?.devices;
    let Some(next) = phone.waiting.front() else {
        return Ok(());
    };
    let early: Vec<_> = next
        .readings
        .iter()
        .copied()
        .filter(|reading| reading.at <= counted_by)
        .collect();
    if !early.is_empty() {
        let recorded = device::record(&phone.client, phone.source, &early)?;
        phone.ledger.hand_over(&early);
        stage.world.counted.recorded(&recorded);
    }
    Ok(())
}

/// The step sources hand to the new devices what the old ones never handed in, and go on.
fn replace(stage: &mut Stage<'_>, moon: usize, new: [Client; 2]) -> anyhow::Result<()> {
    for (number, client) in new.into_iter().enumerate() {
        let devices = &mut stage.world.person_mut(moon)?.devices;
        let device = devices.get_mut(number).context("a device of the story")?;
        device.client = client;
        let open = device.ledger.not_acknowledged();
        if !open.is_empty() {
            let recorded = device::record(&device.client, device.source, &open)?;
            stage.world.counted.recorded(&recorded);
        }
    }
    Ok(())
}
