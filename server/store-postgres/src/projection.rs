//! What is derived: reading it.

mod found;
mod work;
mod write;

pub(crate) use write::{Marks, project, take_out};

use askel_store::{
    ChallengeSum, Dirty, OutboxItem, ProjectionStore, SessionCount, StoreError, Work,
};
use askel_sync::{
    admission::AdmittedOp,
    id::{GoalId, OpId, ParticipantId, PlaceId, TenantId},
    time::LocalDate,
};
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore,
    column::{id, number, session, stream},
    error::store_error,
};

/// Outbox items after one, oldest first.
pub(crate) async fn outbox_after(
    connection: &mut PgConnection,
    tenant: TenantId,
    after: u64,
    limit: u32,
) -> Result<Vec<OutboxItem>, StoreError> {
    let (key, after) = (&tenant.as_bytes()[..], number::<_, i64>(after)?);
    let rows = sqlx::query!(
        "SELECT item, stream, kind, payload FROM outbox
         WHERE tenant = $1 AND item > $2 ORDER BY item LIMIT $3",
        key,
        after,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let items = rows.into_iter().map(|row| {
        Ok(OutboxItem {
            id: number(row.item)?,
            stream: stream(&row.stream)?,
            kind: number(row.kind)?,
            payload: row.payload,
        })
    });
    items.collect()
}

struct SessionRow {
    place: i64,
    date: i32,
    session_kind: i16,
    session: i64,
    attendances: i64,
    erased: i64,
    tallies: i64,
}

impl TryFrom<SessionRow> for SessionCount {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            place: PlaceId::new(number(row.place)?),
            date: LocalDate::from_days(row.date),
            session: session(row.session_kind, row.session)?,
            attendances: number(row.attendances)?,
            erased: number(row.erased)?,
            tallies: row.tallies,
        })
    }
}

#[async_trait]
impl ProjectionStore for PostgresStore {
    async fn list_dirty(&self, tenant: TenantId, limit: u32) -> Result<Vec<Dirty>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let rows = sqlx::query!(
            "SELECT participant, generation FROM dirty WHERE tenant = $1 ORDER BY generation LIMIT $2",
            key,
            i64::from(limit)
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        let dirty = rows.into_iter().map(|row| {
            Ok(Dirty {
                participant: id(&row.participant)?,
                generation: number(row.generation)?,
            })
        });
        dirty.collect()
    }

    async fn list_outbox(
        &self,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        let mut connection = self.read(tenant).await?;
        outbox_after(&mut connection, tenant, 0, limit).await
    }

    async fn list_work(
        &self,
        tenant: TenantId,
        dirty_max: u32,
        outbox_max: u32,
    ) -> Result<Work, StoreError> {
        let mut reader = self.read(tenant).await?;
        work::list(&mut reader, tenant, dirty_max, outbox_max).await
    }

    async fn list_tallies(
        &self,
        tenant: TenantId,
        after: Option<OpId>,
        limit: u32,
    ) -> Result<Vec<AdmittedOp>, StoreError> {
        let mut reader = self.read(tenant).await?;
        crate::op::list_tallies(&mut reader, tenant, after, limit).await
    }

