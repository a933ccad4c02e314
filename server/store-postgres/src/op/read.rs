//! Queries that several calls share.

use askel_store::{Lineage, LiveRegister, PartOf, Reading, StoreError, StreamHead, StreamOp};
use askel_sync::{
    admission::AdmittedOp,
    id::{OpId, StreamId, TenantId},
    stream::{Register, StreamKey},
};
use sqlx::PgConnection;

use super::row::{OpRow, PlaceRow, StreamRow};
use crate::{
    column::{stream, stream_column, stream_columns},
    error::store_error,
    restore,
};

/// The live ops of those of the registers that have one, in the order asked. Each is looked up by itself:
/// a join may as well read all that a tenant has, where statistics say that it is little.
pub(super) async fn registers(
    connection: &mut PgConnection,
    tenant: TenantId,
    registers: &[(StreamKey, Register)],
) -> Result<Vec<LiveRegister>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let streams = stream_columns(registers.iter().map(|(stream, _)| *stream))?;
    let names = registers.iter().map(|(_, register)| register.to_bytes());
    let names: Vec<Vec<u8>> = names.collect();
    let found = sqlx::query!(
        r#"SELECT wanted.place AS "wanted!", register.position AS "position!",
                  op.op AS "op!", op.origin_log AS "origin_log!",
                  op.origin_sequence AS "origin_sequence!", op.kind AS "kind!",
                  op.payload AS "payload!", op.corrected_at_ms AS "corrected_at_ms!",
                  op.received_at_ms AS "received_at_ms!", op.subject AS "subject?",
                  op.strength AS "strength!", op.flags AS "flags!",
                  op.author_role AS "author_role!"
           FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS wanted (stream, register, place)
           CROSS JOIN LATERAL (
               SELECT position FROM register
               WHERE tenant = $1 AND stream = wanted.stream AND register = wanted.register LIMIT 1
           ) AS register
           CROSS JOIN LATERAL (
               SELECT op FROM stream_op
               WHERE tenant = $1 AND stream = wanted.stream AND position = register.position LIMIT 1
           ) AS placed
           CROSS JOIN LATERAL (
               SELECT * FROM op WHERE tenant = $1 AND op = placed.op LIMIT 1
           ) AS op
           ORDER BY wanted.place"#,
        key,
        &streams,
        &names
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let live = found.into_iter().map(|row| {
        let asked = usize::try_from(row.wanted).ok();
        let asked = asked.and_then(|place| registers.get(place.checked_sub(1)?));
        let (stream, register) =
            *asked.ok_or(StoreError::Inconsistent("a row nobody asked for"))?;
        let op = OpRow {
            position: row.position,
            op: row.op,
            origin_log: row.origin_log,
            origin_sequence: row.origin_sequence,
            kind: row.kind,
            payload: row.payload,
            corrected_at_ms: row.corrected_at_ms,
            received_at_ms: row.received_at_ms,
            subject: row.subject,
            strength: row.strength,
            flags: row.flags,
            author_role: row.author_role,
        };
        Ok(LiveRegister {
            stream,
            register,
            op: op.try_into()?,
        })
    });
    live.collect()
}

/// The head of a stream.
pub(super) async fn head(
    connection: &mut PgConnection,
    tenant: TenantId,
    stream: &[u8],
) -> Result<Option<StreamHead>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let row = sqlx::query_as!(
        StreamRow,
        "SELECT stream, handle, head, sum FROM stream WHERE tenant = $1 AND stream = $2",
        key,
        stream
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(TryInto::try_into).transpose()
}

