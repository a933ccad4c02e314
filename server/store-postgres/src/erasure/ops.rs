//! Erasing ops: what their streams carry, what their devices wrote, where their passes were seen.

use std::collections::BTreeSet;

use askel_store::{Blanking, Erased, StoreError, StreamOp};
use askel_sync::{
    id::{DeviceId, LogId, OpId, PassTag},
    stream::{StreamKey, StreamSum},
};

use super::Erasing;
use crate::{
    column::{columns, id, stream, stream_column, stream_columns},
    error::store_error,
    op::OpRow,
};

/// Ops of one statement.
const CHUNK: usize = 500;

/// Streams, kinds and payloads of ops for the outbox.
pub(super) type Notices = Vec<(StreamKey, u32, Vec<u8>)>;

impl Erasing<'_> {
    /// The logs of their devices.
    pub(super) async fn find_logs(&mut self, erased: &mut Erased) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let devices = columns(erased.devices.iter().map(DeviceId::as_bytes));
        let logs = sqlx::query_scalar!(
            "SELECT log FROM log
             WHERE tenant = $1 AND device = ANY($2)",
            key,
            &devices
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for log in logs {
            erased.logs.push(id(&log)?);
        }
        Ok(())
    }

    /// Erases ops and everything that refers to them. Returns what readers of other streams are
    /// told.
    pub(super) async fn erase_ops(&mut self, erased: &Erased) -> Result<Notices, StoreError> {
        let streams = stream_columns(erased.streams())?;
        let logs = columns(erased.logs.iter().map(LogId::as_bytes));
        let passes = columns(erased.passes.iter().map(PassTag::as_bytes));
        let gone = self.find_ops(&streams, &logs, &passes).await?;
        self.erase_streams(&streams).await?;
        let mut notices = BTreeSet::new();
        for chunk in gone.chunks(CHUNK) {
            let ops = columns(chunk.iter().map(OpId::as_bytes));
            notices.extend(self.blank(&ops).await?.notices());
            self.forget_entries(&ops).await?;
            self.delete_ops(&ops).await?;
        }
        self.forget_logs(&logs).await?;
        self.forget_refused(erased).await?;
        Ok(notices.into_iter().collect())
    }

    async fn find_ops(
        &mut self,
        streams: &[Vec<u8>],
        logs: &[Vec<u8>],
        passes: &[Vec<u8>],
    ) -> Result<Vec<OpId>, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let ops = sqlx::query_scalar!(
            r#"SELECT op AS "op!" FROM stream_op
               WHERE tenant = $1 AND stream = ANY($2)
                     AND op IS NOT NULL
               UNION
               SELECT op FROM log_entry
               WHERE tenant = $1 AND log = ANY($3)
               UNION
               SELECT op FROM op
               WHERE tenant = $1 AND seen_pass IS NOT NULL AND seen_pass = ANY($4)"#,
            key,
            streams,
            logs,
            passes
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        ops.iter().map(|op| id(op)).collect()
    }

    /// Their own streams, as a whole.
    async fn erase_streams(&mut self, streams: &[Vec<u8>]) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM register
             WHERE tenant = $1 AND stream = ANY($2)",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM stream_op
             WHERE tenant = $1 AND stream = ANY($2)",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM ancestor
             WHERE tenant = $1 AND stream = ANY($2)",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM stream
             WHERE tenant = $1 AND stream = ANY($2)",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Blanks places in streams that many read.
    async fn blank(&mut self, ops: &[Vec<u8>]) -> Result<Blanking, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let places = sqlx::query!(
            r#"SELECT stream_op.stream AS "stream!", stream_op.live AS "live!",
                      stream_op.position AS "position!", op.op AS "op!",
                      op.origin_log AS "origin_log!",
                      op.origin_sequence AS "origin_sequence!", op.kind AS "kind!",
                      op.payload AS "payload!",
                      op.corrected_at_ms AS "corrected_at_ms!",
                      op.received_at_ms AS "received_at_ms!",
                      op.subject AS "subject?", op.strength AS "strength!",
                      op.flags AS "flags!", op.author_role AS "author_role!"
               FROM unnest($2::bytea[]) AS wanted (op)
               JOIN stream_op ON stream_op.tenant = $1 AND stream_op.op = wanted.op
                    AND stream_op.stream >= '\x03' AND stream_op.op IS NOT NULL
               JOIN op ON op.tenant = $1 AND op.op = stream_op.op"#,
            key,
            ops
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        if places.is_empty() {
            return Ok(Blanking::default());
        }
        let mut blanked = Vec::with_capacity(places.len());
        for row in places {
            let key = stream(&row.stream)?;
            let op = StreamOp::try_from(OpRow {
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
            })?;
            blanked.push((key, op.admitted, row.live));
        }
        let blanked = blanked.iter();
        let blanking = Blanking::of(blanked.map(|(key, admitted, live)| (*key, admitted, *live)));
        sqlx::query!(
            "UPDATE stream_op SET op = NULL, live = false
             WHERE tenant = $1 AND stream >= '\x03' AND op IS NOT NULL
                   AND op = ANY($2)",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        self.lower_sums(&blanking).await?;
        Ok(blanking)
    }

    async fn lower_sums(&mut self, blanking: &Blanking) -> Result<(), StoreError> {
        for (stream, by) in &blanking.sums {
            let (key, stream) = (&self.tenant.as_bytes()[..], stream_column(*stream)?);
            let sum = sqlx::query_scalar!(
                "SELECT sum FROM stream WHERE tenant = $1 AND stream = $2",
                key,
                stream
            )
            .fetch_one(&mut *self.connection)
            .await
            .map_err(store_error)?;
            let sum = StreamSum::from_bits(sum.cast_unsigned()).minus(*by);
            let sum = sum.bits().cast_signed();
            sqlx::query!(
                "UPDATE stream SET sum = $1 WHERE tenant = $2 AND stream = $3",
                sum,
                key,
                stream
            )
            .execute(&mut *self.connection)
            .await
            .map_err(store_error)?;
        }
        Ok(())
    }

    /// The ids of ops in logs of others: where they were first written, and where they were carried.
    async fn forget_entries(&mut self, ops: &[Vec<u8>]) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "UPDATE log_entry SET op = decode(repeat('00', 16), 'hex')
             FROM op
             WHERE op.tenant = $1 AND op.op = ANY($2) AND log_entry.tenant = $1
                   AND log_entry.log = op.origin_log AND log_entry.sequence = op.origin_sequence
                   AND log_entry.op = op.op",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "UPDATE log_entry SET op = decode(repeat('00', 16), 'hex'), carried = false
             WHERE tenant = $1 AND carried
                   AND op = ANY($2)",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn delete_ops(&mut self, ops: &[Vec<u8>]) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM op
             WHERE tenant = $1 AND op = ANY($2)",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// The ids of refused ops about them, which no stream carries.
    async fn forget_refused(&mut self, erased: &Erased) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let subject = &erased.participant.as_bytes()[..];
        sqlx::query!(
            "UPDATE log_entry
             SET op = decode(repeat('00', 16), 'hex'), subject = NULL
             WHERE tenant = $1 AND subject = $2",
            key,
            subject
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// The ids of ops in their own logs, whatever became of them.
    async fn forget_logs(&mut self, logs: &[Vec<u8>]) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "UPDATE log_entry SET op = decode(repeat('00', 16), 'hex'), carried = false, subject = NULL
             WHERE tenant = $1 AND log = ANY($2)",
            key,
            logs
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
