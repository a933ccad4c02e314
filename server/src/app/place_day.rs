//! The counts of one place on one day.

use askel_store::SessionCount;
use askel_sync::{id::PlaceId, time::LocalDate};

use super::{App, AppError, Caller, Reason, streams::covers};

/// Counts by session. Exact: those who counted work here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceDay {
    pub(crate) sessions: Vec<SessionCount>,
}

/// Reads the day of one of the caller's places.
pub(crate) async fn place_day(
    app: &App,
    caller: &Caller,
    place: PlaceId,
    date: LocalDate,
) -> Result<PlaceDay, AppError> {
    if !covers(caller, place) {
        return Err(Reason::PlaceNotYours.into());
    }
    let sessions = app
        .store()
        .count_sessions(caller.tenant, Some(place), date, date)
        .await?;
    Ok(PlaceDay { sessions })
}
