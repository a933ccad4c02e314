//! Local time of the story's towns, from the zone database that jiff bundles.

use anyhow::Context as _;
use askel_proto::v1;
use askel_sync::time::{DAY_MS, LocalDate, Timestamp};
use jiff::{
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

/// The zone's IANA name.
const NAME: &str = "Europe/Helsinki";
/// Days before a season for which the catalog tells offsets.
const DAYS_BEFORE: i32 = 366;
/// Days after a season for which the catalog tells offsets.
const DAYS_AFTER: i32 = 15 * 366;

/// Europe/Helsinki, as the machine that tells the story knows it.
#[derive(Debug, Clone)]
pub(crate) struct Helsinki {
    zone: TimeZone,
}

impl Helsinki {
    /// Opens the bundled zone database; the machine's own is not asked.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let zone = TimeZoneDatabase::bundled()
            .get(NAME)
            .context("the bundled zone database")?;
        Ok(Self { zone })
    }

    /// The instant of a local time; the earlier one where clocks go back, `None` where they go
    /// forward over it.
    pub(crate) fn instant(&self, at: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(at);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return None;
        }
        let at = ambiguous.earlier().ok()?;
        Some(Timestamp::from_ms(at.as_millisecond()))
    }

    /// The instant of a minute of a local day, pushed over a gap where clocks go forward.
    pub(crate) fn minute_of(&self, date: LocalDate, minute: u32) -> Option<Timestamp> {
        let hour = i8::try_from(minute.checked_div(60)?).ok()?;
        let rest = i8::try_from(minute.checked_rem(60)?).ok()?;
        let at = DateTime::from_parts(date.to_civil()?, Time::new(hour, rest, 0, 0).ok()?);
        let at = self.zone.to_ambiguous_timestamp(at).compatible().ok()?;
        Some(Timestamp::from_ms(at.as_millisecond()))
    }

    /// The local time of an instant.
    pub(crate) fn civil(&self, at: Timestamp) -> Option<DateTime> {
        let at = jiff::Timestamp::from_millisecond(at.as_ms()).ok()?;
        Some(self.zone.to_datetime(at))
    }

    /// The local day of an instant, cut at midnight.
    pub(crate) fn date(&self, at: Timestamp) -> Option<Date> {
        self.civil(at).map(DateTime::date)
    }

    /// The zone for a catalog: offsets and transitions from a year before `first` to fifteen years
    /// after it.
    pub(crate) fn for_catalog(&self, id: u32, first: LocalDate) -> anyhow::Result<v1::TimeZone> {
        let from = days_from(first, DAYS_BEFORE.saturating_neg())?;
        let until = days_from(first, DAYS_AFTER)?;
        let transitions = self
            .zone
            .following(from)
            .take_while(|transition| transition.timestamp() < until)
            .map(|transition| v1::Transition {
                at_s: transition.timestamp().as_second(),
                offset_minutes: transition.offset().seconds().div_euclid(60),
            })
            .collect();
        Ok(v1::TimeZone {
            id,
            name: NAME.to_owned(),
            first_offset_minutes: self.zone.to_offset(from).seconds().div_euclid(60),
            transitions,
        })
    }
}

fn days_from(first: LocalDate, days: i32) -> anyhow::Result<jiff::Timestamp> {
    let days = i64::from(first.as_days().saturating_add(days));
    jiff::Timestamp::from_millisecond(days.saturating_mul(DAY_MS)).context("the season's dates")
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, datetime};

    use super::*;

    #[test]
    fn a_local_time_that_the_clocks_jump_over_has_no_instant() {
        let helsinki = Helsinki::open().unwrap();
        assert_eq!(helsinki.instant(datetime(2016, 3, 27, 3, 0, 0, 0)), None);
        let before = helsinki.instant(datetime(2016, 3, 27, 2, 0, 0, 0)).unwrap();
        let after = helsinki.instant(datetime(2016, 3, 27, 4, 0, 0, 0)).unwrap();
        assert_eq!(after.saturating_ms_since(before), 3_600_000);
    }

    #[test]
    fn the_catalog_gets_the_offsets_of_summer_and_winter() {
        let helsinki = Helsinki::open().unwrap();
        let first = LocalDate::from_civil(date(2016, 4, 12));
        let zone = helsinki.for_catalog(1, first).unwrap();
        assert_eq!(zone.first_offset_minutes, 180);
        let offsets: Vec<_> = zone.transitions.iter().map(|t| t.offset_minutes).collect();
        assert_eq!(offsets[..3], [120, 180, 120]);
        assert_eq!(zone.transitions[1].at_s, 1_459_040_400);
        assert!(zone.transitions.len() >= 30);
    }
}
