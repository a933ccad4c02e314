//! Appending: load what the plan needs, plan, write; one statement a table, however many entries.

use std::collections::BTreeSet;

use askel_store::{
    Append, AppendError, Before, Entry, EntryBefore, EntryOutcome, Needs, Plan, Settled,
    StoreError, StreamHead,
};
use askel_sync::{
    admission::AdmittedOp,
    id::{LogId, OpId, TenantId},
    stream::StreamKey,
    time::Timestamp,
};
use serde_json::Value;
use sqlx::SqliteConnection;

use super::StreamRow;
use crate::{
    audit,
    column::{id, number, stream_column},
    error::store_error,
    projection::{Marks, project},
    rows::{bytes, optional_bytes, row, rows},
};

/// The outcomes as the table `log_entry` documents them.
const ACCEPTED: i64 = 1;
const REJECTED: i64 = 2;
pub(super) const DEFERRED: i64 = 3;

/// Appends in the caller's transaction.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    append: &Append,
    now: Timestamp,
) -> Result<Vec<StreamHead>, AppendError> {
    let mut connection = Appending { connection, tenant };
    let before = connection.load(&Needs::of(append)).await?;
    let plan = Plan::of(append, before)?;
    connection.write(&plan, now).await?;
    let marks = Marks {
        dirty: dirty_of(&plan, append),
        outbox: &plan.outbox,
        tallies: &plan.tallies,
    };
    marks.write(connection.connection, tenant).await?;
    project(connection.connection, tenant, &append.projection).await?;
    for audit in &append.audits {
        audit::note_once(connection.connection, tenant, audit).await?;
    }
    Ok(plan.streams)
}

/// Each once, in order.
fn dirty_of(plan: &Plan<'_>, append: &Append) -> Vec<askel_sync::id::ParticipantId> {
    let mut seen = BTreeSet::new();
    let dirty = plan.dirty.iter().chain(&append.projection.dirty).copied();
    dirty
        .filter(|participant| seen.insert(*participant))
        .collect()
}

struct Appending<'a> {
    connection: &'a mut SqliteConnection,
    tenant: TenantId,
}

impl Appending<'_> {
    async fn load(&mut self, needs: &Needs) -> Result<Before, StoreError> {
        let mut before = Before::default();
        self.load_logs(&needs.logs, &mut before).await?;
        let written = needs.entries.iter().filter(|(log, sequence)| {
            before
                .logs
                .get(log)
                .is_some_and(|(_, next)| sequence < next)
        });
        let written = rows(written.map(|(log, sequence)| row![bytes(log.as_bytes()), *sequence]));
        self.load_entries(&written, &mut before).await?;
        self.load_ops(&needs.ops, &mut before).await?;
        self.load_streams(&needs.streams, &mut before).await?;
        Ok(before)
    }

    async fn load_logs(
        &mut self,
        logs: &BTreeSet<LogId>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        if logs.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let wanted = rows(logs.iter().map(|log| bytes(log.as_bytes())));
        let rows = sqlx::query!(
            "SELECT log, device, next_sequence FROM log
             WHERE tenant = ?1 AND log IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            wanted
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for row in rows {
            before.logs.insert(
                id(&row.log)?,
                (id(&row.device)?, number(row.next_sequence)?),
            );
        }
        Ok(())
    }

    async fn load_entries(&mut self, wanted: &str, before: &mut Before) -> Result<(), StoreError> {
        if wanted == NO_ROWS {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let rows = sqlx::query!(
            "SELECT log, sequence, op, outcome FROM log_entry
             WHERE tenant = ?1 AND (log, sequence) IN
             (SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?2))",
            key,
            wanted
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for row in rows {
            let settled = match row.outcome {
                ACCEPTED => Settled::Accepted,
                REJECTED => Settled::Rejected,
                DEFERRED => Settled::Deferred,
                _ => return Err(StoreError::Inconsistent("an outcome is not known")),
            };
            let at = (id(&row.log)?, number(row.sequence)?);
            before.entries.insert(
                at,
                EntryBefore {
                    op: id(&row.op)?,
                    settled,
                },
            );
        }
        Ok(())
    }

    async fn load_ops(
        &mut self,
        ops: &BTreeSet<OpId>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let wanted = rows(ops.iter().map(|op| bytes(op.as_bytes())));
        let known = sqlx::query_scalar!(
            "SELECT op FROM op
             WHERE tenant = ?1 AND op IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            wanted
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for op in known {
            before.ops.insert(id(&op)?);
        }
        Ok(())
    }

    async fn load_streams(
        &mut self,
        streams: &BTreeSet<StreamKey>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        if streams.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let wanted = streams
            .iter()
            .map(|stream| Ok(bytes(&stream_column(*stream)?)));
        let wanted = rows(wanted.collect::<Result<Vec<_>, StoreError>>()?);
        let rows = sqlx::query_as!(
            StreamRow,
            "SELECT stream, handle, head, sum FROM stream
             WHERE tenant = ?1 AND stream IN (SELECT unhex(value) FROM json_each(?2))",
            key,
            wanted
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for row in rows {
            let head = StreamHead::try_from(row)?;
            before.streams.insert(head.key, head);
        }
        Ok(())
    }

    /// Parents first: rows refer to their log, stream and op.
    async fn write(&mut self, plan: &Plan<'_>, now: Timestamp) -> Result<(), StoreError> {
        if plan.entries.is_empty() {
            return Ok(());
        }
        self.write_logs(plan).await?;
        self.write_entries(plan, now).await?;
        self.write_ops(plan).await?;
        self.write_streams(plan).await
    }

    async fn write_logs(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        let key = &self.tenant.as_bytes()[..];
        let rows = rows(plan.logs.iter().map(|(log, device, next)| {
            row![bytes(log.as_bytes()), bytes(device.as_bytes()), *next]
        }));
        sqlx::query!(
            "INSERT INTO log (tenant, log, device, next_sequence)
             SELECT ?1, unhex(value ->> 0), unhex(value ->> 1), value ->> 2
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, log) DO UPDATE SET next_sequence = excluded.next_sequence",
            key,
            rows
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
            "INSERT INTO log_entry (tenant, log, sequence, op, outcome, reason, settled_at_ms)
             SELECT ?1, unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3,
                    value ->> 4, ?3
             FROM json_each(?2) WHERE true
             ON CONFLICT (tenant, log, sequence) DO UPDATE
             SET outcome = excluded.outcome, reason = excluded.reason,
                 settled_at_ms = excluded.settled_at_ms",
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
            Ok(row![stream, place.position, bytes(place.op.as_bytes())])
        });
        let places = rows(places.collect::<Result<Vec<_>, StoreError>>()?);
        sqlx::query!(
            "INSERT INTO stream_op (tenant, stream, position, op)
             SELECT ?1, unhex(value ->> 0), value ->> 1, unhex(value ->> 2) FROM json_each(?2)",
            key,
            places
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}

/// What [`rows`] makes of nothing.
const NO_ROWS: &str = "[]";

fn entry_row(entry: &Entry) -> Value {
    let (outcome, reason) = match &entry.outcome {
        EntryOutcome::Accepted { .. } => (ACCEPTED, None),
        EntryOutcome::Rejected(reason) => (REJECTED, Some(reason.as_str())),
        EntryOutcome::Deferred => (DEFERRED, None),
    };
    let (log, op) = (bytes(entry.log.as_bytes()), bytes(entry.op.as_bytes()));
    row![log, entry.sequence, op, outcome, reason]
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
