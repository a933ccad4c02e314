//! How long things take for whoever watches, in the machine's time.

use std::time::Duration;

use askel_server::clock::{Clock as _, SystemClock};
use askel_sync::time::Timestamp;

/// A watch that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    clock: SystemClock,
}

impl Stopwatch {
    /// Starts at zero.
    pub(crate) fn start() -> Self {
        Self {
            clock: SystemClock::start(),
        }
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// The machine's time of day.
pub(crate) fn machine_time() -> Timestamp {
    SystemClock::start().now()
}
