//! Encounters of the tenant between two days, by place.

use std::collections::BTreeMap;

use askel_sync::{id::PlaceId, time::LocalDate};

use super::{
    App, AppError, Caller,
    figures::{Figure, suppress_parts},
};
use crate::limits::SUMMARY_DAYS_MAX;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncounterSummary {
    /// Places where something was counted, by id.
    pub(crate) places: Vec<PlaceEncounters>,
    pub(crate) attendances: u64,
    pub(crate) tallies: u64,
    /// Different people over all places.
    pub(crate) participants: Figure,
}

/// What was counted at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaceEncounters {
    pub(crate) place: PlaceId,
    pub(crate) attendances: u64,
    pub(crate) tallies: u64,
    pub(crate) participants: Figure,
}

/// Sums up, both days included. Only organisers and admins of the whole tenant may.
pub(crate) async fn encounter_summary(
    app: &App,
    caller: &Caller,
    first: LocalDate,
    last: LocalDate,
) -> Result<EncounterSummary, AppError> {
    let days = last.as_days().saturating_sub(first.as_days());
    if !(0..SUMMARY_DAYS_MAX).contains(&days) {
        let problem = format!("must be within {SUMMARY_DAYS_MAX} days from first_date on");
        return Err(AppError::field("last_date", problem));
    }
    if caller.device.scope.is_some() {
        return Err(super::Reason::PlaceNotYours.into());
    }
    let mut counted: BTreeMap<PlaceId, (u64, i64)> = BTreeMap::new();
    for session in app
        .store()
        .count_sessions(caller.tenant, None, first, last)
        .await?
    {
        let (attendances, tallies) = counted.entry(session.place).or_default();
        *attendances = attendances.saturating_add(session.attendances);
        *tallies = tallies.saturating_add(session.tallies);
    }
    let people = app
        .store()
        .count_participants(caller.tenant, first, last)
        .await?;
    let people: BTreeMap<Option<PlaceId>, u64> = people.into_iter().collect();
    let of = |place| people.get(&place).copied().unwrap_or(0);
    let parts: Vec<u64> = counted.keys().map(|place| of(Some(*place))).collect();
    let places: Vec<PlaceEncounters> = counted
        .into_iter()
        .zip(suppress_parts(&parts))
        .map(
            |((place, (attendances, tallies)), participants)| PlaceEncounters {
                place,
                attendances,
                tallies: u64::try_from(tallies).unwrap_or(0),
                participants,
            },
        )
        .collect();
    let sum = |part: fn(&PlaceEncounters) -> u64| {
        places.iter().map(part).fold(0_u64, u64::saturating_add)
    };
    Ok(EncounterSummary {
        attendances: sum(|place| place.attendances),
        tallies: sum(|place| place.tallies),
        participants: Figure::people(of(None)),
        places,
    })
}
