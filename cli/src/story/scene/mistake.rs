//! Staff scan the wrong pass and void the scan: progress follows, and no badge is taken.

use anyhow::Context as _;
use askel_client_sdk::{Client, Scanned};
use askel_sync::op::CorrectionReason;

use super::{Stage, alias};
use crate::story::{
    catalog::{BADGE_TO_KIIMINKI, KIIMINKI},
    evening::{self, Slot},
    fault::Fault,
    schedule::{Who, tablets_at},
};

/// How one of moon-14's devices stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    goal: String,
    current: u64,
    badges: usize,
}

/// moon-14, who is not in Kiiminki, is scanned there.
pub(crate) async fn mistaken_scan(stage: &mut Stage<'_>, moon: usize) -> anyhow::Result<()> {
    let tablet = tablets_at(KIIMINKI)
        .first()
        .copied()
        .context("the tablet in Kiiminki")?;
    let tablet = stage.world.tablet(tablet)?.clone();
    let before = standings(stage, moon)?;
    let pass = stage.world.pass(Who::Walker(moon))?;
    let Scanned::Welcome { op } = tablet.scan(KIIMINKI, &pass)? else {
        anyhow::bail!("the mistaken scan was there before")
    };
    stage.world.counted.check_in();
    everyone_learns(stage, &tablet, moon).await?;
    let mistaken = standings(stage, moon)?;
    tablet.void(op, CorrectionReason::ScannedByMistake)?;
    everyone_learns(stage, &tablet, moon).await?;
    let voided = standings(stage, moon)?;
    let held = before
        .iter()
        .zip(&mistaken)
        .zip(&voided)
        .all(|((before, mistaken), voided)| {
            mistaken.current == before.current.saturating_add(1)
                && voided.current == before.current
                && voided.badges == mistaken.badges
        });
    stage.faults.expect(Fault::Void, held);
    tell(
        stage,
        moon,
        [before, mistaken, voided].map(|[phone, _]| phone),
    )
}

fn tell(stage: &mut Stage<'_>, moon: usize, phone: [Standing; 3]) -> anyhow::Result<()> {
    let [before, mistaken, voided] = phone;
    let text = stage.telling.text.clone();
    let now = stage.world.clock.now();
    let alias = alias(stage.world, &text, Who::Walker(moon))?;
    let scanned = text.story.mistaken_scan.with(&[
        ("alias", &alias),
        ("goal", &mistaken.goal),
        ("before", &before.current),
        ("after", &mistaken.current),
    ]);
    stage.telling.happens(now, &scanned)?;
    let line = text.story.voided.with(&[
        ("alias", &alias),
        ("goal", &voided.goal),
        ("before", &mistaken.current),
        ("after", &voided.current),
        ("badges_before", &mistaken.badges),
        ("badges_after", &voided.badges),
    ]);
    stage.telling.happens(now, &line)?;
    Ok(())
}

async fn everyone_learns(
    stage: &mut Stage<'_>,
    tablet: &Client,
    moon: usize,
) -> anyhow::Result<()> {
    stage.world.sync(tablet).await?;
    let slots = [0, 1].map(|device| Slot {
        person: moon,
        device,
    });
    evening::sync(stage.world, slots.to_vec()).await
}

fn standings(stage: &Stage<'_>, moon: usize) -> anyhow::Result<[Standing; 2]> {
    let [phone, other] = &stage.world.person(moon)?.devices;
    Ok([standing(&phone.client)?, standing(&other.client)?])
}

fn standing(client: &Client) -> anyhow::Result<Standing> {
    let mut progress = client.progress().into_iter();
    let goal = progress
        .find(|progress| progress.goal == BADGE_TO_KIIMINKI)
        .context("the badge of Kiiminki")?;
    Ok(Standing {
        goal: goal.name,
        current: goal.current,
        badges: client.awards().len(),
    })
}
