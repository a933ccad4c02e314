//! The clock, as a component: the one place of the SDK that asks the system for the time.

use std::{
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use askel_sync::time::{ClockSegment, Timestamp};

pub use askel_sync::admission::ClockReading;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The wall clock now, and the segment it is in.
    fn read(&self) -> ClockReading;
}

/// The system's clock.
///
/// Where the system tells its boot and the time since it, sleep included (`/proc` of Linux and of
/// Android where it may be read), jumps of the wall clock are seen and can be corrected later. Elsewhere
/// the boot is unknown, and every time is flagged as unsure: nobody can tell whether the clock was right.
#[derive(Debug, Default)]
pub struct SystemClock {
    segment: Mutex<ClockSegment>,
}

/// A smaller change of wall minus monotonic is the two clocks' jitter, not a jump, in milliseconds.
const JUMP_MS_MIN: i64 = 1_000;

impl SystemClock {
    /// A clock that has not seen a jump yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for SystemClock {
    fn read(&self) -> ClockReading {
        let wall = wall();
        let seen = segment_at(wall);
        let mut held = self
            .segment
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let moved_ms = seen
            .wall_minus_monotonic_ms
            .saturating_sub(held.wall_minus_monotonic_ms);
        if seen.boot_id != held.boot_id || moved_ms.saturating_abs() >= JUMP_MS_MIN {
            *held = seen;
        }
        ClockReading {
            wall,
            segment: *held,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one wrapper of the SDK's clock"
)]
fn wall() -> Timestamp {
    let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_millis()).map_or(i64::MIN, i64::saturating_neg)
        }
    };
    Timestamp::from_ms(ms)
}

fn segment_at(wall: Timestamp) -> ClockSegment {
    match (boot_id(), ms_since_boot()) {
        (Some(boot_id), Some(monotonic_ms)) => ClockSegment {
            boot_id,
            wall_minus_monotonic_ms: wall.as_ms().saturating_sub(monotonic_ms),
        },
        _ => ClockSegment::default(),
    }
}

/// The first 64 bits of the kernel's random id of this boot.
fn boot_id() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(16)
        .collect();
    u64::from_str_radix(&digits, 16).ok()
}

/// Since boot, sleep included.
fn ms_since_boot() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let hundredths = rest.split_whitespace().next()?;
    let seconds: i64 = seconds.parse().ok()?;
    let hundredths: i64 = hundredths.parse().ok()?;
    seconds
        .checked_mul(1_000)?
        .checked_add(hundredths.checked_mul(10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_close_together_share_a_segment() {
        let clock = SystemClock::new();
        let first = clock.read();
        let second = clock.read();
        assert_eq!(first.segment, second.segment);
        assert!(first.wall.as_ms() > 1_700_000_000_000);
    }
}
