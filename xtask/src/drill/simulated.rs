//! Drills on simulated phones, scanners and a server.

use anyhow::ensure;

use crate::workspace::Workspace;

/// Runs one with so much of it.
pub(super) fn run(workspace: &Workspace, name: &str, count: u32) -> anyhow::Result<()> {
    let count = count.to_string();
    let what = match name {
        "planted" => vec!["--planted", "--seeds", &count],
        _ => vec!["--drill", name, "--count", &count],
    };
    let status = workspace
        .cargo(&[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "askel-simulation",
            "--",
        ])
        .args(what)
        .status()?;
    ensure!(status.success(), "the drill failed");
    Ok(())
}
