//! The story's catalog: three places, four activities, a dozen badges, a step quest and one
//! challenge, in three languages. Its week turns with the season: the Basement opens on the
//! weekday on which the season begins.

mod goals;
mod places;
mod words;

use askel_proto::v1;
use askel_sync::{
    id::{GoalId, PlaceId, TenantId},
    time::LocalDate,
};

pub(crate) use goals::{BADGE_TO_KIIMINKI, CHALLENGE, CHALLENGE_TARGET};
pub(crate) use places::{Opening, openings};
pub(crate) use words::AliasWord;

use super::helsinki::Helsinki;
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
        self.last.as_days().saturating_sub(self.first.as_days()).saturating_add(1).max(1)
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

/// Whether a goal is the challenge.
pub(crate) fn is_challenge(goal: GoalId) -> bool {
    goal == CHALLENGE
}
