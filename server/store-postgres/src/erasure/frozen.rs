//! What the erased leave in totals: reading it, and taking up what a journal tells.

use askel_store::{ChallengeSum, Frozen, StoreError};
use askel_sync::{
    id::{GoalId, PlaceId, TenantId},
    time::LocalDate,
};
use sqlx::PgConnection;

use super::Erasing;
use crate::{
    column::{number, session, session_columns},
    error::store_error,
};

/// All of it.
pub(super) async fn read(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<Frozen, StoreError> {
    let key = &tenant.as_bytes()[..];
    let mut frozen = Frozen::default();
    let points = sqlx::query!(
        "SELECT goal, points, people FROM frozen_contribution WHERE tenant = $1",
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
         WHERE tenant = $1",
        key
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    for row in people {
        let name = (
            PlaceId::new(number(row.place)?),
            LocalDate::from_days(row.date),
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
        let goals: Vec<i64> = told.points.keys().map(|goal| goal.get().into()).collect();
        let (mut totals, mut people) = (Vec::<i64>::new(), Vec::<i64>::new());
        for sum in told.points.values() {
            totals.push(number(sum.total)?);
            people.push(number(sum.people)?);
        }
        sqlx::query!(
            "INSERT INTO frozen_contribution (tenant, goal, points, people)
             SELECT $1, goal, points, people
             FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS told (goal, points, people)
             ON CONFLICT (tenant, goal) DO UPDATE
             SET points = greatest(frozen_contribution.points, excluded.points),
                 people = greatest(frozen_contribution.people, excluded.people)",
            key,
            &goals,
            &totals,
            &people
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        self.raise_attendance(told).await
    }

    async fn raise_attendance(&mut self, told: &Frozen) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let (mut places, mut dates) = (Vec::<i64>::new(), Vec::<i32>::new());
        let (mut kinds, mut sessions) = (Vec::<i16>::new(), Vec::<i64>::new());
        let mut people = Vec::<i64>::new();
        for ((place, date, session), count) in &told.people {
            let (kind, session) = session_columns(*session);
            places.push(place.get().into());
            dates.push(date.as_days());
            kinds.push(kind);
            sessions.push(session);
            people.push(number(*count)?);
        }
        sqlx::query!(
            "INSERT INTO frozen_attendance (tenant, place, date, session_kind, session, people)
             SELECT $1, place, date, session_kind, session, people
             FROM unnest($2::bigint[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[])
                  AS told (place, date, session_kind, session, people)
             ON CONFLICT (tenant, place, date, session_kind, session) DO UPDATE
             SET people = greatest(frozen_attendance.people, excluded.people)",
            key,
            &places,
            &dates,
            &kinds,
            &sessions,
            &people
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
