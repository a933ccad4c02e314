//! Time: the true one, the server's, and what each device believes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use askel_client_sdk::{ClockReading, ClockSegment, Timestamp};
use tokio::time::Instant;

/// Tuesday, 12 April 2016, noon in Helsinki.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_ms(1_460_451_600_000);

/// The true time: the runtime's, which is virtual, and leaps over quiet days.
pub(crate) struct TrueTime {
    started: Instant,
    leapt_ms: AtomicI64,
}

impl TrueTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's clock is paused: this is the world's own time"
    )]
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            leapt_ms: AtomicI64::new(0),
        }
    }

    /// Since the world began, without the leaps.
    pub(crate) fn awake(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn now(&self) -> Timestamp {
        let awake_ms = i64::try_from(self.awake().as_millis()).unwrap_or(i64::MAX);
        BEGINNING.saturating_add_ms(awake_ms.saturating_add(self.leapt_ms.load(Ordering::Relaxed)))
    }

    /// Time passes in which nobody does anything.
    pub(crate) fn leap(&self, ms: i64) {
        self.leapt_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// The server's clock is right.
pub(crate) struct ServerClock(pub(crate) Arc<TrueTime>);

impl askel_server::clock::Clock for ServerClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.awake()
    }
}

/// What a device believes. Its monotonic clock is right within a boot, and counts sleep.
pub(crate) struct DeviceClock {
    true_time: Arc<TrueTime>,
    state: Mutex<Believed>,
}

#[derive(Debug, Clone, Copy)]
struct Believed {
    wall_ahead_ms: i64,
    boot_id: u64,
    booted_at: Timestamp,
}

impl DeviceClock {
    pub(crate) fn new(true_time: Arc<TrueTime>, boot_id: u64) -> Self {
        let booted_at = true_time.now().saturating_add_ms(-3_600_000);
        Self {
            true_time,
            state: Mutex::new(Believed {
                wall_ahead_ms: 0,
                boot_id,
                booted_at,
            }),
        }
    }

    /// The wall clock jumps; time itself does not.
    pub(crate) fn jump(&self, ms: i64) {
        let mut state = self.state();
        state.wall_ahead_ms = state.wall_ahead_ms.saturating_add(ms);
    }

    /// The wall clock is set right.
    pub(crate) fn set_right(&self) {
        self.state().wall_ahead_ms = 0;
    }

    pub(crate) fn reboot(&self, boot_id: u64) {
        let now = self.true_time.now();
        let mut state = self.state();
        state.boot_id = boot_id;
        state.booted_at = now;
    }

    fn state(&self) -> MutexGuard<'_, Believed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl askel_client_sdk::Clock for DeviceClock {
    fn read(&self) -> ClockReading {
        let state = *self.state();
        ClockReading {
            wall: self.true_time.now().saturating_add_ms(state.wall_ahead_ms),
            segment: ClockSegment {
                boot_id: state.boot_id,
                wall_minus_monotonic_ms: state
                    .booted_at
                    .as_ms()
                    .saturating_add(state.wall_ahead_ms),
            },
        }
    }
}
