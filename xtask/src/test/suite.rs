//! Suites with their times, told as they end and in a table at the end.

use std::{io::Write as _, time::Duration};

use anyhow::bail;

use crate::stopwatch::{Stopwatch, in_words};

/// What a suite that went well has to say.
#[derive(Default)]
pub(super) struct Outcome {
    tests: u64,
    skipped: Vec<String>,
}

impl Outcome {
    /// Reads libtest's summary lines, and the lines in which a test says that it, or a part of it,
    /// was skipped.
    pub(super) fn read(stdout: &str, stderr: &str) -> Self {
        let tests = stdout
            .lines()
            .filter_map(|line| line.strip_prefix("test result: ok. "))
            .filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok())
            .fold(0, u64::saturating_add);
        let lines = stdout.lines().chain(stderr.lines());
        let skipped = lines.filter(|line| line.starts_with("skipped: "));
        Self {
            tests,
            skipped: skipped.map(str::to_owned).collect(),
        }
    }
}

/// A suite that was run.
struct Run {
    name: String,
    time: Duration,
    outcome: Result<Outcome, anyhow::Error>,
}

/// All that was run so far.
pub(super) struct Report {
    total: Stopwatch,
    runs: Vec<Run>,
}

impl Report {
    /// Starts the clock of the total.
    pub(super) fn start() -> Self {
        Self {
            total: Stopwatch::start(),
            runs: Vec::new(),
        }
    }

    /// Runs a suite and tells how it went. A failure is kept, and the others run all the same.
    ///
    /// # Errors
    /// When stdout is gone.
    pub(super) fn run(
        &mut self,
        name: &str,
        suite: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<()> {
        let stopwatch = Stopwatch::start();
        let outcome = suite();
        let run = Run {
            name: name.to_owned(),
            time: stopwatch.elapsed(),
            outcome,
        };
        writeln!(std::io::stdout().lock(), "{}", run.line())?;
        if let Err(error) = &run.outcome {
            writeln!(std::io::stdout().lock(), "{error:#}\n")?;
        }
        self.runs.push(run);
        Ok(())
    }

    /// Whether a suite of this name has failed.
    pub(super) fn is_fine_so_far(&self, name: &str) -> bool {
        self.runs
            .iter()
            .all(|run| run.name != name || run.outcome.is_ok())
    }

    /// The table at the end.
    ///
    /// # Errors
    /// When a suite failed.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "\nslowest first:")?;
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.time));
        for run in runs {
            writeln!(stdout, "{}", run.line())?;
        }
        let tests = self.runs.iter().filter_map(|run| run.outcome.as_ref().ok());
        let tests = tests.fold(0_u64, |sum, outcome| sum.saturating_add(outcome.tests));
        let failed: Vec<&str> = self
            .runs
            .iter()
            .filter(|run| run.outcome.is_err())
            .map(|run| &*run.name)
            .collect();
        let total = in_words(self.total.elapsed());
        if failed.is_empty() {
            writeln!(stdout, "\nall well: {tests} tests in {total}")?;
            Ok(())
        } else {
            bail!("failed after {total}: {}", failed.join(", "))
        }
    }
}

impl Run {
    fn line(&self) -> String {
        let time = in_words(self.time);
        let (mark, tests) = match &self.outcome {
            Ok(Outcome { tests: 0, .. }) => ("ok", String::new()),
            Ok(Outcome { tests, .. }) => ("ok", format!("{tests} tests")),
            Err(_) => ("FAILED", String::new()),
        };
        let line = format!("{mark:<6} {:<44} {tests:>10} {time:>12}", self.name);
        let skipped = self.outcome.iter().flat_map(|outcome| &outcome.skipped);
        skipped.fold(line, |lines, skipped| {
            format!("{lines}\n         {skipped}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_and_skips_are_told() {
        let outcome = Outcome::read(
            "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed;\ntest result: ok. 3 passed;\n",
            "skipped: no walking data\nnoise\n",
        );
        assert_eq!(outcome.tests, 5);
        assert_eq!(outcome.skipped, ["skipped: no walking data"]);
    }

    #[test]
    fn a_failure_is_kept_to_the_end() {
        let mut report = Report::start();
        report
            .run("good", || Ok(Outcome::default()))
            .expect("stdout");
        report.run("bad", || bail!("broken")).expect("stdout");
        assert!(report.is_fine_so_far("good"));
        assert!(!report.is_fine_so_far("bad"));
        let error = report.finish().expect_err("a suite failed");
        assert!(error.to_string().ends_with(": bad"), "{error}");
    }
}
