//! The bar while the story works; plain lines where there is no terminal.

use std::io::Write as _;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::ProgressText;

/// Days between two plain lines.
const DAYS_PER_LINE: i32 = 10;

/// How far the story has come, on standard error.
pub(crate) struct Progress {
    days: i32,
    text: ProgressText,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins before the first day.
    pub(crate) fn begin(days: i32, text: ProgressText) -> Self {
        let bar = Term::stderr().is_term().then(|| {
            let length = u64::try_from(days).unwrap_or_default();
            let target = ProgressDrawTarget::stderr();
            ProgressBar::with_draw_target(Some(length), target).with_style(style())
        });
        let progress = Self { days, text, bar };
        progress.say(progress.text.preparing.plain());
        progress
    }

    /// A day has begun, from 1.
    pub(crate) fn day(&self, day: i32) {
        let line = self.text.day.with(&[("day", &day), ("days", &self.days)]);
        match &self.bar {
            Some(bar) => {
                bar.set_position(u64::try_from(day).unwrap_or_default());
                bar.set_message(line);
            }
            None if day.rem_euclid(DAYS_PER_LINE) == 1 => self.say(&line),
            None => {}
        }
    }

    /// The month is over.
    pub(crate) fn comparing(&self) {
        self.say(self.text.comparing.plain());
    }

    /// Writes something above the bar.
    pub(crate) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(line.to_owned()),
            // Nobody is asked to stop the story because progress can't be written.
            None => drop(writeln!(std::io::stderr().lock(), "{line}")),
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {bar:31} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▌·")
}
