//! Ops, logs and streams: reading them.

mod append;
mod read;
mod row;
mod view;

pub(crate) use read::list_tallies;
pub(crate) use view::AskedView;

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
    PostgresStore,
    column::{columns, id, number, optional_id, stream_column, stream_columns},
    error::store_error,
    store::commit,
};

#[async_trait]
impl OpStore for PostgresStore {
    async fn append(
        &self,
        tenant: TenantId,
        append: &Append,
        now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError> {
        append::append(self, tenant, append, now).await
    }

    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let wanted = columns(logs.iter().map(LogId::as_bytes));
        let rows = sqlx::query!(
            r#"SELECT log.log AS "log!", log.device AS "device!",
                      log.next_sequence AS "next_sequence!",
                      device.participant AS "participant?",
                      log_entry.op AS "last_op?"
               FROM unnest($2::bytea[]) WITH ORDINALITY AS wanted (log, place)
               CROSS JOIN LATERAL (
                   SELECT * FROM log WHERE tenant = $1 AND log = wanted.log LIMIT 1
               ) AS log
               LEFT JOIN LATERAL (
                   SELECT participant FROM device
                   WHERE tenant = $1 AND device = log.device LIMIT 1
               ) AS device ON true
               LEFT JOIN LATERAL (
                   SELECT op FROM log_entry
                   WHERE tenant = $1 AND log_entry.log = log.log
                         AND sequence = log.next_sequence - 1 LIMIT 1
               ) AS log_entry ON true
               ORDER BY wanted.place"#,
            key,
            &wanted
        )
        .fetch_all(&mut *self.read(tenant).await?)
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
             WHERE tenant = $1 AND log = $2 AND sequence >= $3 ORDER BY sequence LIMIT $4",
            key,
            log,
            from,
            i64::from(limit)
        )
        .fetch_all(&mut *self.read(tenant).await?)
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
        let wanted = columns(ops.iter().map(OpId::as_bytes));
        let rows = sqlx::query_as!(
            OpRow,
            r#"SELECT wanted.place AS "position!", op.op, op.origin_log, op.origin_sequence,
                      op.kind, op.payload, op.corrected_at_ms, op.received_at_ms, op.subject,
                      op.strength, op.flags, op.author_role
               FROM unnest($2::bytea[]) WITH ORDINALITY AS wanted (op, place)
               CROSS JOIN LATERAL (
                   SELECT * FROM op WHERE tenant = $1 AND op = wanted.op LIMIT 1
               ) AS op
               ORDER BY wanted.place"#,
            key,
            &wanted
        )
        .fetch_all(&mut *self.read(tenant).await?)
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
        let wanted = columns(ops.iter().map(OpId::as_bytes));
        let rows = sqlx::query!(
            r#"SELECT log_entry.op AS "op!", log_entry.reason AS "reason!",
                      log_entry.subject AS "subject?"
               FROM unnest($2::bytea[]) AS wanted (op)
               JOIN log_entry ON log_entry.tenant = $1 AND log_entry.op = wanted.op
               WHERE log_entry.outcome = 2"#,
            key,
            &wanted
        )
        .fetch_all(&mut *self.read(tenant).await?)
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
        let key = &tenant.as_bytes()[..];
        let wanted = stream_columns(streams.iter().copied())?;
        let rows = sqlx::query_as!(
            StreamRow,
            r#"SELECT stream.stream, stream.handle, stream.head, stream.sum
               FROM unnest($2::bytea[]) WITH ORDINALITY AS wanted (stream, place)
               CROSS JOIN LATERAL (
                   SELECT * FROM stream WHERE tenant = $1 AND stream = wanted.stream LIMIT 1
               ) AS stream
               ORDER BY wanted.place"#,
            key,
            &wanted
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(TryInto::try_into).collect()
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
        let mut transaction = self.write_in_company(tenant).await?;
        sqlx::query!(
            "INSERT INTO stream (tenant, stream, handle, head, sum)
             SELECT $1, $2, $3, 0, 0
             WHERE NOT EXISTS (SELECT 1 FROM erased WHERE tenant = $1 AND id = $4)
             ON CONFLICT DO NOTHING",
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
        let mut connection = self.read(tenant).await?;
        read::lineage(&mut connection, tenant, id).await
    }

    async fn list_device_logs(
        &self,
        tenant: TenantId,
        device: DeviceId,
        limit: u32,
    ) -> Result<Vec<LogState>, StoreError> {
        let view = view::of_device(self, tenant, device, &[], limit).await?;
        Ok(view.logs)
    }

    async fn view_of_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        streams: &[StreamKey],
        logs_max: u32,
    ) -> Result<DeviceView, StoreError> {
        view::of_device(self, tenant, device, streams, logs_max).await
    }

    async fn lookup_registers(
        &self,
        tenant: TenantId,
        wanted: &[(StreamKey, Register)],
    ) -> Result<Vec<LiveRegister>, StoreError> {
        let mut connection = self.read(tenant).await?;
        registers(&mut connection, tenant, wanted).await
    }

    async fn read_part(
        &self,
        tenant: TenantId,
        part: PartOf,
    ) -> Result<Option<StreamPart>, StoreError> {
        // A transaction, so that the head is that of the ops.
        let mut reader = self.read(tenant).await?;
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
        let mut reader = self.read(tenant).await?;
        read::ops(&mut reader, tenant, part).await
    }

    async fn read_streams(
        &self,
        tenant: TenantId,
        wanted: &[(StreamKey, u64)],
        limit: u32,
    ) -> Result<Vec<Vec<StreamOp>>, StoreError> {
        let mut reader = self.read(tenant).await?;
        read::ops_of_many(&mut reader, tenant, wanted, limit).await
    }
}
