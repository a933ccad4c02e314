//! A real kill -9 of the server while phones are syncing.

use std::time::Duration;

use super::Stage;
use crate::story::{
    compare,
    evening::{self, Interruption, Slot},
    fault::Fault,
    kept,
    server_process::ServerProcess,
    stopwatch::Stopwatch,
    telling,
};

/// Syncs that end well before the server is killed.
const SYNCS_BEFORE: usize = 2;

/// The devices sync, the server dies under them and comes back, and they sync again.
pub(crate) async fn killed_in_mid_write(
    stage: &mut Stage<'_>,
    slots: Vec<Slot>,
) -> anyhow::Result<()> {
    let devices = slots.len();
    let interruption = Interruption::KillAfter(SYNCS_BEFORE.min(devices.saturating_sub(1)).max(1));
    let synced = evening::sync_once(stage.world, slots, interruption).await?;
    let up_again = restart(stage).await?;
    let cut = synced.cut.len();
    evening::sync(stage.world, synced.cut).await?;
    let kept = kept::read(stage.world).await?;
    let (lost, doubled) = compare::lost_and_doubled(stage.world, &kept);
    stage.faults.expect(Fault::Crash, lost == 0 && doubled == 0);
    let text = stage.telling.text.clone();
    let tenths = u64::try_from(up_again.as_millis().div_ceil(100)).unwrap_or(u64::MAX);
    let now = stage.world.clock.now();
    let killed = text.story.killed.with(&[
        (
            "seconds",
            &telling::decimal(tenths, &text.calendar.decimal_mark),
        ),
        ("cut", &cut),
        ("devices", &devices),
    ]);
    stage.telling.happens(now, &killed)?;
    let none_lost = text
        .story
        .killed_none_lost
        .with(&[("lost", &lost), ("doubled", &doubled)]);
    stage.telling.happens(now, &none_lost)?;
    Ok(())
}

/// On the same address and the same data.
async fn restart(stage: &mut Stage<'_>) -> anyhow::Result<Duration> {
    let watch = Stopwatch::start();
    let address = stage.world.server.address();
    // With few devices none may have synced before all were done: it dies now at the latest.
    stage.world.server.kill().await?;
    let now = stage.world.clock.now();
    stage.world.server = ServerProcess::start(&stage.world.home, address, now).await?;
    Ok(watch.elapsed())
}
