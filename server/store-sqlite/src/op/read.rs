//! Queries that several calls share.

use askel_store::{
    ASIDE_LOG, Lineage, LiveRegister, LogState, PartOf, Reading, StoreError, StreamHead, StreamOp,
};
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, OpId, StreamId, TenantId},
    stream::{Register, StreamKey},
};
use sqlx::{SqliteConnection, SqliteExecutor, SqlitePool};

use super::row::{OpRow, PlaceRow, StreamRow};
use crate::{
    column::{id, number, optional_id, stream, stream_column},
    error::store_error,
    restore,
    rows::{bytes, row, rows},
};

/// A device's logs, the one opened last first.
pub(super) async fn device_logs(
    executor: impl SqliteExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    limit: u32,
) -> Result<Vec<LogState>, StoreError> {
    let (key, writer) = (&tenant.as_bytes()[..], &device.as_bytes()[..]);
    let aside = &ASIDE_LOG[..];
    let rows = sqlx::query!(
        r#"SELECT log.log AS "log!: Vec<u8>", log.next_sequence AS "next_sequence!: i64",
                  device.participant AS "participant?: Vec<u8>",
                  log_entry.op AS "last_op?: Vec<u8>"
           FROM log INDEXED BY log_by_device
           LEFT JOIN device ON device.tenant = log.tenant AND device.device = log.device
           LEFT JOIN log_entry ON log_entry.tenant = log.tenant AND log_entry.log = log.log
                AND log_entry.sequence = log.next_sequence - 1
           WHERE log.tenant = ? AND log.device = ? AND substr(log.log, 1, 4) <> ?
           ORDER BY log.opened_at_ms DESC, log.log DESC LIMIT ?"#,
        key,
        writer,
        aside,
        limit
    )
    .fetch_all(executor)
    .await
    .map_err(store_error)?;
    let states = rows.into_iter().map(|row| {
        Ok(LogState {
            log: id(&row.log)?,
            device,
            participant: optional_id(row.participant.as_deref())?,
            next_sequence: number(row.next_sequence)?,
            last_op: optional_id(row.last_op.as_deref())?,
        })
    });
    states.collect()
}

/// Heads of those of the streams that exist, in the order asked.
pub(super) async fn heads(
    executor: impl SqliteExecutor<'_>,
    tenant: TenantId,
    streams: &[StreamKey],
) -> Result<Vec<StreamHead>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let wanted = streams
        .iter()
        .map(|stream| Ok(bytes(&stream_column(*stream)?)));
    let wanted = rows(wanted.collect::<Result<Vec<_>, StoreError>>()?);
    let rows = sqlx::query_as!(
        StreamRow,
        r#"SELECT stream.stream, stream.handle, stream.head, stream.sum
           FROM json_each(?2) AS wanted
           CROSS JOIN stream ON stream.tenant = ?1 AND stream.stream = unhex(wanted.value)
           ORDER BY wanted.key"#,
        key,
        wanted
    )
    .fetch_all(executor)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The live ops of those of the registers that have one, in the order asked.
