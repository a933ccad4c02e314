//! The story's catalog: three places, four activities, a dozen badges, a step quest and one
//! challenge, in three languages. Its week turns with the season: the Basement opens on the
//! weekday on which the season begins.

mod goals;
mod places;
mod words;

use askel_proto::v1;
use askel_sync::{
    id::{PlaceId, TenantId},
    time::LocalDate,
};

pub(crate) use goals::{BADGE_TO_KIIMINKI, CHALLENGE};
pub(crate) use places::{Opening, openings};
pub(crate) use words::AliasWord;

use super::{cast::BIRCH, helsinki::Helsinki, text::Text};
use words::Words;

/// Oulu centre, in the basement, no signal.
pub(crate) const BASEMENT: PlaceId = PlaceId::new(1);
/// Kiiminki village.
pub(crate) const KIIMINKI: PlaceId = PlaceId::new(2);
/// The quiet one.
pub(crate) const QUIET: PlaceId = PlaceId::new(3);
/// All of them.
pub(crate) const PLACES: [PlaceId; 3] = [BASEMENT, KIIMINKI, QUIET];

/// The only time zone's number.
const ZONE: u32 = 1;
/// The only organisation's number.
const ORGANISATION: u32 = 1;

/// The first and last local day of the season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeasonDates {
    /// The first day, included.
    pub(crate) first: LocalDate,
    /// The last day, included.
    pub(crate) last: LocalDate,
}

impl SeasonDates {
    /// Days of the season, at least one.
    pub(crate) fn days(self) -> i32 {
        self.last
            .as_days()
            .saturating_sub(self.first.as_days())
            .saturating_add(1)
            .max(1)
    }

    /// The day so many days after the first.
    pub(crate) fn day(self, offset: i32) -> LocalDate {
        LocalDate::from_days(self.first.as_days().saturating_add(offset))
    }
}

/// Builds the catalog of a season.
///
/// # Errors
/// The season's dates are out of the calendar's range.
pub(crate) fn build(
    tenant: TenantId,
    season: SeasonDates,
    helsinki: &Helsinki,
) -> anyhow::Result<v1::Catalog> {
    let words = Words::load()?;
    Ok(v1::Catalog {
        version: 1,
        tenant_id: tenant.to_vec(),
        time_zones: vec![helsinki.for_catalog(ZONE, season.first)?],
        organisations: vec![v1::Organisation {
            id: ORGANISATION,
            name: Some(words.text(|text| text.organisation.name.clone())),
        }],
        places: places::places(&words, season),
        activities: places::activities(&words),
        sessions: places::sessions(season, helsinki)?,
        goals: goals::goals(&words, season),
        badges: goals::badges(&words),
        alias_words: words.alias_words(),
    })
}

/// What is printed on the paper card, in a language.
pub(crate) fn card_alias(text: &Text) -> String {
    format!("{}-{}", text.catalog.alias_words.birch, BIRCH.number)
}

#[cfg(test)]
mod tests {
    use askel_sync::{
        catalog::{Catalog, encode},
        op::SessionRef,
    };
    use jiff::civil::date;

    use super::*;

    fn season() -> SeasonDates {
        let [first, last] = [date(2016, 4, 12), date(2016, 5, 12)].map(LocalDate::from_civil);
        SeasonDates { first, last }
    }

    fn parsed() -> Catalog {
        let tenant = TenantId::from_bytes([1; 16]);
        let built = build(tenant, season(), &Helsinki::open().unwrap()).unwrap();
        Catalog::parse(&encode(&built)).unwrap()
    }

    #[test]
    fn the_catalog_is_within_every_bound_and_a_card_reaches_all_of_it() {
        let catalog = parsed();
        assert_eq!(catalog.places().len(), 3);
        assert_eq!(catalog.goals().len(), 14);
        assert_eq!(catalog.badges().len(), 12 + 5 + 1);
    }

    #[test]
    fn every_opening_of_the_story_is_a_session_of_the_catalog() {
        let catalog = parsed();
        let openings = openings(season(), &Helsinki::open().unwrap()).unwrap();
        assert_eq!(openings[0].place, BASEMENT);
        assert!(openings.is_sorted_by_key(|opening| opening.from));
        let mut days = std::collections::BTreeSet::new();
        for opening in openings {
            let last = opening.until.saturating_add_ms(-1);
            let session = catalog.session_at(opening.place, opening.from);
            assert_eq!(session, catalog.session_at(opening.place, last));
            assert_ne!(session, SessionRef::Slot(askel_sync::id::SlotId::new(0)));
            assert_eq!(catalog.local_date(opening.place, last), Some(opening.date));
            assert!(
                days.insert((opening.place, opening.date)),
                "one opening a place and day"
            );
        }
    }

    #[test]
    fn a_month_of_any_weekday_opens_in_the_basement() {
        for offset in 0..7 {
            let first = season().day(offset);
            let season = SeasonDates {
                first,
                last: season().day(offset + 30),
            };
            let openings = openings(season, &Helsinki::open().unwrap()).unwrap();
            assert_eq!((openings[0].place, openings[0].date), (BASEMENT, first));
        }
    }
}
