//! When an act happened, by the server's reckoning.

use super::Flags;
use crate::{
    limits::CLOCK_SKEW_TOLERATED_MS,
    time::{BootTime, ClockSegment, Timestamp},
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

/// What is known of the clocks around an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// The segment that the op was written in.
    pub written_in: ClockSegment,
    /// The clock of the request.
    pub sent_with: Option<ClockReading>,
    /// What the server's time was in the boot that the op was written in, if that boot is over and the
    /// device had learned it.
    pub told: Option<BootTime>,
    /// The server's clock.
    pub received_at: Timestamp,
}

impl Clocks {
    /// The clock of the boot the op was written in, at the moment of receipt.
    fn of_boot(&self) -> Option<ClockReading> {
        let boot_id = self.written_in.boot_id;
        if boot_id == 0 {
            return None;
        }
        let sending = self.sent_with.filter(|now| now.segment.boot_id == boot_id);
        let told = self.told.filter(|told| told.boot_id == boot_id);
        sending.or_else(|| {
            told.map(|told| ClockReading {
                wall: self.received_at,
                segment: ClockSegment {
                    boot_id,
                    wall_minus_monotonic_ms: told.server_minus_monotonic_ms,
                },
            })
        })
    }
}

/// Corrects a claimed time.
///
/// The monotonic clock of a boot ties what was written in it to the server's time: by the clock that
/// sends now, if that is the same boot, else by what the device had learned while the boot lasted.
/// The claimed time moves by what the wall clock has jumped since, plus what it is off now. A claim
/// that would lie after its own sending was not made by that clock, and is not tied.
///
/// Without a tie nobody can tell: a clock that was off, set right and followed by another boot looks
/// like one that never was off. Such a claim stands and is flagged, be the clock that sends it right or
/// not; one of the future is held at the time of receipt. So is flagged whatever a device writes that
/// can't tell its boots.
pub fn correct(claimed: Timestamp, clocks: &Clocks) -> CorrectedTime {
    let received_at = clocks.received_at;
    let tied = clocks.of_boot().filter(|now| {
        let ahead_ms = since_boot_ms(claimed, clocks.written_in)
            .saturating_sub(since_boot_ms(now.wall, now.segment));
        ahead_ms <= CLOCK_SKEW_TOLERATED_MS
    });
    let believed = crate::planted!(ClockBelieved);
    let shift_ms = tied.filter(|_| !believed).map_or(0, |now| {
        let jumped_ms = now
            .segment
            .wall_minus_monotonic_ms
            .saturating_sub(clocks.written_in.wall_minus_monotonic_ms);
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
    if tied.is_none() || ahead_ms > CLOCK_SKEW_TOLERATED_MS || at < EARLIEST {
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

    fn sent(written_in: ClockSegment, wall: Timestamp, segment: ClockSegment) -> Clocks {
        Clocks {
            written_in,
            sent_with: Some(ClockReading { wall, segment }),
            told: None,
            received_at: NOW,
        }
    }

    #[test]
    fn a_good_clock_is_left_alone() {
        let claimed = NOW.saturating_add_ms(-3 * HOUR_MS);
        let corrected = correct(claimed, &sent(segment(1, 0), NOW, segment(1, 0)));
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
        let now = NOW.saturating_add_ms(years);
        let happened = NOW.saturating_add_ms(-HOUR_MS);
        let before_the_jump = sent(segment(1, 0), now, segment(1, years));
        assert_eq!(correct(happened, &before_the_jump).at, happened);
        let claimed = happened.saturating_add_ms(years);
        let after_the_jump = sent(segment(1, years), now, segment(1, years));
        let corrected = correct(claimed, &after_the_jump);
        assert_eq!(corrected.at, happened);
        assert_eq!(corrected.flags, Flags::CLOCK_CORRECTED);
    }

    #[test]
    fn the_future_is_held_at_the_time_of_receipt_and_flagged() {
        let clocks = Clocks {
            sent_with: None,
            ..sent(segment(1, 0), NOW, segment(1, 0))
        };
        let corrected = correct(Timestamp::from_ms(i64::MAX), &clocks);
        assert_eq!(
            corrected,
            CorrectedTime {
                at: NOW,
                flags: Flags::CLOCK_UNSURE
            }
        );
    }
}
