//! Writing what a plan says.

use askel_store::{Entry, EntryOutcome, Plan, StoreError};
use askel_sync::{admission::AdmittedOp, id::OpId, time::Timestamp};
use serde_json::Value;

use super::{ACCEPTED, Appending, DEFERRED, REJECTED};
use crate::{
    column::stream_column,
    error::store_error,
    restore,
    rows::{bytes, optional_bytes, row, rows},
};

impl Appending<'_> {
    /// Parents first: rows refer to their log, stream and op.
    pub(super) async fn write(
        &mut self,
        plan: &Plan<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !plan.entries.is_empty() {
            self.write_logs(plan, now).await?;
            self.write_entries(plan, now).await?;
        }
        self.write_ops(plan).await?;
        self.write_streams(plan).await?;
        self.write_registers(plan).await?;
        for (handle, ancestor) in &plan.ancestors {
            restore::put_ancestor(self.connection, self.tenant, *handle, ancestor).await?;
        }
        Ok(())
    }

    async fn write_logs(&mut self, plan: &Plan<'_>, now: Timestamp) -> Result<(), StoreError> {
        let (key, now) = (&self.tenant.as_bytes()[..], now.as_ms());
        let rows = rows(plan.logs.iter().map(|(log, device, next)| {
            row![bytes(log.as_bytes()), bytes(device.as_bytes()), *next]
        }));
        sqlx::query!(
            "INSERT INTO log (tenant, log, device, next_sequence, opened_at_ms)
             SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, ?3
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, log) DO UPDATE SET next_sequence = excluded.next_sequence",
            key,
            rows,
            now
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn write_entries(&mut self, plan: &Plan<'_>, now: Timestamp) -> Result<(), StoreError> {
        let (key, now) = (&self.tenant.as_bytes()[..], now.as_ms());
        let rows = rows(plan.entries.iter().map(|entry| entry_row(entry)));
        sqlx::query!(
            "INSERT INTO log_entry (tenant, log, sequence, op, outcome, reason, settled_at_ms,
                                    carried, subject)
             SELECT ?1, unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3,
                    value ->> 4, ?3, value ->> 5, unhex(value ->> 6)
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, log, sequence) DO UPDATE
             SET outcome = excluded.outcome, reason = excluded.reason,
                 settled_at_ms = excluded.settled_at_ms, carried = excluded.carried,
                 subject = excluded.subject",
            key,
            rows,
            now
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn write_ops(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        if plan.ops.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let rows = rows(plan.ops.iter().map(|(op, admitted)| op_row(*op, admitted)));
        sqlx::query!(
            "INSERT INTO op (tenant, op, origin_log, origin_sequence, kind, payload,
                             corrected_at_ms, received_at_ms, subject, strength, flags, author_role)
             SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3,
                    unhex(value ->> 4), value ->> 5, value ->> 6, unhex(value ->> 7), value ->> 8,
                    value ->> 9, value ->> 10
             FROM json_each(?2)",
            key,
            rows
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    async fn write_streams(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        if plan.places.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let heads = plan.streams.iter().map(|head| {
            let sum = head.sum.bits().cast_signed();
            let stream = bytes(&stream_column(head.key)?);
            Ok(row![stream, bytes(head.id.as_bytes()), head.head, sum])
        });
        let heads = rows(heads.collect::<Result<Vec<_>, StoreError>>()?);
        sqlx::query!(
            "INSERT INTO stream (tenant, stream, handle, head, sum)
             SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, stream) DO UPDATE SET head = excluded.head, sum = excluded.sum",
            key,
            heads
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        let places = plan.places.iter().map(|place| {
            let stream = bytes(&stream_column(place.stream)?);
            let op = bytes(place.op.as_bytes());
            Ok(row![stream, place.position, op, i32::from(place.live)])
        });
        let places = rows(places.collect::<Result<Vec<_>, StoreError>>()?);
        sqlx::query!(
            "INSERT INTO stream_op (tenant, stream, position, op, live)
             SELECT ?1, unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3
             FROM json_each(?2)",
            key,
            places
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
    /// Places that are live no more, and the live ops of registers that changed.
    async fn write_registers(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        if !plan.dead.is_empty() {
            let dead = plan
                .dead
                .iter()
                .map(|(stream, position)| Ok(row![bytes(&stream_column(*stream)?), *position]));
            let dead = rows(dead.collect::<Result<Vec<_>, StoreError>>()?);
            sqlx::query!(
                "UPDATE stream_op SET live = 0 WHERE tenant = ?1 AND (stream, position) IN
                 (SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?2))",
                key,
                dead
            )
            .execute(&mut *self.connection)
            .await
            .map_err(store_error)?;
        }
        if !plan.registers.is_empty() {
            let live = plan.registers.iter().map(|place| {
                let stream = bytes(&stream_column(place.stream)?);
                Ok(row![
                    stream,
                    bytes(&place.register.to_bytes()),
                    place.position
                ])
            });
            let live = rows(live.collect::<Result<Vec<_>, StoreError>>()?);
            sqlx::query!(
                "INSERT INTO register (tenant, stream, register, position)
                 SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2
                 FROM json_each(?2) WHERE true
                 ON CONFLICT (tenant, stream, register) DO UPDATE SET position = excluded.position",
                key,
                live
            )
            .execute(&mut *self.connection)
            .await
            .map_err(store_error)?;
        }
        Ok(())
    }
}

fn entry_row(entry: &Entry) -> Value {
    let (outcome, reason, subject) = match &entry.outcome {
        EntryOutcome::Accepted { .. } => (ACCEPTED, None, None),
        EntryOutcome::Rejected { reason, subject } => {
            (REJECTED, Some(reason.as_str()), subject.as_ref())
        }
        EntryOutcome::Deferred => (DEFERRED, None, None),
    };
    let subject = optional_bytes(subject.map(|subject| &subject.as_bytes()[..]));
    let carried = match &entry.outcome {
        EntryOutcome::Accepted { admitted, .. } => admitted.op.origin.log != entry.log,
        EntryOutcome::Rejected { .. } | EntryOutcome::Deferred => false,
    };
    let (log, op) = (bytes(entry.log.as_bytes()), bytes(entry.op.as_bytes()));
    let carried = i32::from(carried);
    row![log, entry.sequence, op, outcome, reason, carried, subject]
}

fn op_row(op: OpId, admitted: &AdmittedOp) -> Value {
    let AdmittedOp {
        op: content,
        admission,
    } = admitted;
    row![
        bytes(op.as_bytes()),
        bytes(content.origin.log.as_bytes()),
        content.origin.sequence,
        content.kind,
        bytes(&content.payload),
        admission.corrected_at.as_ms(),
        admission.received_at.as_ms(),
        optional_bytes(
            admission
                .subject
                .as_ref()
                .map(|subject| &subject.as_bytes()[..])
        ),
        admission.strength as i32,
        admission.flags.bits(),
        admission.author_role as i32,
    ]
}
