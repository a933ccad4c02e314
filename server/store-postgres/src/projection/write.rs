//! What is derived: writing it, in the transaction of the append that led to it.

use std::collections::BTreeMap;

use askel_store::{OutboxDraft, Projection, StoreError, TallyChange};
use askel_sync::{
    id::{OpId, ParticipantId, PlaceId, TenantId},
    op::SessionRef,
    time::LocalDate,
};
use sqlx::PgConnection;

use super::found;
use crate::{
    column::{columns, number, session_columns, stream_columns},
    error::store_error,
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
        connection: &mut PgConnection,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        mark_dirty(connection, tenant, &self.dirty).await?;
        put_out(connection, tenant, self.outbox).await?;
        count(connection, tenant, self.tallies).await
    }
}

/// Writes what a projection found. Marks have to be written before: a reason of the same append
/// keeps its participant dirty.
pub(crate) async fn project(
    connection: &mut PgConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    if *projection == Projection::default() {
        return Ok(());
    }
    recount(connection, tenant, projection).await?;
    forget(connection, tenant, &projection.afresh).await?;
    found::write(connection, tenant, projection).await
}

/// One reason each.
async fn mark_dirty(
    connection: &mut PgConnection,
    tenant: TenantId,
    dirty: &[ParticipantId],
) -> Result<(), StoreError> {
    if dirty.is_empty() {
        return Ok(());
    }
    let (key, dirty) = (
        &tenant.as_bytes()[..],
        columns(dirty.iter().map(ParticipantId::as_bytes)),
    );
    sqlx::query!(
        "INSERT INTO dirty (tenant, generation, participant)
         SELECT $1, nextval('reason_number'), participant FROM unnest($2::bytea[]) AS participant",
        key,
        &dirty
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn put_out(
    connection: &mut PgConnection,
    tenant: TenantId,
    outbox: &[OutboxDraft<'_>],
) -> Result<(), StoreError> {
    if outbox.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let streams = stream_columns(outbox.iter().map(|draft| draft.stream))?;
    let kinds: Vec<i64> = outbox.iter().map(|draft| draft.kind.into()).collect();
    let payloads: Vec<Vec<u8>> = outbox.iter().map(|draft| draft.payload.to_vec()).collect();
    sqlx::query!(
        "INSERT INTO outbox (tenant, item, stream, kind, payload)
         SELECT $1, nextval('reason_number'), stream, kind, payload FROM (
             SELECT stream, kind, payload
             FROM unnest($2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
                  AS draft (stream, kind, payload, place)
             ORDER BY place
         ) AS draft",
        key,
        &streams,
        &kinds,
        &payloads
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn count(
    connection: &mut PgConnection,
    tenant: TenantId,
    tallies: &[(OpId, TallyChange)],
) -> Result<(), StoreError> {
    if tallies.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    // The last word on each.
    let tallies: BTreeMap<_, _> = tallies.iter().copied().collect();
    let ops = columns(tallies.keys().map(OpId::as_bytes));
    let mut at = Sessions::default();
    let mut deltas: Vec<i64> = Vec::with_capacity(tallies.len());
    for tally in tallies.values() {
        at.push(tally.place, tally.date, tally.session);
        deltas.push(tally.delta.into());
    }
    sqlx::query!(
        "INSERT INTO tally (tenant, op, place, date, session_kind, session, delta)
         SELECT $1, op, place, date, session_kind, session, delta
         FROM unnest($2::bytea[], $3::bigint[], $4::integer[], $5::smallint[], $6::bigint[],
                     $7::bigint[]) AS change (op, place, date, session_kind, session, delta)
         ON CONFLICT (tenant, op) DO UPDATE
         SET place = excluded.place, date = excluded.date, session_kind = excluded.session_kind,
             session = excluded.session, delta = excluded.delta",
        key,
        &ops,
        &at.places,
        &at.dates,
        &at.kinds,
        &at.numbers,
        &deltas
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Puts counts where they belong by now, and takes out those that belong nowhere.
async fn recount(
    connection: &mut PgConnection,
    tenant: TenantId,
    projection: &Projection,
) -> Result<(), StoreError> {
    let nowhere = projection.tallies.iter();
    let nowhere = nowhere.filter(|(_, tally)| tally.is_none());
    let nowhere = columns(nowhere.map(|(op, _)| op.as_bytes()));
    if !nowhere.is_empty() {
        let key = &tenant.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM tally WHERE tenant = $1 AND op = ANY($2)",
            key,
            &nowhere
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

/// Deletes outbox items.
pub(crate) async fn take_out(
    connection: &mut PgConnection,
    tenant: TenantId,
    items: &[u64],
) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let items = items.iter().map(|item| number(*item));
    let items: Vec<i64> = items.collect::<Result<_, _>>()?;
    sqlx::query!(
        "DELETE FROM outbox WHERE tenant = $1 AND item = ANY($2)",
        key,
        &items
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Voids what was held of participants who were folded from scratch.
async fn forget(
    connection: &mut PgConnection,
    tenant: TenantId,
    afresh: &[ParticipantId],
) -> Result<(), StoreError> {
    if afresh.is_empty() {
        return Ok(());
    }
    let key = &tenant.as_bytes()[..];
    let participants = columns(afresh.iter().map(ParticipantId::as_bytes));
    sqlx::query!(
        "DELETE FROM attendance WHERE tenant = $1 AND participant = ANY($2)",
        key,
        &participants
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Sessions as columns.
#[derive(Default)]
pub(super) struct Sessions {
    pub(super) places: Vec<i64>,
    pub(super) dates: Vec<i32>,
    pub(super) kinds: Vec<i16>,
    pub(super) numbers: Vec<i64>,
}

impl Sessions {
    pub(super) fn push(&mut self, place: PlaceId, date: LocalDate, session: SessionRef) {
        let (kind, number) = session_columns(session);
        self.places.push(place.get().into());
        self.dates.push(date.as_days());
        self.kinds.push(kind);
        self.numbers.push(number);
    }
}
