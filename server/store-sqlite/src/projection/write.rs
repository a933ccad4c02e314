//! What is derived: writing it, in the transaction of the append that led to it.

use askel_store::{OutboxDraft, Projection, StoreError, TallyChange};
use askel_sync::{
    id::{OpId, ParticipantId, TenantId},
    op::SessionRef,
    time::LocalDate,
};
use serde_json::Value;
use sqlx::SqliteConnection;

use crate::{
    column::{number, session_columns, stream_column},
    error::store_error,
    rows::{bytes, row, rows},
};

/// What an append marks.
pub(crate) struct Marks<'a> {
    /// Participants to be marked dirty.
    pub(crate) dirty: Vec<ParticipantId>,
    /// New outbox items, in order.
    pub(crate) outbox: &'a [OutboxDraft<'a>],
    /// Counts, each by the op that says it.
    pub(crate) tallies: &'a [(OpId, TallyChange)],
}

impl Marks<'_> {
    /// Writes them.
    pub(crate) async fn write(
        &self,
        connection: &mut SqliteConnection,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        let wanted = self.dirty.len().saturating_add(self.outbox.len());
        if wanted > 0 {
            let first = reserve_numbers(connection, tenant, wanted).await?;
            let outbox_first = first.saturating_add(number(self.dirty.len())?);
            mark_dirty(connection, tenant, &self.dirty, first).await?;
            put_out(connection, tenant, self.outbox, outbox_first).await?;
        }
        count(connection, tenant, self.tallies).await
    }
}

/// Writes what a projection found. Marks have to be written before: a reason of the same append
/// keeps its participant dirty.
pub(crate) async fn project(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    clean(connection, tenant, projection).await?;
    take_out(connection, tenant, projection).await?;
    contribute(connection, tenant, projection).await?;
    recount(connection, tenant, projection).await?;
    forget(connection, tenant, projection).await?;
    attend(connection, tenant, projection).await
}

