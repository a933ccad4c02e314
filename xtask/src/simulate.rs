//! `cargo xtask simulate`: simulated worlds, a seed each.

use anyhow::ensure;
use clap::Args;

use crate::workspace::Workspace;

/// Seeds of a run that is told nothing.
const SEEDS: u64 = 200;

/// Which seeds.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many seeds; 200, or 1 with a first seed.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long)]
    seed: Option<u64>,
    /// What else the simulation is told, after `--`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Plays them; a failing one ends the run with its minimal story.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<()> {
    let count = arguments
        .seeds
        .unwrap_or(if arguments.seed.is_some() { 1 } else { SEEDS });
    let first = arguments.seed.unwrap_or(1);
    let status = workspace
        .cargo(&[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "askel-simulation",
        ])
        .args(["--", "--seeds", &count.to_string()])
        .args(["--seed", &first.to_string()])
        .args(&arguments.more)
        .status()?;
    ensure!(status.success(), "the simulation failed");
    Ok(())
}
