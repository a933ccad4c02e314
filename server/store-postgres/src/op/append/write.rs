//! Writing what a plan says.

use std::collections::BTreeMap;

use askel_store::{Plan, StoreError, StreamHead};
use askel_sync::{id::ParticipantId, time::Timestamp};

use super::{
    Appending, Standing,
    columns::{Entries, Logs, Ops, Places, Streams},
};
use crate::{
    column::{columns as bytes, number, stream_columns},
    error::store_error,
    restore,
};

/// What a plan writes of logs, ops and streams. What is new comes in the order of bytes, as everyone
/// makes such rows.
#[derive(Default)]
struct Columns {
    new_logs: Logs,
    moved_logs: Logs,
    new_streams: Streams,
    moved_streams: Streams,
    ops: Ops,
    places: Places,
    entries: Entries,
}

impl Columns {
    fn of(plan: &Plan<'_>, standing: &Standing) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for log in &plan.logs {
            if standing.logs.contains_key(&log.0) {
                columns.moved_logs.push(*log)?;
            } else {
                columns.new_logs.push(*log)?;
            }
        }
        let mut streams: Vec<&StreamHead> = plan.streams.iter().collect();
        streams.sort_unstable_by_key(|head| head.key);
        for head in streams {
            if standing.streams.contains(&head.key) {
                columns.moved_streams.push(head)?;
            } else {
                columns.new_streams.push(head)?;
            }
        }
        let mut ops: Vec<_> = plan.ops.iter().collect();
        ops.sort_unstable_by_key(|(op, _)| *op);
        for (op, admitted) in ops {
            columns.ops.push(*op, admitted)?;
        }
        for place in &plan.places {
            columns.places.push(place)?;
        }
        // The last word on each: one that was deferred may have been accepted since.
        let entries = plan.entries.iter();
        let entries: BTreeMap<_, _> = entries
            .map(|entry| ((entry.log, entry.sequence), entry))
            .collect();
        for entry in entries.into_values() {
            let next = standing.logs.get(&entry.log);
            let stands = next.is_some_and(|next| entry.sequence < *next);
            columns.entries.push(entry, stands)?;
        }
        Ok(columns)
    }
}

impl Appending<'_> {
    /// Writes logs, ops and streams, and marks the dirty. Returns whether it was first with everything
    /// that is new; if not, the transaction is void.
    pub(super) async fn write(
        &mut self,
        plan: &Plan<'_>,
        standing: &Standing,
        dirty: &[ParticipantId],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !plan.entries.is_empty() || !plan.ops.is_empty() || !dirty.is_empty() {
            let columns = Columns::of(plan, standing)?;
            let dirty = bytes(dirty.iter().map(ParticipantId::as_bytes));
            match self.write_columns(&columns, &dirty, now).await {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    return Ok(false);
                }
                written => written.map_err(store_error)?,
            }
        }
        self.write_dead(plan).await?;
        self.write_registers(plan).await?;
        for (handle, ancestor) in &plan.ancestors {
            restore::put_ancestor(self.connection, self.tenant, *handle, ancestor).await?;
        }
        Ok(true)
    }

    async fn write_columns(
        &mut self,
        columns: &Columns,
        dirty: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let (key, now) = (&self.tenant.as_bytes()[..], now.as_ms());
        sqlx::query_file!(
            "src/op/append/write.sql",
            key,
            now,
            &columns.new_logs.keys,
            &columns.new_logs.devices,
            &columns.new_logs.next,
            &columns.new_streams.keys,
            &columns.new_streams.handles,
            &columns.new_streams.heads,
            &columns.new_streams.sums,
            &columns.ops.ids,
            &columns.ops.origin_logs,
            &columns.ops.origin_sequences,
            &columns.ops.kinds,
            &columns.ops.payloads,
            &columns.ops.corrected,
            &columns.ops.received,
            &columns.ops.subjects,
            &columns.ops.strengths,
            &columns.ops.flags,
            &columns.ops.roles,
            &columns.places.streams,
            &columns.places.positions,
            &columns.places.ops,
            &columns.places.live,
            &columns.moved_logs.keys,
            &columns.moved_logs.devices,
            &columns.moved_logs.next,
            &columns.moved_streams.keys,
            &columns.moved_streams.handles,
            &columns.moved_streams.heads,
            &columns.moved_streams.sums,
            &columns.entries.logs,
            &columns.entries.sequences,
            &columns.entries.ops,
            &columns.entries.outcomes,
            &columns.entries.reasons,
            &columns.entries.carried,
            &columns.entries.subjects,
            &columns.entries.stand,
            dirty
        )
        .fetch_one(&mut *self.connection)
        .await
        .map(drop)
    }

    /// Places that are live no more. They are there; by key, as in write.sql.
    async fn write_dead(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        if plan.dead.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let streams = stream_columns(plan.dead.iter().map(|(stream, _)| *stream))?;
        let positions = plan.dead.iter().map(|(_, position)| number(*position));
        let positions: Vec<i64> = positions.collect::<Result<_, _>>()?;
        sqlx::query!(
            "INSERT INTO stream_op (tenant, stream, position, live)
             SELECT $1, stream, position, false
             FROM unnest($2::bytea[], $3::bigint[]) AS dead (stream, position)
             ON CONFLICT (tenant, stream, position) DO UPDATE SET live = false",
            key,
            &streams,
            &positions
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }

    /// The live ops of registers that changed.
    async fn write_registers(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        if plan.registers.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let registers = &plan.registers;
        let streams = stream_columns(registers.iter().map(|place| place.stream))?;
        let names = registers.iter().map(|place| place.register.to_bytes());
        let names: Vec<Vec<u8>> = names.collect();
        let positions = registers.iter().map(|place| number(place.position));
        let positions: Vec<i64> = positions.collect::<Result<_, _>>()?;
        sqlx::query!(
            "INSERT INTO register (tenant, stream, register, position)
             SELECT $1, stream, register, position
             FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS live (stream, register, position)
             ON CONFLICT (tenant, stream, register) DO UPDATE SET position = excluded.position",
            key,
            &streams,
            &names,
            &positions
        )
        .execute(&mut *self.connection)
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
