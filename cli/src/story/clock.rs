//! The story's time: one clock for every phone and tablet, moved by the story alone.

use std::sync::atomic::{AtomicI64, Ordering};

use askel_client_sdk::{Clock, ClockReading};
use askel_sync::time::{ClockSegment, Timestamp};

/// The boot that all readings belong to; any number but 0, which stands for unknown.
const BOOT_ID: u64 = 1;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct StoryClock {
    now_ms: AtomicI64,
}

impl StoryClock {
    /// Stands at an instant.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now_ms: AtomicI64::new(now.as_ms()),
        }
    }

    /// The story's now.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms.load(Ordering::SeqCst))
    }

    /// Moves on; never back.
    pub(crate) fn move_to(&self, now: Timestamp) {
        self.now_ms.fetch_max(now.as_ms(), Ordering::SeqCst);
    }
}

impl Clock for StoryClock {
    fn read(&self) -> ClockReading {
        let segment = ClockSegment {
            boot_id: BOOT_ID,
            wall_minus_monotonic_ms: 0,
        };
        ClockReading {
            wall: self.now(),
            segment,
        }
    }
}
