//! When those may come again who found no room: a pure machine.
//!
//! Each refused call gets the next place of a line that is served at the pace at which the server got on
//! lately: ten thousand who come at once are told ten thousand different times, and come back at a rate
//! that can be served, not as the same crowd.

use std::time::Duration;

use crate::limits::{BUSY_RETRY_MS, BUSY_RETRY_MS_MAX};

/// Calls a second at least, however slow it seems.
const PACE_MIN: u64 = 10;
/// Before anything is known.
const PACE_AT_FIRST: u64 = 1_000;
const WINDOW: Duration = Duration::from_secs(1);

/// The pace, and the end of the line of those who were asked to come again.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Calls a second, by the windows in which any was refused.
    per_s: u64,
    window: Window,
    /// Up to when those who were refused take all there is.
    end: Duration,
}

#[derive(Debug, Default)]
struct Window {
    begun: Duration,
    served: u64,
    refused: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            per_s: PACE_AT_FIRST,
            window: Window::default(),
            end: Duration::ZERO,
        }
    }

    /// A call was served.
    pub(crate) fn served(&mut self, now: Duration) {
        self.turn(now);
        self.window.served = self.window.served.saturating_add(1);
    }

    /// A call is refused: after how many milliseconds it may come again.
    pub(crate) fn refused(&mut self, now: Duration) -> u64 {
        self.turn(now);
        self.window.refused = self.window.refused.saturating_add(1);
        let soonest = now.saturating_add(Duration::from_millis(BUSY_RETRY_MS));
        let latest = now.saturating_add(Duration::from_millis(BUSY_RETRY_MS_MAX));
        // A phone comes up to a quarter later than it is told: at an eighth more they come as they can be
        // served.
        let told_per_s = self.per_s.saturating_add(self.per_s / 8).max(1);
        let each = Duration::from_nanos(1_000_000_000_u64.checked_div(told_per_s).unwrap_or(0));
        self.end = self.end.clamp(soonest, latest).saturating_add(each);
        let wait = self.end.saturating_sub(now);
        u64::try_from(wait.as_millis()).unwrap_or(BUSY_RETRY_MS_MAX)
    }

    /// Looks back at a window that is over. One in which nobody was refused says nothing of what could
    /// have been served.
    fn turn(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.window.begun);
        if passed < WINDOW {
            return;
        }
        if self.window.refused > 0 {
            let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            let per_s = self.window.served.saturating_mul(1_000).checked_div(ms);
            // It believes at once that it is faster, and slowly that it is not: to refuse a crowd takes time
            // too, and of those who come too early some are asked once more, while those who come too late
            // leave it idle.
            let slower = self.per_s.saturating_sub(self.per_s / 32);
            self.per_s = per_s.unwrap_or(0).max(slower).max(PACE_MIN);
        }
        self.window = Window {
            begun: now,
            ..Window::default()
        };
    }
}

#[cfg(test)]
mod tests;
