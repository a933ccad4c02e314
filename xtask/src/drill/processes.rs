//! Twenty SDK processes and a server process in bad weather.

use anyhow::ensure;

use crate::workspace::Workspace;

/// Runs the test for so many minutes.
pub(super) fn run(workspace: &Workspace, minutes: u32) -> anyhow::Result<()> {
    let seconds = minutes.saturating_mul(60);
    let status = workspace
        .cargo(&["test", "--locked", "--package", "askel-cli"])
        .args(["--test", "outside", "twenty_processes", "--", "--nocapture"])
        .env("ASKEL_SECONDS", seconds.to_string())
        .status()?;
    ensure!(status.success(), "the drill failed");
    Ok(())
}
