//! The one place of xtask that reads a clock: how long a step took.

use std::time::{Duration, Instant};

/// Started when made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one wrapper of the clock in xtask"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// `1.4 s`, or `2 min 05 s` from a minute on.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds.checked_div(60), seconds.checked_rem(60)) {
        (Some(minutes), Some(rest)) if minutes > 0 => format!("{minutes} min {rest:02} s"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_told_from_a_minute_on() {
        let check = |ms, words: &str| assert_eq!(in_words(Duration::from_millis(ms)), words);
        check(0, "0.0 s");
        check(1_449, "1.4 s");
        check(59_900, "59.9 s");
        check(60_000, "1 min 00 s");
        check(125_000, "2 min 05 s");
    }
}
