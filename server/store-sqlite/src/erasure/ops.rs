//! Erasing ops: what their streams carry, what their devices wrote, where their passes were seen.

use std::collections::BTreeSet;

use askel_store::{Blanking, Erased, StoreError, StreamOp};
use askel_sync::{
    id::OpId,
    stream::{StreamKey, StreamSum},
};

use super::Erasing;
use crate::{
    column::{id, stream, stream_column},
    error::store_error,
    op::OpRow,
    rows::{bytes, rows},
};

/// Ops of one statement.
const CHUNK: usize = 500;

/// Streams, kinds and payloads of ops for the outbox.
pub(super) type Notices = Vec<(StreamKey, u32, Vec<u8>)>;

impl Erasing<'_> {
    /// The logs of their devices.
    pub(super) async fn find_logs(&mut self, erased: &mut Erased) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let devices = rows(erased.devices.iter().map(|id| bytes(id.as_bytes())));
        let logs = sqlx::query_scalar!(
            "SELECT log FROM log INDEXED BY log_by_device
             WHERE tenant = ?1 AND device IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            devices
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
        let streams = erased.streams().into_iter();
        let streams = streams.map(|key| Ok(bytes(&stream_column(key)?)));
        let streams = rows(streams.collect::<Result<Vec<_>, StoreError>>()?);
        let logs = rows(erased.logs.iter().map(|id| bytes(id.as_bytes())));
        let passes = rows(erased.passes.iter().map(|id| bytes(id.as_bytes())));
        let gone = self.find_ops(&streams, &logs, &passes).await?;
        self.erase_streams(&streams).await?;
        let mut notices = BTreeSet::new();
        for chunk in gone.chunks(CHUNK) {
            let ops = rows(chunk.iter().map(|op| bytes(op.as_bytes())));
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
        streams: &str,
        logs: &str,
        passes: &str,
    ) -> Result<Vec<OpId>, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        // 32 is the number of `OpKind::PassSeen`, written out for the index that has only those.
        let ops = sqlx::query_scalar!(
            r#"SELECT op AS "op!: Vec<u8>" FROM stream_op
               WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))
                     AND op IS NOT NULL
               UNION
               SELECT op FROM log_entry
               WHERE tenant = ?1 AND log IN (SELECT unhex(value) FROM json_each(?3))
               UNION
               SELECT op FROM op INDEXED BY op_pass_seen
               WHERE tenant = ?1 AND kind = 32 AND substr(payload, 3, 16) IN
                     (SELECT unhex(value) FROM json_each(?4))"#,
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
    async fn erase_streams(&mut self, streams: &str) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM register
             WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM stream_op
             WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM ancestor
             WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "DELETE FROM stream
             WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            streams
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// Blanks places in streams that many read.
    async fn blank(&mut self, ops: &str) -> Result<Blanking, StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let places = sqlx::query!(
            r#"SELECT stream_op.stream AS "stream!: Vec<u8>", stream_op.live AS "live!: i64",
                      stream_op.position AS "position!: i64", op.op AS "op!: Vec<u8>",
                      op.origin_log AS "origin_log!: Vec<u8>",
                      op.origin_sequence AS "origin_sequence!: i64", op.kind AS "kind!: i64",
                      op.payload AS "payload!: Vec<u8>",
                      op.corrected_at_ms AS "corrected_at_ms!: i64",
                      op.received_at_ms AS "received_at_ms!: i64",
                      op.subject AS "subject?: Vec<u8>", op.strength AS "strength!: i64",
                      op.flags AS "flags!: i64", op.author_role AS "author_role!: i64"
               FROM json_each(?2) AS wanted
               CROSS JOIN stream_op INDEXED BY stream_op_shared ON stream_op.tenant = ?1
                    AND stream_op.op = unhex(wanted.value)
                    AND stream_op.stream >= x'03' AND stream_op.op IS NOT NULL
               CROSS JOIN op ON op.tenant = ?1 AND op.op = stream_op.op"#,
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
            blanked.push((key, op.admitted, row.live != 0));
        }
        let blanked = blanked.iter();
        let blanking = Blanking::of(blanked.map(|(key, admitted, live)| (*key, admitted, *live)));
        sqlx::query!(
            "UPDATE stream_op INDEXED BY stream_op_shared SET op = NULL, live = 0
             WHERE tenant = ?1 AND stream >= x'03' AND op IS NOT NULL
                   AND op IN (SELECT unhex(value) FROM json_each(?2))",
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
                "SELECT sum FROM stream WHERE tenant = ? AND stream = ?",
                key,
                stream
            )
            .fetch_one(&mut *self.connection)
            .await
            .map_err(store_error)?;
            let sum = StreamSum::from_bits(sum.cast_unsigned()).minus(*by);
            let sum = sum.bits().cast_signed();
            sqlx::query!(
                "UPDATE stream SET sum = ? WHERE tenant = ? AND stream = ?",
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
    async fn forget_entries(&mut self, ops: &str) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "UPDATE log_entry SET op = zeroblob(16)
             WHERE tenant = ?1 AND (log, sequence, op) IN
             (SELECT op.origin_log, op.origin_sequence, op.op FROM json_each(?2) AS gone
              CROSS JOIN op ON op.tenant = ?1 AND op.op = unhex(gone.value))",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        sqlx::query!(
            "UPDATE log_entry INDEXED BY log_entry_carried SET op = zeroblob(16), carried = 0
             WHERE tenant = ?1 AND carried = 1
                   AND op IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            ops
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn delete_ops(&mut self, ops: &str) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "DELETE FROM op
             WHERE tenant = ?1 AND op IN (SELECT unhex(value) FROM json_each(?2))",
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
            "UPDATE log_entry INDEXED BY log_entry_subject
             SET op = zeroblob(16), subject = NULL
             WHERE tenant = ?1 AND subject = ?2",
            key,
            subject
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// The ids of ops in their own logs, whatever became of them.
    async fn forget_logs(&mut self, logs: &str) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        sqlx::query!(
            "UPDATE log_entry SET op = zeroblob(16), carried = 0, subject = NULL
             WHERE tenant = ?1 AND log IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            logs
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