/// The first of `wanted` numbers that nobody else gets.
async fn reserve_numbers(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    wanted: usize,
) -> Result<i64, StoreError> {
    let (key, wanted) = (&tenant.as_bytes()[..], number::<_, i64>(wanted)?);
    let last = sqlx::query_scalar!(
        r#"INSERT INTO counter (tenant, last) VALUES (?, ?)
           ON CONFLICT (tenant) DO UPDATE SET last = last + excluded.last
           RETURNING last AS "last!: i64""#,
        key,
        wanted
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    Ok(last.saturating_sub(wanted).saturating_add(1))
}

async fn mark_dirty(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    dirty: &[ParticipantId],
    first: i64,
) -> Result<(), StoreError> {
    if dirty.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let rows = rows(
        (first..)
            .zip(dirty)
            .map(|(reason, participant)| row![bytes(participant.as_bytes()), reason]),
    );
    sqlx::query!(
        "INSERT INTO dirty (tenant, participant, first, generation)
         SELECT ?1, unhex(value ->> 0), value ->> 1, value ->> 1 FROM json_each(?2) WHERE true
         ON CONFLICT (tenant, participant) DO UPDATE SET generation = excluded.generation",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn put_out(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    outbox: &[OutboxDraft<'_>],
    first: i64,
) -> Result<(), StoreError> {
    if outbox.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let item = |(item, draft): (i64, &OutboxDraft<'_>)| {
        let stream = bytes(&stream_column(draft.stream)?);
        Ok(row![item, stream, draft.kind, bytes(draft.payload)])
    };
    let items: Vec<Value> = (first..)
        .zip(outbox)
        .map(item)
        .collect::<Result<_, StoreError>>()?;
    let rows = rows(items);
    sqlx::query!(
        "INSERT INTO outbox (tenant, item, stream, kind, payload)
         SELECT ?1, value ->> 0, unhex(value ->> 1), value ->> 2, unhex(value ->> 3)
         FROM json_each(?2)",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn count(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    tallies: &[(OpId, TallyChange)],
) -> Result<(), StoreError> {
    if tallies.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let rows = rows(tallies.iter().map(|(op, tally)| {
        let (kind, session) = session_columns(tally.session);
        row![
            bytes(op.as_bytes()),
            tally.place.get(),
            tally.date.as_days(),
            kind,
            session,
            tally.delta
        ]
    }));
    sqlx::query!(
        "INSERT INTO tally (tenant, op, place, date, session_kind, session, delta)
         SELECT ?1, unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4,
                value ->> 5
         FROM json_each(?2) WHERE true
         ON CONFLICT (tenant, op) DO UPDATE
         SET place = excluded.place, date = excluded.date, session_kind = excluded.session_kind,
             session = excluded.session, delta = excluded.delta",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Puts counts where they belong by now, and takes out those that belong nowhere.
async fn recount(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    let nowhere = projection.tallies.iter();
    let nowhere: Vec<Value> = nowhere
        .filter(|(_, tally)| tally.is_none())
        .map(|(op, _)| bytes(op.as_bytes()))
        .collect();
    if !nowhere.is_empty() {
        let (key, ops) = (&tenant.as_bytes()[..], rows(nowhere));
        sqlx::query!(
            "DELETE FROM tally WHERE tenant = ?1 AND op IN
             (SELECT unhex(value) FROM json_each(?2))",
            key,
            ops
        )
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    let somewhere = projection.tallies.iter();
    let somewhere: Vec<_> = somewhere
        .filter_map(|(op, tally)| Some((*op, (*tally)?)))
        .collect();
    count(connection, tenant, &somewhere).await
}

/// Voids what was held of participants who were folded from scratch.
async fn forget(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    if projection.afresh.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let participants = projection.afresh.iter();
    let rows = rows(participants.map(|participant| bytes(participant.as_bytes())));
    sqlx::query!(
        "DELETE FROM attendance WHERE tenant = ?1 AND participant IN
         (SELECT unhex(value) FROM json_each(?2))",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn clean(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    if projection.clean.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let rows = rows(
        projection
            .clean
            .iter()
            .map(|dirty| row![bytes(dirty.participant.as_bytes()), dirty.generation]),
    );
    sqlx::query!(
        "DELETE FROM dirty WHERE tenant = ?1 AND (participant, generation) IN
         (SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?2))",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn take_out(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    if projection.sent.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let items = rows(projection.sent.iter().map(|item| Value::from(*item)));
    sqlx::query!(
        "DELETE FROM outbox WHERE tenant = ?1 AND item IN (SELECT value FROM json_each(?2))",
        key,
        items
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn contribute(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    if projection.contributions.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let rows = rows(projection.contributions.iter().map(|contribution| {
        let participant = bytes(contribution.participant.as_bytes());
        row![contribution.goal.get(), participant, contribution.points]
    }));
    sqlx::query!(
        "DELETE FROM contribution WHERE tenant = ?1 AND (goal, participant) IN
         (SELECT value ->> 0, unhex(value ->> 1) FROM json_each(?2) WHERE value ->> 2 = 0)",
        key,
        rows
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!(
        "INSERT INTO contribution (tenant, goal, participant, points)
         SELECT ?1, value ->> 0, unhex(value ->> 1), value ->> 2
         FROM json_each(?2) WHERE value ->> 2 <> 0
         ON CONFLICT (tenant, goal, participant) DO UPDATE SET points = excluded.points",
        key,
        rows
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn attend(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    let of = |present: bool| {
        let changes = projection
            .attendances
            .iter()
            .filter(move |change| change.present == present);
        changes
            .map(|change| {
                let participant = bytes(change.participant.as_bytes());
                attendance_row(change.place.get(), change.date, change.session, participant)
            })
            .collect::<Vec<_>>()
    };
    let (absent, present) = (of(false), of(true));
    if !absent.is_empty() {
        let rows = rows(absent);
        sqlx::query!(
            "DELETE FROM attendance
             WHERE tenant = ?1 AND (place, date, session_kind, session, participant) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4)
              FROM json_each(?2))",
            key,
            rows
        )
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    }
    if !present.is_empty() {
        let rows = rows(present);
        sqlx::query!(
            "INSERT INTO attendance (tenant, place, date, session_kind, session, participant)
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4)
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, place, date, session_kind, session, participant) DO NOTHING",
            key,
            rows
        )
        .execute(connection)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}

fn attendance_row(place: u32, date: LocalDate, session: SessionRef, participant: Value) -> Value {
    let (kind, session) = session_columns(session);
    row![place, date.as_days(), kind, session, participant]
}
