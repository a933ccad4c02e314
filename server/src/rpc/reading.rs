//! `ReadingService`: aggregates for staff and organisers.

use std::sync::Arc;

use askel_proto::v1::{self, reading_service_server::ReadingService};
use askel_store::SessionCount;
use askel_sync::{op::SessionRef, time::LocalDate};
use tonic::{Request, Response, Status};

use super::{caller, error::status, names};
use crate::app::{
    App, EncounterSummary, Figure, PlaceDay, PlaceEncounters, challenge, encounter_summary,
    place_day,
};

/// The service.
pub(super) struct ReadingRpc {
    pub(super) app: Arc<App>,
}

#[tonic::async_trait]
impl ReadingService for ReadingRpc {
    async fn get_place_day(
        &self,
        request: Request<v1::GetPlaceDayRequest>,
    ) -> Result<Response<v1::PlaceDay>, Status> {
        let caller = caller(&request)?;
        let name = request.into_inner().name;
        let (place, date) = names::place_day(&name).map_err(|error| status(&error))?;
        let day = place_day(&self.app, &caller, place, date).await;
        Ok(Response::new(encode_day(
            name,
            &day.map_err(|error| status(&error))?,
        )))
    }

    async fn get_encounter_summary(
        &self,
        request: Request<v1::GetEncounterSummaryRequest>,
    ) -> Result<Response<v1::EncounterSummary>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        let first = LocalDate::from_days(message.first_date);
        let last = LocalDate::from_days(message.last_date);
        let summary = encounter_summary(&self.app, &caller, first, last).await;
        Ok(Response::new(encode_summary(
            &summary.map_err(|error| status(&error))?,
        )))
    }

    async fn get_challenge(
        &self,
        request: Request<v1::GetChallengeRequest>,
    ) -> Result<Response<v1::Challenge>, Status> {
        let caller = caller(&request)?;
        let name = request.into_inner().name;
        let goal = names::challenge(&name).map_err(|error| status(&error))?;
        let figures = challenge(&self.app, &caller, goal)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(v1::Challenge {
            name,
            total: Some(cell(figures.total)),
            target: figures.target,
            people: Some(cell(figures.people)),
        }))
    }
}

fn encode_day(name: String, day: &PlaceDay) -> v1::PlaceDay {
    let sessions: Vec<v1::SessionCount> = day.sessions.iter().map(session_count).collect();
    let encounters = sessions.iter().fold(0_u64, |sum, session| {
        sum.saturating_add(session.attendances)
            .saturating_add(session.tallies)
    });
    v1::PlaceDay {
        name,
        sessions,
        encounters,
    }
}

fn session_count(count: &SessionCount) -> v1::SessionCount {
    use v1::session_count::Session;
    v1::SessionCount {
        session: Some(match count.session {
            SessionRef::Slot(slot) => Session::SlotId(slot.get()),
            SessionRef::Dated(session) => Session::SessionId(session.get()),
        }),
        attendances: count.attendances,
        tallies: u64::try_from(count.tallies).unwrap_or(0),
    }
}

fn encode_summary(summary: &EncounterSummary) -> v1::EncounterSummary {
    v1::EncounterSummary {
        places: summary.places.iter().map(place_encounters).collect(),
        attendances: summary.attendances,
        tallies: summary.tallies,
        encounters: summary.attendances.saturating_add(summary.tallies),
        participants: Some(cell(summary.participants)),
    }
}

fn place_encounters(place: &PlaceEncounters) -> v1::PlaceEncounters {
    v1::PlaceEncounters {
        place: names::of_place(place.place),
        attendances: place.attendances,
        tallies: place.tallies,
        encounters: place.attendances.saturating_add(place.tallies),
        participants: Some(cell(place.participants)),
    }
}

fn cell(figure: Figure) -> v1::ReportCell {
    use v1::report_cell::Cell;
    let cell = match figure {
        Figure::Value(value) => Cell::Value(value),
        Figure::Suppressed => Cell::Suppressed(v1::Suppressed {}),
        Figure::NotRecorded => Cell::NotRecorded(v1::NotRecorded {}),
    };
    v1::ReportCell { cell: Some(cell) }
}
