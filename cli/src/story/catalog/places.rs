//! Places, what they offer, and when.

use anyhow::Context as _;
use askel_proto::v1;
use askel_sync::{
    id::PlaceId,
    time::{LocalDate, Timestamp},
};

use super::{
    BASEMENT, KIIMINKI, ORGANISATION, QUIET, SeasonDates, ZONE,
    words::{Pick, Words},
};
use crate::story::helsinki::Helsinki;

const OPEN_DOORS: u32 = 1;
/// The weekly group.
pub(super) const WALKING_GROUP: u32 = 2;
const QUIET_MORNING: u32 = 3;
const OUTING: u32 = 4;

/// Days after the season's weekday on which a place opens, and from when until when.
struct Hours {
    place: PlaceId,
    weekday: i32,
    from_minute: u32,
    until_minute: u32,
    activity: u32,
}

/// The weekly opening hours; within a place the position gives the slot's id.
const WEEK: [Hours; 5] = [
    hours(BASEMENT, 0, (12, 15), OPEN_DOORS),
    hours(BASEMENT, 2, (15, 18), OPEN_DOORS),
    hours(KIIMINKI, 1, (13, 16), OPEN_DOORS),
    hours(QUIET, 3, (10, 12), QUIET_MORNING),
    hours(QUIET, 6, (10, 12), QUIET_MORNING),
];

/// Each week: the days after the season's weekday, and the minutes of the day.
const GROUP: (i32, u32, u32) = (3, 16 * 60 + 30, 18 * 60);
/// Once: the days after the season's first day, and the minutes of the day.
const OUTING_DAY: (i32, u32, u32) = (11, 11 * 60, 15 * 60);

const fn hours(place: PlaceId, weekday: i32, clock: (u32, u32), activity: u32) -> Hours {
    let (from, until) = clock;
    Hours {
        place,
        weekday,
        from_minute: from.saturating_mul(60),
        until_minute: until.saturating_mul(60),
        activity,
    }
}

/// One time that a place is open or something dated happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Where.
    pub(crate) place: PlaceId,
    /// The local day.
    pub(crate) date: LocalDate,
    /// When it begins.
    pub(crate) from: Timestamp,
    /// When it ends.
    pub(crate) until: Timestamp,
}

/// Everything of a season, by time of beginning.
pub(crate) fn openings(season: SeasonDates, helsinki: &Helsinki) -> anyhow::Result<Vec<Opening>> {
    let mut openings = Vec::new();
    for offset in 0..season.days() {
        let date = season.day(offset);
        let weekday = offset.rem_euclid(7);
        for hours in WEEK.iter().filter(|hours| hours.weekday == weekday) {
            let minutes = (hours.from_minute, hours.until_minute);
            openings.push(opening(hours.place, date, minutes, helsinki)?);
        }
    }
    for session in dated(season) {
        openings.push(opening(KIIMINKI, session.date, session.minutes, helsinki)?);
    }
    openings.sort_by_key(|opening| (opening.from, opening.place));
    Ok(openings)
}

fn opening(
    place: PlaceId,
    date: LocalDate,
    minutes: (u32, u32),
    helsinki: &Helsinki,
) -> anyhow::Result<Opening> {
    let (from, until) = minutes;
    Ok(Opening {
        place,
        date,
        from: helsinki
            .minute_of(date, from)
            .context("an opening hour of the season")?,
        until: helsinki
            .minute_of(date, until)
            .context("a closing hour of the season")?,
    })
}

struct Dated {
    activity: u32,
    date: LocalDate,
    minutes: (u32, u32),
}

/// The group's weeks and the outing, both from Kiiminki, by date.
fn dated(season: SeasonDates) -> Vec<Dated> {
    let (weekday, group_from, group_until) = GROUP;
    let (outing_offset, outing_from, outing_until) = OUTING_DAY;
    (0..season.days())
        .filter_map(|offset| {
            let (activity, minutes) = if offset == outing_offset {
                (OUTING, (outing_from, outing_until))
            } else if offset.rem_euclid(7) == weekday {
                (WALKING_GROUP, (group_from, group_until))
            } else {
                return None;
            };
            Some(Dated {
                activity,
                date: season.day(offset),
                minutes,
            })
        })
        .collect()
}

pub(super) fn places(words: &Words, season: SeasonDates) -> Vec<v1::Place> {
    let place = |id: PlaceId, pick: Pick, (latitude_e6, longitude_e6), keyword: &str| {
        let (name, description) = words.described(pick);
        v1::Place {
            id: id.get(),
            organisation_id: ORGANISATION,
            name: Some(name),
            description: Some(description),
            time_zone_id: ZONE,
            opening_intervals: opening_intervals(id, season),
            latitude_e6,
            longitude_e6,
            keywords: vec![keyword.to_owned()],
        }
    };
    vec![
        place(
            BASEMENT,
            |text| &text.places.basement,
            (65_012_400, 25_468_200),
            "drop-in",
        ),
        place(
            KIIMINKI,
            |text| &text.places.kiiminki,
            (65_127_300, 25_771_800),
            "village",
        ),
        place(
            QUIET,
            |text| &text.places.quiet,
            (65_009_600, 25_481_100),
            "quiet",
        ),
    ]
}

fn opening_intervals(place: PlaceId, season: SeasonDates) -> Vec<v1::OpeningInterval> {
    (1..)
        .zip(WEEK.iter().filter(|hours| hours.place == place))
        .map(|(slot_id, hours)| v1::OpeningInterval {
            slot_id,
            weekday: u32::from(season.day(hours.weekday).weekday()),
            from_minute: hours.from_minute,
            until_minute: hours.until_minute,
            activity_id: hours.activity,
        })
        .collect()
}

pub(super) fn activities(words: &Words) -> Vec<v1::Activity> {
    let activity = |id, kind: v1::ActivityKind, pick: Pick| {
        let (name, description) = words.described(pick);
        v1::Activity {
            id,
            kind: kind.into(),
            name: Some(name),
            description: Some(description),
            keywords: Vec::new(),
            organisation_id: ORGANISATION,
        }
    };
    vec![
        activity(OPEN_DOORS, v1::ActivityKind::DropIn, |text| {
            &text.activities.open_doors
        }),
        activity(WALKING_GROUP, v1::ActivityKind::Group, |text| {
            &text.activities.walking_group
        }),
        activity(QUIET_MORNING, v1::ActivityKind::DropIn, |text| {
            &text.activities.quiet_morning
        }),
        activity(OUTING, v1::ActivityKind::Outing, |text| {
            &text.activities.outing
        }),
    ]
}

pub(super) fn sessions(
    season: SeasonDates,
    helsinki: &Helsinki,
) -> anyhow::Result<Vec<v1::Session>> {
    (1..)
        .zip(dated(season))
        .map(|(id, session)| {
            let opening = opening(KIIMINKI, session.date, session.minutes, helsinki)?;
            Ok(v1::Session {
                id,
                activity_id: session.activity,
                place_id: KIIMINKI.get(),
                starts_at_ms: opening.from.as_ms(),
                ends_at_ms: opening.until.as_ms(),
            })
        })
        .collect()
}
