//! Ops, logs and streams: reading them.

mod append;
mod read;
mod row;

pub(crate) use read::list_tallies;

use askel_store::{
    Append, AppendError, DeviceView, Lineage, LiveRegister, LogState, OpStore, PartOf, Reading,
    RefusedOp, StoreError, StreamHead, StreamOp, StreamPart, StreamTarget, owner_of,
};
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, StreamId, TenantId},
    stream::{Register, StreamKey},
    time::Timestamp,
};
use async_trait::async_trait;

pub(crate) use self::row::OpRow;
use self::{read::registers, row::StreamRow};
use crate::{
    SqliteStore,
    column::{id, number, optional_id, stream_column},
    error::store_error,
    rows::{bytes, rows},
    store::commit,
};

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
                      device.participant AS "participant?: Vec<u8>",
                      log_entry.op AS "last_op?: Vec<u8>"
               FROM json_each(?2) AS wanted
               CROSS JOIN log ON log.tenant = ?1 AND log.log = unhex(wanted.value)
               LEFT JOIN device ON device.tenant = ?1 AND device.device = log.device
               LEFT JOIN log_entry ON log_entry.tenant = ?1 AND log_entry.log = log.log
                    AND log_entry.sequence = log.next_sequence - 1
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
                last_op: optional_id(row.last_op.as_deref())?,
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

    async fn lookup_refused(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<RefusedOp>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let wanted = rows(ops.iter().map(|op| bytes(op.as_bytes())));
        let rows = sqlx::query!(
            r#"SELECT log_entry.op AS "op!: Vec<u8>", log_entry.reason AS "reason!: String",
                      log_entry.subject AS "subject?: Vec<u8>"
               FROM json_each(?2) AS wanted
               CROSS JOIN log_entry INDEXED BY log_entry_refused
                    ON log_entry.tenant = ?1 AND log_entry.op = unhex(wanted.value)
               WHERE log_entry.outcome = 2"#,
            key,
            wanted
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let refused = rows.into_iter().map(|row| {
            Ok(RefusedOp {
                op: id(&row.op)?,
                reason: row.reason,
                subject: optional_id(row.subject.as_deref())?,
            })
        });
        refused.collect()
    }

    async fn lookup_streams(
        &self,
        tenant: TenantId,
        streams: &[StreamKey],
    ) -> Result<Vec<StreamHead>, StoreError> {
        read::heads(&self.readers, tenant, streams).await
    }

    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<Option<StreamHead>, StoreError> {
        // Nearly always it is there, and the writer need not be asked.
        if let Some(head) = self.lookup_streams(tenant, &[target.key]).await?.pop() {
            return Ok(Some(head));
        }
        let (key, stream) = (&tenant.as_bytes()[..], stream_column(target.key)?);
        let handle = &target.new_id.as_bytes()[..];
        let owner = owner_of(target.key);
        let owner = owner.as_ref().map(|id| &id.as_bytes()[..]);
        let mut transaction = self.write().await?;
        sqlx::query!(
            "INSERT INTO stream (tenant, stream, handle, head, sum)
             SELECT ?1, ?2, ?3, 0, 0
             WHERE NOT EXISTS (SELECT 1 FROM erased WHERE tenant = ?1 AND id = ?4)
             ON CONFLICT (tenant, stream) DO NOTHING",
            key,
            stream,
            handle,
            owner
        )
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
        let head = read::head(&mut transaction, tenant, &stream).await?;
        commit(transaction).await?;
        Ok(head)
    }

    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<(StreamKey, Lineage)>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        read::lineage(&mut connection, tenant, id).await
    }

    async fn list_device_logs(
        &self,
        tenant: TenantId,
        device: DeviceId,
        limit: u32,
    ) -> Result<Vec<LogState>, StoreError> {
        read::device_logs(&self.readers, tenant, device, limit).await
    }

    async fn view_of_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        streams: &[StreamKey],
        logs_max: u32,
    ) -> Result<DeviceView, StoreError> {
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        Ok(DeviceView {
            heads: read::heads(&mut *reader, tenant, streams).await?,
            logs: read::device_logs(&mut *reader, tenant, device, logs_max).await?,
        })
    }

    async fn lookup_registers(
        &self,
        tenant: TenantId,
        wanted: &[(StreamKey, Register)],
    ) -> Result<Vec<LiveRegister>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        registers(&mut connection, tenant, wanted).await
    }

    async fn read_part(
        &self,
        tenant: TenantId,
        part: PartOf,
    ) -> Result<Option<StreamPart>, StoreError> {
        // A transaction, so that the head is that of the ops.
        let mut reader = self.readers.begin().await.map_err(store_error)?;
        let stream = stream_column(part.stream)?;
        let Some(head) = read::head(&mut reader, tenant, &stream).await? else {
            return Ok(None);
        };
        let ops = read::ops(&mut reader, tenant, part).await?;
        Ok(Some(StreamPart { head, ops }))
    }

    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError> {
        let part = PartOf {
            stream,
            after,
            limit,
            reading: Reading::All,
        };
        let mut reader = self.readers.acquire().await.map_err(store_error)?;
        read::ops(&mut reader, tenant, part).await
    }
}
