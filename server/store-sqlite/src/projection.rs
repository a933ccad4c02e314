//! What is derived: reading it.

mod write;

pub(crate) use write::{Marks, project};

use askel_store::{
    ChallengeSum, Dirty, OutboxItem, ProjectionStore, SessionCount, StoreError, Work,
};
use askel_sync::{
    admission::AdmittedOp,
    id::{GoalId, OpId, ParticipantId, PlaceId, TenantId},
    time::LocalDate,
};
use async_trait::async_trait;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::{
    SqliteStore,
    column::{id, number, session, stream},
    error::store_error,
};

/// Outbox items after one, oldest first.
pub(crate) async fn outbox_after(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    after: u64,
    limit: u32,
) -> Result<Vec<OutboxItem>, StoreError> {
    let (key, after) = (&tenant.as_bytes()[..], number::<_, i64>(after)?);
    let rows = sqlx::query!(
        "SELECT item, stream, kind, payload FROM outbox
         WHERE tenant = ? AND item > ? ORDER BY item LIMIT ?",
        key,
        after,
        limit
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

/// Dirty participants, longest waiting first.
async fn dirty(
    executor: impl SqliteExecutor<'_>,
    tenant: TenantId,
    limit: u32,
) -> Result<Vec<Dirty>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let rows = sqlx::query!(
        "SELECT participant, generation FROM dirty WHERE tenant = ? ORDER BY first LIMIT ?",
        key,
        limit
    )
    .fetch_all(executor)
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

struct SessionRow {
    place: i64,
    date: i64,
    session_kind: i64,
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
            date: LocalDate::from_days(number(row.date)?),
            session: session(row.session_kind, row.session)?,
            attendances: number(row.attendances)?,
            erased: number(row.erased)?,
            tallies: row.tallies,
        })
    }
}

#[async_trait]
impl ProjectionStore for SqliteStore {
    async fn list_dirty(&self, tenant: TenantId, limit: u32) -> Result<Vec<Dirty>, StoreError> {
        dirty(&self.readers, tenant, limit).await
    }

    async fn list_outbox(
        &self,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        outbox_after(&mut connection, tenant, 0, limit).await
    }

    async fn list_work(
        &self,
        tenant: TenantId,
        dirty_max: u32,
        outbox_max: u32,
    ) -> Result<Work, StoreError> {
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        Ok(Work {
            dirty: dirty(&mut *reader, tenant, dirty_max).await?,
            outbox: outbox_after(&mut reader, tenant, 0, outbox_max).await?,
            catalog: crate::catalog::newest_hash(&mut reader, tenant).await?,
        })
    }

    async fn list_tallies(
        &self,
        tenant: TenantId,
        after: Option<OpId>,
        limit: u32,
    ) -> Result<Vec<AdmittedOp>, StoreError> {
        crate::op::list_tallies(&self.readers, tenant, after, limit).await
    }

    async fn sum_challenge(
        &self,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<ChallengeSum, StoreError> {
        let (key, goal) = (&tenant.as_bytes()[..], goal.get());
        let row = sqlx::query!(
            r#"SELECT coalesce(sum(points), 0) AS "total!: i64",
                      coalesce(sum(people), 0) AS "people!: i64"
               FROM (
                   SELECT points, 1 AS people FROM contribution WHERE tenant = ?1 AND goal = ?2
                   UNION ALL
                   SELECT points, people FROM frozen_contribution WHERE tenant = ?1 AND goal = ?2
               )"#,
            key,
            goal
        )
        .fetch_one(&self.readers)
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
        let (key, goal) = (&tenant.as_bytes()[..], goal.get());
        let rows = sqlx::query_scalar!(
            "SELECT participant FROM contribution WHERE tenant = ? AND goal = ?
             ORDER BY participant",
            key,
            goal
        )
        .fetch_all(&self.readers)
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
            r#"SELECT place AS "place?: i64", sum(people) AS "people!: i64" FROM (
                   SELECT place, count(DISTINCT participant) AS people
                   FROM attendance INDEXED BY attendance_by_date
                   WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3 GROUP BY place
                   UNION ALL
                   SELECT place, max(people)
                   FROM frozen_attendance INDEXED BY frozen_attendance_by_date
                   WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3 GROUP BY place
                   UNION ALL
                   SELECT NULL, count(DISTINCT participant) FROM attendance
                   WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3
                   UNION ALL
                   SELECT NULL, coalesce(max(people), 0) FROM frozen_attendance
                   WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3
               ) GROUP BY place ORDER BY place NULLS LAST"#,
            key,
            first,
            last
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let counts = rows.into_iter().map(|row| {
            let place = row.place.map(number).transpose()?;
            Ok((place.map(PlaceId::new), number(row.people)?))
        });
        counts.collect()
    }
}

impl SqliteStore {
    async fn sessions_at(
        &self,
        tenant: TenantId,
        place: PlaceId,
        (first, last): (i32, i32),
    ) -> Result<Vec<SessionRow>, StoreError> {
        let (key, place) = (&tenant.as_bytes()[..], place.get());
        sqlx::query_as!(
            SessionRow,
            r#"SELECT place AS "place!: i64", date AS "date!: i64",
                      session_kind AS "session_kind!: i64", session AS "session!: i64",
                      sum(attendances) AS "attendances!: i64", sum(erased) AS "erased!: i64",
                      sum(tallies) AS "tallies!: i64"
               FROM (
                   SELECT place, date, session_kind, session,
                          1 AS attendances, 0 AS erased, 0 AS tallies
                   FROM attendance WHERE tenant = ?1 AND place = ?2 AND date BETWEEN ?3 AND ?4
                   UNION ALL
                   SELECT place, date, session_kind, session, people, people, 0
                   FROM frozen_attendance
                   WHERE tenant = ?1 AND place = ?2 AND date BETWEEN ?3 AND ?4
                   UNION ALL
                   SELECT place, date, session_kind, session, 0, 0, delta
                   FROM tally WHERE tenant = ?1 AND place = ?2 AND date BETWEEN ?3 AND ?4
               )
               GROUP BY place, date, session_kind, session
               ORDER BY place, date, session_kind, session"#,
            key,
            place,
            first,
            last
        )
        .fetch_all(&self.readers)
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
            r#"SELECT place AS "place!: i64", date AS "date!: i64",
                      session_kind AS "session_kind!: i64", session AS "session!: i64",
                      sum(attendances) AS "attendances!: i64", sum(erased) AS "erased!: i64",
                      sum(tallies) AS "tallies!: i64"
               FROM (
                   SELECT place, date, session_kind, session,
                          1 AS attendances, 0 AS erased, 0 AS tallies
                   FROM attendance WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3
                   UNION ALL
                   SELECT place, date, session_kind, session, people, people, 0
                   FROM frozen_attendance
                   WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3
                   UNION ALL
                   SELECT place, date, session_kind, session, 0, 0, delta
                   FROM tally WHERE tenant = ?1 AND date BETWEEN ?2 AND ?3
               )
               GROUP BY place, date, session_kind, session
               ORDER BY place, date, session_kind, session"#,
            key,
            first,
            last
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)
    }
}
