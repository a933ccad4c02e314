//! `[retention]`: what goes by its age.

use askel_sync::time::{DAY_MS, LocalDate, Timestamp};

use super::faults::Reader;

/// Devices keep the pages that they were handed so long, in days, to hand them back to a restored server: no
/// place's day goes before.
const PLACE_DAY_DAYS_MIN: i32 = 35;

/// The section `[retention]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Days for which the stream of a place's day is kept.
    pub place_day_days: i32,
    /// Milliseconds between two looks whether something is past its time.
    pub look_ms: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            place_day_days: PLACE_DAY_DAYS_MIN,
            look_ms: 600_000,
        }
    }
}

impl RetentionConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            place_day_days: reader.number(
                "retention.place_day_days",
                default.place_day_days,
                PLACE_DAY_DAYS_MIN..=3_660,
            ),
            look_ms: reader.number("retention.look_ms", default.look_ms, 1_000..=3_600_000),
        }
    }

    /// The first day of places that may still be read, by the date in UTC: of a place elsewhere it is a day
    /// more or less.
    pub fn first_day_read(&self, now: Timestamp) -> LocalDate {
        let today = now.as_ms().div_euclid(DAY_MS);
        let first = today.saturating_sub(self.place_day_days.into());
        LocalDate::from_days(i32::try_from(first).unwrap_or(i32::MIN))
    }

    /// The first day of places that is not dropped yet: a day before, so that whoever reads it on a server
    /// whose clock is behind has come to an end.
    pub fn first_day_kept(&self, now: Timestamp) -> LocalDate {
        let read = self.first_day_read(now).as_days();
        LocalDate::from_days(read.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_dropped_a_day_after_it_was_read_last() {
        let config = RetentionConfig::default();
        let midnight = Timestamp::from_ms(100 * DAY_MS);
        let before = Timestamp::from_ms(100 * DAY_MS - 1);
        let days = |now| {
            (
                config.first_day_read(now).as_days(),
                config.first_day_kept(now).as_days(),
            )
        };
        assert_eq!((days(before), days(midnight)), ((64, 63), (65, 64)));
        assert_eq!(days(Timestamp::from_ms(i64::MIN)), (i32::MIN, i32::MIN));
    }
}