    async fn sum_challenge(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<ChallengeSum, StoreError> {
        let (key, goal) = (&tenant.as_bytes()[..], i64::from(goal.get()));
        let row = sqlx::query!(
            r#"SELECT coalesce(sum(points), 0)::bigint AS "total!",
                      coalesce(sum(people), 0)::bigint AS "people!"
               FROM (
                   SELECT points, 1::bigint AS people FROM contribution WHERE tenant = $1 AND goal = $2
                   UNION ALL
                   SELECT points, people FROM frozen_contribution WHERE tenant = $1 AND goal = $2
               ) AS part"#,
            key,
            goal
        )
        .fetch_one(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        Ok(ChallengeSum {
            total: number(row.total)?,
            people: number(row.people)?,
        })
    }

    async fn list_contributors(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        let (key, goal) = (&tenant.as_bytes()[..], i64::from(goal.get()));
        let rows = sqlx::query_scalar!(
            "SELECT participant FROM contribution WHERE tenant = $1 AND goal = $2
             ORDER BY participant",
            key,
            goal
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        rows.iter().map(|participant| id(participant)).collect()
    }

    async fn count_sessions(
        &self,
        tenant: TenantId,
        place: Option<PlaceId>,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<SessionCount>, StoreError> {
        let dates = (first.as_days(), last.as_days());
        let rows = match place {
            Some(place) => self.sessions_at(tenant, place, dates).await?,
            None => self.sessions_anywhere(tenant, dates).await?,
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn count_participants(
        &self,
        tenant: TenantId,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<Vec<(Option<PlaceId>, u64)>, StoreError> {
        let (key, first, last) = (&tenant.as_bytes()[..], first.as_days(), last.as_days());
        // One statement, so that the places and the whole are counted of the same state.
        let rows = sqlx::query!(
            r#"SELECT place AS "place?", sum(people)::bigint AS "people!" FROM (
                   SELECT place, count(DISTINCT participant) AS people
                   FROM attendance
                   WHERE tenant = $1 AND date BETWEEN $2 AND $3 GROUP BY place
                   UNION ALL
                   SELECT place, max(people)
                   FROM frozen_attendance
                   WHERE tenant = $1 AND date BETWEEN $2 AND $3 GROUP BY place
                   UNION ALL
                   SELECT NULL::bigint, count(DISTINCT participant) FROM attendance
                   WHERE tenant = $1 AND date BETWEEN $2 AND $3
                   UNION ALL
                   SELECT NULL::bigint, coalesce(max(people), 0) FROM frozen_attendance
                   WHERE tenant = $1 AND date BETWEEN $2 AND $3
               ) AS part GROUP BY place ORDER BY place NULLS LAST"#,
            key,
            first,
            last
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        let counts = rows.into_iter().map(|row| {
            let place = row.place.map(number).transpose()?;
            Ok((place.map(PlaceId::new), number(row.people)?))
        });
        counts.collect()
    }
}

impl PostgresStore {
    async fn sessions_at(
        &self,
        tenant: TenantId,
        place: PlaceId,
        (first, last): (i32, i32),
    ) -> Result<Vec<SessionRow>, StoreError> {
        let (key, place) = (&tenant.as_bytes()[..], i64::from(place.get()));
        sqlx::query_as!(
            SessionRow,
            r#"SELECT place AS "place!", date AS "date!",
                      session_kind AS "session_kind!", session AS "session!",
                      sum(attendances)::bigint AS "attendances!", sum(erased)::bigint AS "erased!",
                      sum(tallies)::bigint AS "tallies!"
               FROM (
                   SELECT place, date, session_kind, session,
                          1::bigint AS attendances, 0::bigint AS erased, 0::bigint AS tallies
                   FROM generate_series($3::integer, $4::integer) AS asked (day)
                   CROSS JOIN LATERAL (
                       SELECT * FROM attendance
                       WHERE tenant = $1 AND date = asked.day AND place = $2 OFFSET 0
                   ) AS there
                   UNION ALL
                   SELECT place, date, session_kind, session, people, people, 0
                   FROM frozen_attendance
                   WHERE tenant = $1 AND place = $2 AND date BETWEEN $3 AND $4
                   UNION ALL
                   SELECT place, date, session_kind, session, 0, 0, delta
                   FROM tally WHERE tenant = $1 AND place = $2 AND date BETWEEN $3 AND $4
               ) AS part
               GROUP BY place, date, session_kind, session
               ORDER BY place, date, session_kind, session"#,
            key,
            place,
            first,
            last
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)
    }

    async fn sessions_anywhere(
        &self,
        tenant: TenantId,
        (first, last): (i32, i32),
    ) -> Result<Vec<SessionRow>, StoreError> {
        let key = &tenant.as_bytes()[..];
        sqlx::query_as!(
            SessionRow,
            r#"SELECT place AS "place!", date AS "date!",
                      session_kind AS "session_kind!", session AS "session!",
                      sum(attendances)::bigint AS "attendances!", sum(erased)::bigint AS "erased!",
                      sum(tallies)::bigint AS "tallies!"
               FROM (
                   SELECT place, date, session_kind, session,
                          1::bigint AS attendances, 0::bigint AS erased, 0::bigint AS tallies
                   FROM attendance WHERE tenant = $1 AND date BETWEEN $2 AND $3
                   UNION ALL
                   SELECT place, date, session_kind, session, people, people, 0
                   FROM frozen_attendance
                   WHERE tenant = $1 AND date BETWEEN $2 AND $3
                   UNION ALL
                   SELECT place, date, session_kind, session, 0, 0, delta
                   FROM tally WHERE tenant = $1 AND date BETWEEN $2 AND $3
               ) AS part
               GROUP BY place, date, session_kind, session
               ORDER BY place, date, session_kind, session"#,
            key,
            first,
            last
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)
    }
}
