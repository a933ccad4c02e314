//! moss-7 has no data plan: weeks without network, then one sync.

use super::{Stage, alias};
use crate::story::{evening, schedule::Who, telling, world::Network};

/// The devices stop reaching the server and go on counting.
pub(crate) async fn go_quiet(stage: &mut Stage<'_>, moss: usize, days: i32) -> anyhow::Result<()> {
    let slots = [0, 1].map(|device| evening::Slot {
        person: moss,
        device,
    });
    evening::sync(stage.world, slots.to_vec()).await?;
    stage.world.person_mut(moss)?.network = Network::None;
    let text = stage.telling.text.clone();
    let alias = alias(stage.world, &text, Who::Walker(moss))?;
    let line = text.story.quiet.with(&[("alias", &alias), ("days", &days)]);
    stage.telling.happens(stage.world.clock.now(), &line)?;
    Ok(())
}

/// Everything since then goes up in one sync of each device.
pub(crate) async fn find_wifi(stage: &mut Stage<'_>, moss: usize, days: i32) -> anyhow::Result<()> {
    stage.world.person_mut(moss)?.network = Network::Reachable;
    let slots = [0, 1].map(|device| evening::Slot {
        person: moss,
        device,
    });
    let [phone, other] = slots;
    let synced = evening::sync_once(stage.world, vec![phone], evening::Interruption::None).await?;
    evening::sync(stage.world, vec![other]).await?;
    let report = synced.done.first().map(|(_, report)| report);
    let (bytes, badges) = report.map_or((0, 0), |report| {
        (
            report.bytes_up.saturating_add(report.bytes_down),
            report.confirmed_awards.len(),
        )
    });
    let text = stage.telling.text.clone();
    let line = text.story.found_wifi.with(&[
        ("alias", &alias(stage.world, &text, Who::Walker(moss))?),
        ("days", &days),
        ("size", &telling::size(bytes, &text.calendar.decimal_mark)),
        ("badges", &badges),
    ]);
    stage.telling.happens(stage.world.clock.now(), &line)?;
    Ok(())
}
