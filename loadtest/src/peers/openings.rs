//! The peers' program: its rows, then an opening whenever it is asked for one.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::Context as _;
use askel_workload::Shape;
use serde_json::Value;

/// Where their workspace is.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/Cargo.toml");

/// The program while it runs. It ends when it is dropped.
pub(crate) struct Openings {
    child: Child,
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Openings {
    /// Builds and starts it, and waits for its rows.
    pub(super) fn start(shape: Shape) -> anyhow::Result<(Value, Self)> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args([
                "run",
                "--release",
                "--quiet",
                "--manifest-path",
                MANIFEST,
                "--",
            ])
            .args(["--days", &shape.days.to_string()])
            .args(["--seed", &shape.seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("running the peers")?;
        let asked = child.stdin.take().context("the peers have no input")?;
        let answers = child.stdout.take().context("the peers have no output")?;
        let mut openings = Self {
            child,
            asked,
            answers: BufReader::new(answers).lines(),
        };
        let rows = serde_json::from_str(&openings.answer()?)?;
        Ok((rows, openings))
    }

    /// How long a peer takes to open one layout's document and read every value, in milliseconds.
    pub(crate) fn open_ms(&mut self, peer: &str, layout: &str) -> anyhow::Result<f64> {
        writeln!(self.asked, "{peer} {layout}").context("asking the peers")?;
        Ok(self.answer()?.parse()?)
    }

    fn answer(&mut self) -> anyhow::Result<String> {
        let answer = self.answers.next().context("the peers failed")?;
        Ok(answer?)
    }
}

impl Drop for Openings {
    fn drop(&mut self) {
        // It also ends by itself, since its input ends; then there is nothing to kill.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
