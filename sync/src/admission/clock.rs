//! When an act happened, by the server's reckoning.

use super::Flags;
use crate::{
    limits::CLOCK_SKEW_TOLERATED_MS,
    time::{ClockSegment, Timestamp},
};

/// What the sending device's clock said at the moment of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Its wall clock.
    pub wall: Timestamp,
    /// Its clock segment.
    pub segment: ClockSegment,
}

/// A corrected time with its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorrectedTime {
    /// Never later than the time of receipt.
    pub at: Timestamp,
    /// Whether and how surely it was corrected.
    pub flags: Flags,
}

/// Before this instant nobody used Askel: 2010-01-01T00:00:00Z. A phone without a battery for its
/// clock says 1970.
const EARLIEST: Timestamp = Timestamp::from_ms(1_262_304_000_000);

/// Corrects a claimed time.
///
/// When the op was written in the boot that now sends it, the monotonic clock ties the two
/// together: the claimed time moves by what the wall clock has jumped since, plus what it is off
/// now. A claim that would lie after its own sending was not made by that clock, and is not tied.
/// Without a tie a claim stands, and is flagged where the sending clock is off, where the claim lies
/// in the future (it is held at the time of receipt), or where it lies before anyone used Askel.
pub fn correct(
    claimed: Timestamp,
    written_in: ClockSegment,
    sent_with: Option<ClockReading>,
    received_at: Timestamp,
) -> CorrectedTime {
    let of_boot = sent_with
        .filter(|now| written_in.boot_id != 0 && written_in.boot_id == now.segment.boot_id)
        .filter(|_| !crate::planted!(ClockBelieved));
    let tied = of_boot.filter(|now| {
        let ahead_ms =
            since_boot_ms(claimed, written_in).saturating_sub(since_boot_ms(now.wall, now.segment));
        ahead_ms <= CLOCK_SKEW_TOLERATED_MS
    });
    let shift_ms = tied.map_or(0, |now| {
        let jumped_ms = now
            .segment
            .wall_minus_monotonic_ms
            .saturating_sub(written_in.wall_minus_monotonic_ms);
        received_at
            .saturating_ms_since(now.wall)
            .saturating_add(jumped_ms)
    });
    let (at, mut flags) = if shift_ms.saturating_abs() > CLOCK_SKEW_TOLERATED_MS {
        (claimed.saturating_add_ms(shift_ms), Flags::CLOCK_CORRECTED)
    } else {
        (claimed, Flags::default())
    };
    let ahead_ms = at.saturating_ms_since(received_at);
    let untied_and_off = tied.is_none()
        && sent_with.is_some_and(|now| {
            received_at.saturating_ms_since(now.wall).saturating_abs() > CLOCK_SKEW_TOLERATED_MS
        });
    let contradicts_itself = tied.is_none() && of_boot.is_some();
    if ahead_ms > CLOCK_SKEW_TOLERATED_MS || untied_and_off || contradicts_itself || at < EARLIEST {
        flags = flags.with(Flags::CLOCK_UNSURE);
    }
    CorrectedTime {
        at: at.min(received_at),
        flags,
    }
}

/// When an instant of a segment's wall clock was, in milliseconds since the boot.
fn since_boot_ms(wall: Timestamp, segment: ClockSegment) -> i64 {
    wall.as_ms().saturating_sub(segment.wall_minus_monotonic_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{DAY_MS, HOUR_MS};

    const NOW: Timestamp = Timestamp::from_ms(1_460_000_000_000);

    fn segment(boot_id: u64, wall_minus_monotonic_ms: i64) -> ClockSegment {
        ClockSegment {
            boot_id,
            wall_minus_monotonic_ms,
        }
    }

    #[test]
    fn a_good_clock_is_left_alone() {
        let sent = ClockReading {
            wall: NOW,
            segment: segment(1, 0),
        };
        let claimed = NOW.saturating_add_ms(-3 * HOUR_MS);
        let corrected = correct(claimed, segment(1, 0), Some(sent), NOW);
        assert_eq!(
            corrected,
            CorrectedTime {
                at: claimed,
                flags: Flags::default()
            }
        );
    }

    #[test]
    fn a_clock_years_off_is_corrected_within_one_boot() {
        let years = 4 * 365 * DAY_MS;
        let sent = ClockReading {
            wall: NOW.saturating_add_ms(years),
            segment: segment(1, years),
        };
        let happened = NOW.saturating_add_ms(-HOUR_MS);
        let before_the_jump = correct(happened, segment(1, 0), Some(sent), NOW);
        assert_eq!(before_the_jump.at, happened);
        let claimed = happened.saturating_add_ms(years);
        let after_the_jump = correct(claimed, segment(1, years), Some(sent), NOW);
        assert_eq!(after_the_jump.at, happened);
        assert_eq!(after_the_jump.flags, Flags::CLOCK_CORRECTED);
    }

    #[test]
    fn the_future_is_held_at_the_time_of_receipt_and_flagged() {
        let corrected = correct(Timestamp::from_ms(i64::MAX), segment(1, 0), None, NOW);
        assert_eq!(
            corrected,
            CorrectedTime {
                at: NOW,
                flags: Flags::CLOCK_UNSURE
            }
        );
    }
}
