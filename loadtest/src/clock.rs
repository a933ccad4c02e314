//! The year's time: one instant for the server and every device, moved by the year alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use askel_client_sdk::{Clock, ClockReading};
use askel_server::clock::{Clock as ServerClock, SystemClock};
use askel_sync::time::{ClockSegment, DAY_MS, Timestamp};

/// Days after which a phone is started anew.
const BOOT_DAYS: i64 = 30;

/// The instant that everyone shares. Clones share it too.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    ms: Arc<AtomicI64>,
}

impl Now {
    pub(crate) fn at(ms: i64) -> Self {
        Self {
            ms: Arc::new(AtomicI64::new(ms)),
        }
    }

    pub(crate) fn get(&self) -> Timestamp {
        Timestamp::from_ms(self.ms.load(Ordering::SeqCst))
    }

    /// Moves on; never back.
    pub(crate) fn move_to(&self, ms: i64) {
        self.ms.fetch_max(ms, Ordering::SeqCst);
    }

    pub(crate) fn forward_ms(&self, ms: i64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The server's clock: waits take real time.
#[derive(Debug)]
pub(crate) struct ServerTime {
    now: Now,
    system: SystemClock,
}

impl ServerTime {
    pub(crate) fn new(now: &Now) -> Self {
        Self {
            now: now.clone(),
            system: SystemClock::start(),
        }
    }
}

impl ServerClock for ServerTime {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// A device's clock: right, and with a new boot each month.
#[derive(Debug)]
pub(crate) struct DeviceTime {
    now: Now,
    /// Tells devices apart.
    device: u64,
}

impl DeviceTime {
    pub(crate) fn new(now: &Now, device: u64) -> Self {
        Self {
            now: now.clone(),
            device,
        }
    }
}

impl Clock for DeviceTime {
    fn read(&self) -> ClockReading {
        let wall = self.now.get();
        let since_boot_ms = wall.as_ms().rem_euclid(BOOT_DAYS.saturating_mul(DAY_MS));
        let booted_ms = wall.as_ms().saturating_sub(since_boot_ms);
        // Looks as random as the boot ids of real systems.
        let boot_id = booted_ms
            .unsigned_abs()
            .wrapping_add(self.device)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ClockReading {
            wall,
            segment: ClockSegment {
                boot_id,
                wall_minus_monotonic_ms: booted_ms,
            },
        }
    }
}
