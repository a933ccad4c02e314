//! Real servers whose machine is lost, on each store.

use anyhow::ensure;

use crate::workspace::Workspace;

/// Runs the tests that read `ASKEL_LOSSES`.
pub(super) fn run(workspace: &Workspace, count: u32) -> anyhow::Result<()> {
    let status = workspace
        .cargo(&["test", "--locked", "--package", "askel-cli", "--test"])
        .args(["outside", "lost_machine", "--", "--nocapture"])
        .env("ASKEL_LOSSES", count.to_string())
        .status()?;
    ensure!(status.success(), "the drill failed");
    Ok(())
}
