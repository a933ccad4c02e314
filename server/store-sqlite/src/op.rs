//! Ops, logs and streams: reading them.

mod append;

use askel_store::{
    Append, AppendError, Lineage, LogState, OpStore, StoreError, StreamHead, StreamOp, StreamTarget,
};
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Strength},
    id::{LogId, OpId, StreamId, TenantId},
    op::{Op, Origin},
    stream::{StreamKey, StreamSum},
    time::Timestamp,
};
use async_trait::async_trait;
use sqlx::SqlitePool;

use crate::{
    SqliteStore,
    column::{id, number, optional_id, role, stream, stream_column},
    error::store_error,
    rows::{bytes, rows},
    store::commit,
};

struct OpRow {
    position: i64,
    op: Vec<u8>,
    origin_log: Vec<u8>,
    origin_sequence: i64,
    kind: i64,
    payload: Vec<u8>,
    corrected_at_ms: i64,
    received_at_ms: i64,
    subject: Option<Vec<u8>>,
    strength: i64,
    flags: i64,
    author_role: i64,
}

impl TryFrom<OpRow> for StreamOp {
    type Error = StoreError;

    /// Recomputes the op's id: a row that was damaged is not handed on.
    fn try_from(row: OpRow) -> Result<Self, StoreError> {
        let strength = i32::try_from(row.strength).ok();
        let strength = strength.and_then(|strength| Strength::try_from(strength).ok());
        let origin = Origin {
            log: id(&row.origin_log)?,
            sequence: number(row.origin_sequence)?,
        };
        let admitted = AdmittedOp {
            op: Op {
                kind: number(row.kind)?,
                payload: row.payload,
                origin,
            },
            admission: Admission {
                corrected_at: Timestamp::from_ms(row.corrected_at_ms),
                received_at: Timestamp::from_ms(row.received_at_ms),
                subject: optional_id(row.subject.as_deref())?,
                strength: strength.ok_or(StoreError::Inconsistent("a strength is not known"))?,
                flags: Flags::from_bits(number(row.flags)?),
                author_role: role(row.author_role)?,
            },
        };
        if admitted.id() != id::<OpId>(&row.op)? {
            return Err(StoreError::Inconsistent("an op is not what its id says"));
        }
        Ok(Self {
            position: number(row.position)?,
            admitted,
        })
    }
}

struct StreamRow {
    stream: Vec<u8>,
    handle: Vec<u8>,
    head: i64,
    sum: i64,
}

impl TryFrom<StreamRow> for StreamHead {
    type Error = StoreError;

    fn try_from(row: StreamRow) -> Result<Self, StoreError> {
        Ok(Self {
            key: stream(&row.stream)?,
            id: id(&row.handle)?,
            head: number(row.head)?,
            sum: StreamSum::from_bits(row.sum.cast_unsigned()),
        })
    }
}