pub(super) async fn registers(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    registers: &[(StreamKey, Register)],
) -> Result<Vec<LiveRegister>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let wanted = registers.iter().map(|(stream, register)| {
        let stream = bytes(&stream_column(*stream)?);
        Ok(row![stream, bytes(&register.to_bytes())])
    });
    let wanted = rows(wanted.collect::<Result<Vec<_>, StoreError>>()?);
    let found = sqlx::query!(
        r#"SELECT wanted.key + 0 AS "wanted!: i64", register.position AS "position!: i64",
                  op.op AS "op!: Vec<u8>", op.origin_log AS "origin_log!: Vec<u8>",
                  op.origin_sequence AS "origin_sequence!: i64", op.kind AS "kind!: i64",
                  op.payload AS "payload!: Vec<u8>", op.corrected_at_ms AS "corrected_at_ms!: i64",
                  op.received_at_ms AS "received_at_ms!: i64", op.subject AS "subject?: Vec<u8>",
                  op.strength AS "strength!: i64", op.flags AS "flags!: i64",
                  op.author_role AS "author_role!: i64"
           FROM json_each(?2) AS wanted
           CROSS JOIN register ON register.tenant = ?1
                AND register.stream = unhex(wanted.value ->> 0)
                AND register.register = unhex(wanted.value ->> 1)
           CROSS JOIN stream_op ON stream_op.tenant = ?1 AND stream_op.stream = register.stream
                AND stream_op.position = register.position
           CROSS JOIN op ON op.tenant = ?1 AND op.op = stream_op.op
           ORDER BY wanted.key"#,
        key,
        wanted
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let live = found.into_iter().map(|row| {
        let asked = usize::try_from(row.wanted).ok();
        let asked = asked.and_then(|index| registers.get(index));
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
    connection: &mut SqliteConnection,
    tenant: TenantId,
    stream: &[u8],
) -> Result<Option<StreamHead>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let row = sqlx::query_as!(
        StreamRow,
        "SELECT stream, handle, head, sum FROM stream WHERE tenant = ? AND stream = ?",
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
    connection: &mut SqliteConnection,
    tenant: TenantId,
    part: PartOf,
) -> Result<Vec<StreamOp>, StoreError> {
    let (key, stream) = (&tenant.as_bytes()[..], stream_column(part.stream)?);
    let after = i64::try_from(part.after).unwrap_or(i64::MAX);
    let live = i64::from(part.reading == Reading::Live);
    let rows = sqlx::query_as!(
        PlaceRow,
        r#"SELECT stream_op.position, op.op AS "op?: Vec<u8>",
                  op.origin_log AS "origin_log?: Vec<u8>",
                  op.origin_sequence AS "origin_sequence?: i64", op.kind AS "kind?: i64",
                  op.payload AS "payload?: Vec<u8>", op.corrected_at_ms AS "corrected_at_ms?: i64",
                  op.received_at_ms AS "received_at_ms?: i64", op.subject AS "subject?: Vec<u8>",
                  op.strength AS "strength?: i64", op.flags AS "flags?: i64",
                  op.author_role AS "author_role?: i64"
           FROM stream_op
           LEFT JOIN op ON op.tenant = stream_op.tenant AND op.op = stream_op.op
           WHERE stream_op.tenant = ? AND stream_op.stream = ? AND stream_op.position > ?
                 AND stream_op.live >= ?
           ORDER BY stream_op.position LIMIT ?"#,
        key,
        stream,
        after,
        live,
        part.limit
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Which stream a handle names or named.
pub(super) async fn lineage(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    handle: StreamId,
) -> Result<Option<(StreamKey, Lineage)>, StoreError> {
    let (key, id) = (&tenant.as_bytes()[..], &handle.as_bytes()[..]);
    let current = sqlx::query_scalar!(
        "SELECT stream FROM stream WHERE tenant = ? AND handle = ?",
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
    readers: &SqlitePool,
    tenant: TenantId,
    after: Option<OpId>,
    limit: u32,
) -> Result<Vec<AdmittedOp>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let after = after.as_ref().map_or(&[][..], |op| &op.as_bytes()[..]);
    // 2 is the number of `OpKind::Tally`, written out for the index that has only those.
    let rows = sqlx::query_as!(
        OpRow,
        r#"SELECT 0 AS "position!: i64", op, origin_log, origin_sequence, kind, payload,
                  corrected_at_ms, received_at_ms, subject, strength, flags, author_role
           FROM op INDEXED BY op_tally WHERE tenant = ? AND kind = 2 AND op > ?
           ORDER BY op LIMIT ?"#,
        key,
        after,
        limit
    )
    .fetch_all(readers)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| StreamOp::try_from(row).map(|stream_op| stream_op.admitted))
        .collect()
}