/// The ops of a part of a stream.
pub(super) async fn ops(
    connection: &mut PgConnection,
    tenant: TenantId,
    part: PartOf,
) -> Result<Vec<StreamOp>, StoreError> {
    let (key, stream) = (&tenant.as_bytes()[..], stream_column(part.stream)?);
    let after = i64::try_from(part.after).unwrap_or(i64::MAX);
    let live = part.reading == Reading::Live;
    let rows = sqlx::query_as!(
        PlaceRow,
        r#"SELECT stream_op.position, op.op AS "op?",
                  op.origin_log AS "origin_log?",
                  op.origin_sequence AS "origin_sequence?", op.kind AS "kind?",
                  op.payload AS "payload?", op.corrected_at_ms AS "corrected_at_ms?",
                  op.received_at_ms AS "received_at_ms?", op.subject AS "subject?",
                  op.strength AS "strength?", op.flags AS "flags?",
                  op.author_role AS "author_role?"
           FROM stream_op
           LEFT JOIN op ON op.tenant = stream_op.tenant AND op.op = stream_op.op
           WHERE stream_op.tenant = $1 AND stream_op.stream = $2 AND stream_op.position > $3
                 AND (stream_op.live OR NOT $4)
           ORDER BY stream_op.position LIMIT $5"#,
        key,
        stream,
        after,
        live,
        i64::from(part.limit)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The ops of several streams, each after its position, in one trip.
pub(super) async fn ops_of_many(
    connection: &mut PgConnection,
    tenant: TenantId,
    wanted: &[(StreamKey, u64)],
    limit: u32,
) -> Result<Vec<Vec<StreamOp>>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let streams = stream_columns(wanted.iter().map(|(stream, _)| *stream))?;
    let after = wanted.iter().map(|(_, after)| *after);
    let after: Vec<i64> = after
        .map(|after| i64::try_from(after).unwrap_or(i64::MAX))
        .collect();
    let rows = sqlx::query!(
        r#"SELECT wanted.place AS "wanted!", part.position AS "position!", op.op AS "op?",
                  op.origin_log AS "origin_log?",
                  op.origin_sequence AS "origin_sequence?", op.kind AS "kind?",
                  op.payload AS "payload?", op.corrected_at_ms AS "corrected_at_ms?",
                  op.received_at_ms AS "received_at_ms?", op.subject AS "subject?",
                  op.strength AS "strength?", op.flags AS "flags?",
                  op.author_role AS "author_role?"
           FROM unnest($2::bytea[], $3::bigint[]) WITH ORDINALITY AS wanted (stream, after, place)
           CROSS JOIN LATERAL (
               SELECT stream_op.position, stream_op.op FROM stream_op
               WHERE stream_op.tenant = $1 AND stream_op.stream = wanted.stream
                     AND stream_op.position > wanted.after
               ORDER BY stream_op.position LIMIT $4
           ) AS part
           LEFT JOIN op ON op.tenant = $1 AND op.op = part.op
           ORDER BY wanted.place, part.position"#,
        key,
        &streams,
        &after,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut read = vec![Vec::new(); wanted.len()];
    for row in rows {
        let asked = usize::try_from(row.wanted).ok();
        let ops = asked.and_then(|place| read.get_mut(place.checked_sub(1)?));
        let place = PlaceRow {
            position: row.position,
            op: row.op,
            origin_log: row.origin_log,
            origin_sequence: row.origin_sequence,
            kind: row.kind,
            payload: row.payload,
            corrected_at_ms: row.corrected_at_ms,
            received_at_ms: row.received_at_ms,
            subject: row.subject,
            strength: row.strength,
            flags: row.flags,
            author_role: row.author_role,
        };
        ops.ok_or(StoreError::Inconsistent("a row nobody asked for"))?
            .push(place.try_into()?);
    }
    Ok(read)
}

/// Which stream a handle names or named.
pub(super) async fn lineage(
    connection: &mut PgConnection,
    tenant: TenantId,
    handle: StreamId,
) -> Result<Option<(StreamKey, Lineage)>, StoreError> {
    let (key, id) = (&tenant.as_bytes()[..], &handle.as_bytes()[..]);
    let current = sqlx::query_scalar!(
        "SELECT stream FROM stream WHERE tenant = $1 AND handle = $2",
        key,
        id
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    if let Some(column) = current {
        return Ok(Some((stream(&column)?, Lineage::Current)));
    }
    let ancestor = restore::ancestor(connection, tenant, handle).await?;
    Ok(ancestor.map(|ancestor| (ancestor.stream, ancestor.lineage())))
}

/// Ops that count people without a name, by id.
pub(crate) async fn list_tallies(
    connection: &mut PgConnection,
    tenant: TenantId,
    after: Option<OpId>,
    limit: u32,
) -> Result<Vec<AdmittedOp>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let after = after.as_ref().map_or(&[][..], |op| &op.as_bytes()[..]);
    // 2 is the number of `OpKind::Tally`, written out for the index that has only those.
    let rows = sqlx::query_as!(
        OpRow,
        r#"SELECT 0::bigint AS "position!", op, origin_log, origin_sequence, kind, payload,
                  corrected_at_ms, received_at_ms, subject, strength, flags, author_role
           FROM op WHERE tenant = $1 AND kind = 2 AND op > $2
           ORDER BY op LIMIT $3"#,
        key,
        after,
        i64::from(limit)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| StreamOp::try_from(row).map(|stream_op| stream_op.admitted))
        .collect()
}
