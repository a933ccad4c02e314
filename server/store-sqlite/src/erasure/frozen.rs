//! What the erased leave in totals: reading it, and taking up what a journal tells.

use askel_store::{ChallengeSum, Frozen, StoreError};
use askel_sync::{
    id::{GoalId, PlaceId, TenantId},
    time::LocalDate,
};
use sqlx::SqliteConnection;

use super::Erasing;
use crate::{
    column::{number, session, session_columns},
    error::store_error,
    rows::{row, rows},
};

/// All of it.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<Frozen, StoreError> {
    let key = &tenant.as_bytes()[..];
    let mut frozen = Frozen::default();
    let points = sqlx::query!(
        "SELECT goal, points, people FROM frozen_contribution WHERE tenant = ?",
        key
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    for row in points {
        let sum = ChallengeSum {
            total: number(row.points)?,
            people: number(row.people)?,
        };
        frozen.points.insert(GoalId::new(number(row.goal)?), sum);
    }
    let people = sqlx::query!(
        "SELECT place, date, session_kind, session, people FROM frozen_attendance
         WHERE tenant = ?",
        key
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    for row in people {
        let name = (
            PlaceId::new(number(row.place)?),
            LocalDate::from_days(number(row.date)?),
            session(row.session_kind, row.session)?,
        );
        frozen.people.insert(name, number(row.people)?);
    }
    Ok(frozen)
}

impl Erasing<'_> {
    /// Of each count the greater of what stands and what is told.
    pub(crate) async fn raise(&mut self, told: &Frozen) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let points = rows(
            told.points
                .iter()
                .map(|(goal, sum)| row![goal.get(), sum.total, sum.people]),
        );
        sqlx::query!(
            "INSERT INTO frozen_contribution (tenant, goal, points, people)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, goal) DO UPDATE
             SET points = max(points, excluded.points), people = max(people, excluded.people)",
            key,
            points
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let people = rows(told.people.iter().map(|((place, date, session), people)| {
            let (kind, session) = session_columns(*session);
            row![place.get(), date.as_days(), kind, session, *people]
        }));
        sqlx::query!(
            "INSERT INTO frozen_attendance (tenant, place, date, session_kind, session, people)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, place, date, session_kind, session) DO UPDATE
             SET people = max(people, excluded.people)",
            key,
            people
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
