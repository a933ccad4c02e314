//! Time, as a component. [`SystemClock`] is the one place that reads the machine's clocks.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use askel_sync::time::Timestamp;

/// What tells the time.
pub trait Clock: Send + Sync {
    /// Wall time: goes into records and is compared with other people's clocks.
    fn now(&self) -> Timestamp;

    /// Time since some fixed instant of this process; never goes back, never jumps. For waiting.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts counting monotonic time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one wrapper of the machine's clocks"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one wrapper of the machine's clocks"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A wall clock that can be set, for rehearsals and tests; monotonic time stays the machine's.
#[derive(Debug)]
pub struct RehearsalClock {
    system: SystemClock,
    fixed: Mutex<Option<Timestamp>>,
}

impl RehearsalClock {
    /// Follows the machine's clock until it is set.
    pub fn start() -> Self {
        Self {
            system: SystemClock::start(),
            fixed: Mutex::new(None),
        }
    }

    /// Stands still at an instant, or follows the machine's clock again.
    pub fn set(&self, fixed: Option<Timestamp>) {
        *self
            .fixed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = fixed;
    }
}

impl Clock for RehearsalClock {
    fn now(&self) -> Timestamp {
        let fixed = *self
            .fixed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        fixed.unwrap_or_else(|| self.system.now())
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_clock_stands_where_it_was_set_until_it_follows_the_machine_again() {
        let clock = RehearsalClock::start();
        clock.set(Some(Timestamp::from_ms(1_460_000_000_000)));
        assert_eq!(clock.now(), Timestamp::from_ms(1_460_000_000_000));
        clock.set(None);
        assert!(clock.now() > Timestamp::from_ms(1_460_000_000_000));
    }
}
