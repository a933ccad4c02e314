//! The demo on real walking data, with one seed after another.

use std::{io::Write as _, path::Path};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::workspace::Workspace;

/// What must come out of the public-domain walking data of 33 people, whatever the seed.
const FIGURES: &[(&str, u64)] = &[
    ("participants", 33),
    ("devices", 66),
    ("steps_total", 7_075_356),
    ("person_days", 934),
    ("median_day_steps", 7_369),
    ("max_day_steps", 36_019),
];

/// Plays the data with seeds 1 to `count`.
pub(super) fn run(workspace: &Workspace, steps: &Path, count: u32) -> anyhow::Result<()> {
    let steps = workspace.root.join(steps);
    ensure!(
        steps.exists(),
        "no walking data at {}; see --steps",
        steps.display()
    );
    let status = workspace
        .cargo(&["build", "--release", "--locked"])
        .status()?;
    ensure!(status.success(), "the build failed");
    for seed in 1..=count {
        let told = play(workspace, &steps, seed).with_context(|| format!("seed {seed}"))?;
        check(&told).with_context(|| format!("seed {seed}: {told}"))?;
        let seconds = told.get("seconds").cloned().unwrap_or_default();
        writeln!(
            std::io::stdout().lock(),
            "seed {seed}: as it should be, {seconds} s"
        )?;
    }
    Ok(())
}

fn play(workspace: &Workspace, steps: &Path, seed: u32) -> anyhow::Result<Value> {
    let seed = seed.to_string();
    let output = workspace
        .cargo(&[
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--",
            "demo",
            "--json",
            "--seed",
            &seed,
        ])
        .arg("--steps")
        .arg(steps)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("stdout is not one JSON object")
}

fn check(told: &Value) -> anyhow::Result<()> {
    for (name, expected) in FIGURES {
        let figure = told.get(*name).and_then(Value::as_u64);
        ensure!(
            figure == Some(*expected),
            "{name} is {figure:?} instead of {expected}"
        );
    }
    let hash = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let phone = hash("phone_award_hash");
    ensure!(phone.is_some(), "no phone_award_hash");
    ensure!(
        phone == hash("server_award_hash"),
        "phone and server hold other awards"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Value {
        serde_json::json!({
            "participants": 33, "devices": 66, "steps_total": 7_075_356, "person_days": 934,
            "median_day_steps": 7_369, "max_day_steps": 36_019,
            "phone_award_hash": "a9", "server_award_hash": "a9",
        })
    }

    #[test]
    fn each_figure_must_be_right() {
        assert!(check(&told()).is_ok());
        for (name, _) in FIGURES {
            let mut wrong = told();
            wrong[*name] = Value::from(1);
            assert!(check(&wrong).is_err(), "{name}");
        }
        let mut wrong = told();
        wrong["server_award_hash"] = Value::from("b0");
        assert!(check(&wrong).is_err());
    }
}
