//! Instants, local days and clock segments. Values only: nothing here reads a clock.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in a quarter of an hour.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Later by `ms` milliseconds (earlier if negative), held at the ends of the range.
    #[must_use]
    pub const fn saturating_add_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`, negative if `earlier` is later.
    pub const fn saturating_ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The local day at `offset_minutes` east of UTC, where a day begins `cut_minutes` after
    /// midnight.
    pub const fn local_date(self, offset_minutes: i32, cut_minutes: i32) -> LocalDate {
        let shift = (offset_minutes as i64).saturating_sub(cut_minutes as i64);
        let local = self.0.saturating_add(shift.saturating_mul(MINUTE_MS));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "i64 milliseconds over a day's fit 38 bits; clamped to i32"
        )]
        let days = {
            let days = local.div_euclid(DAY_MS);
            if days > i32::MAX as i64 {
                i32::MAX
            } else if days < i32::MIN as i64 {
                i32::MIN
            } else {
                days as i32
            }
        };
        LocalDate(days)
    }
}

/// A calendar day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocalDate(i32);

impl LocalDate {
    /// From days since 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn as_days(self) -> i32 {
        self.0
    }

    /// 1 = Monday … 7 = Sunday.
    pub const fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::arithmetic_side_effects,
            reason = "0..=6 plus 1"
        )]
        let weekday = ((self.0 as i64 + 3).rem_euclid(7) + 1) as u8;
        weekday
    }

    /// Weeks since the Monday of 1969-12-29: equal for days of the same Monday-to-Sunday week.
    pub const fn week(self) -> i32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::arithmetic_side_effects,
            reason = "an i32 plus 3, divided by 7, fits an i32"
        )]
        let week = (self.0 as i64 + 3).div_euclid(7) as i32;
        week
    }

    /// The civil date, or `None` outside the years jiff can tell (-9999 to 9999).
    pub fn to_civil(self) -> Option<jiff::civil::Date> {
        let epoch = jiff::civil::date(1970, 1, 1);
        epoch
            .checked_add(jiff::Span::new().try_days(self.0).ok()?)
            .ok()
    }

    /// From a civil date.
    pub fn from_civil(date: jiff::civil::Date) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = date.duration_since(epoch).as_hours().div_euclid(24);
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }
}

/// A quarter of an hour, counted since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(u32);

impl Quarter {
    /// From the number of quarters since 1970-01-01T00:00:00Z.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number of quarters since 1970-01-01T00:00:00Z.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The quarter that contains an instant; `None` before 1970 or past the range.
    pub fn containing(at: Timestamp) -> Option<Self> {
        u32::try_from(at.as_ms().div_euclid(QUARTER_MS))
            .ok()
            .map(Self)
    }

    /// When it begins.
    pub const fn begins_at(self) -> Timestamp {
        // A u32 of quarters is below 2^52 milliseconds.
        Timestamp((self.0 as i64).saturating_mul(QUARTER_MS))
    }
}

/// Between two jumps of a wall clock, wall minus monotonic is constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClockSegment {
    /// A random id of the boot, 0 when unknown.
    pub boot_id: u64,
    /// Milliseconds.
    pub wall_minus_monotonic_ms: i64,
}

/// What the server's time was in a boot, as a device learned it while the boot lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BootTime {
    /// The random id of the boot, never 0.
    pub boot_id: u64,
    /// The server's time minus the device's monotonic clock, in milliseconds.
    pub server_minus_monotonic_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_day_begins_at_its_cut() {
        let check = |ms: i64, offset: i32, cut: i32, days: i32| {
            assert_eq!(
                Timestamp::from_ms(ms).local_date(offset, cut).as_days(),
                days
            );
        };
        check(0, 0, 0, 0);
        check(-1, 0, 0, -1);
        check(21 * HOUR_MS, 180, 0, 1);
        check(21 * HOUR_MS - 1, 180, 0, 0);
        check(24 * HOUR_MS + 59 * MINUTE_MS, 180, 240, 0);
        check(25 * HOUR_MS, 180, 240, 1);
        check(i64::MAX, 180, 0, i32::MAX);
    }

    #[test]
    fn weekdays_and_civil_dates_agree_with_the_calendar() {
        let date = LocalDate::from_civil(jiff::civil::date(2016, 4, 12));
        assert_eq!(date.as_days(), 16_903);
        assert_eq!(date.weekday(), 2);
        assert_eq!(date.to_civil(), Some(jiff::civil::date(2016, 4, 12)));
        assert_eq!(date.week(), LocalDate::from_days(16_902).week());
        assert_ne!(date.week(), LocalDate::from_days(16_901).week());
    }
}