#[async_trait]
impl OpStore for SqliteStore {
    async fn append(
        &self,
        tenant: TenantId,
        append: &Append,
        now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError> {
        let mut transaction = self.write().await?;
        let moved = append::append(&mut transaction, tenant, append, now).await?;
        commit(transaction).await?;
        Ok(moved)
    }

    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let wanted = rows(logs.iter().map(|log| bytes(log.as_bytes())));
        let rows = sqlx::query!(
            r#"SELECT log.log AS "log!: Vec<u8>", log.device AS "device!: Vec<u8>",
                      log.next_sequence AS "next_sequence!: i64",
                      device.participant AS "participant?: Vec<u8>"
               FROM json_each(?2) AS wanted
               CROSS JOIN log ON log.tenant = ?1 AND log.log = unhex(wanted.value)
               LEFT JOIN device ON device.tenant = ?1 AND device.device = log.device
               ORDER BY wanted.key"#,
            key,
            wanted
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let states = rows.into_iter().map(|row| {
            Ok(LogState {
                log: id(&row.log)?,
                device: id(&row.device)?,
                participant: optional_id(row.participant.as_deref())?,
                next_sequence: number(row.next_sequence)?,
                last_op: None,
            })
        });
        states.collect()
    }

    async fn list_entries(
        &self,
        tenant: TenantId,
        log: LogId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(u64, OpId, Option<String>, bool)>, StoreError> {
        let (key, log) = (&tenant.as_bytes()[..], &log.as_bytes()[..]);
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = sqlx::query!(
            "SELECT sequence, op, reason, outcome FROM log_entry
             WHERE tenant = ? AND log = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
            key,
            log,
            from,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let entries = rows.into_iter().map(|row| {
            let deferred = row.outcome == append::DEFERRED;
            Ok((number(row.sequence)?, id(&row.op)?, row.reason, deferred))
        });
        entries.collect()
    }

    async fn lookup_ops(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<AdmittedOp>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let wanted = rows(ops.iter().map(|op| bytes(op.as_bytes())));
        let rows = sqlx::query_as!(
            OpRow,
            r#"SELECT wanted.key + 0 AS "position!: i64", op.op, op.origin_log, op.origin_sequence,
                      op.kind, op.payload, op.corrected_at_ms, op.received_at_ms, op.subject,
                      op.strength, op.flags, op.author_role
               FROM json_each(?2) AS wanted
               CROSS JOIN op ON op.tenant = ?1 AND op.op = unhex(wanted.value)
               ORDER BY wanted.key"#,
            key,
            wanted
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(|row| Ok(StreamOp::try_from(row)?.admitted))
            .collect()
    }

    async fn lookup_streams(
        &self,
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
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<StreamHead, StoreError> {
        // Nearly always it is there, and the writer need not be asked.
        if let Some(head) = self.lookup_streams(tenant, &[target.key]).await?.pop() {
            return Ok(head);
        }
        let (key, stream) = (&tenant.as_bytes()[..], stream_column(target.key)?);
        let handle = &target.new_id.as_bytes()[..];
        let mut transaction = self.write().await?;
        sqlx::query!(
            "INSERT INTO stream (tenant, stream, handle, head, sum) VALUES (?, ?, ?, 0, 0)
             ON CONFLICT (tenant, stream) DO NOTHING",
            key,
            stream,
            handle
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        let row = sqlx::query_as!(
            StreamRow,
            "SELECT stream, handle, head, sum FROM stream WHERE tenant = ? AND stream = ?",
            key,
            stream
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(store_error)?;
        commit(transaction).await?;
        row.try_into()
    }

    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<(StreamKey, Lineage)>, StoreError> {
        let (key, handle) = (&tenant.as_bytes()[..], &id.as_bytes()[..]);
        let column = sqlx::query_scalar!(
            "SELECT stream FROM stream WHERE tenant = ? AND handle = ?",
            key,
            handle
        )
        .fetch_optional(&self.readers)
        .await
        .map_err(store_error)?;
        let key = column.as_deref().map(stream).transpose()?;
        Ok(key.map(|key| (key, Lineage::Current)))
    }

    async fn list_device_logs(
        &self,
        _tenant: TenantId,
        _device: askel_sync::id::DeviceId,
        _limit: u32,
    ) -> Result<Vec<LogState>, StoreError> {
        Err(crate::NOT_YET)
    }

    async fn lookup_registers(
        &self,
        _tenant: TenantId,
        _registers: &[(StreamKey, askel_sync::stream::Register)],
    ) -> Result<Vec<askel_store::LiveRegister>, StoreError> {
        Err(crate::NOT_YET)
    }

    async fn read_part(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
        _reading: askel_store::Reading,
    ) -> Result<Option<askel_store::StreamPart>, StoreError> {
        let ops = self.read_stream(tenant, stream, after, limit).await?;
        let head = self.lookup_streams(tenant, &[stream]).await?.pop();
        Ok(head.map(|head| askel_store::StreamPart { head, ops }))
    }

    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError> {
        let (key, stream) = (&tenant.as_bytes()[..], stream_column(stream)?);
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = sqlx::query_as!(
            OpRow,
            "SELECT stream_op.position, op.op, op.origin_log, op.origin_sequence, op.kind,
                    op.payload, op.corrected_at_ms, op.received_at_ms, op.subject, op.strength,
                    op.flags, op.author_role
             FROM stream_op
             JOIN op ON op.tenant = stream_op.tenant AND op.op = stream_op.op
             WHERE stream_op.tenant = ? AND stream_op.stream = ? AND stream_op.position > ?
             ORDER BY stream_op.position LIMIT ?",
            key,
            stream,
            after,
            limit
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
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
