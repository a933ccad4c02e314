//! Writing what a plan says.

use askel_store::{Plan, StoreError, StreamHead};
use askel_sync::time::Timestamp;

use super::{
    Appending, Standing,
    columns::{Entries, Logs, Ops, Places, Streams},
};
use crate::{
    column::{number, stream_columns},
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
            if standing.logs.contains(&log.0) {
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
        for entry in &plan.entries {
            columns.entries.push(entry)?;
        }
        Ok(columns)
    }

    /// Whether all of what was to be made was made here.
    fn are_all(&self, made: &Made) -> bool {
        let lengths = [
            (self.new_logs.keys.len(), made.logs),
            (self.new_streams.keys.len(), made.streams),
            (self.ops.ids.len(), made.ops),
            (self.places.streams.len(), made.places),
        ];
        lengths
            .iter()
            .all(|(wanted, made)| i64::try_from(*wanted) == Ok(*made))
    }
}

/// How many rows were made.
struct Made {
    logs: i64,
    streams: i64,
    ops: i64,
    places: i64,
}

impl Appending<'_> {
    /// Returns whether it was first with everything that is new.
    pub(super) async fn write(
        &mut self,
        plan: &Plan<'_>,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !plan.entries.is_empty() || !plan.ops.is_empty() {
            let columns = Columns::of(plan, standing)?;
            let made = self.write_columns(&columns, now).await?;
            if !columns.are_all(&made) {
                return Ok(false);
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
        now: Timestamp,
    ) -> Result<Made, StoreError> {
        let (key, now) = (&self.tenant.as_bytes()[..], now.as_ms());
        sqlx::query_file_as!(
            Made,
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
            &columns.moved_logs.next,
            &columns.moved_streams.keys,
            &columns.moved_streams.heads,
            &columns.moved_streams.sums,
            &columns.entries.logs,
            &columns.entries.sequences,
            &columns.entries.ops,
            &columns.entries.outcomes,
            &columns.entries.reasons,
            &columns.entries.carried,
            &columns.entries.subjects
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(store_error)
    }

    /// Places that are live no more.
    async fn write_dead(&mut self, plan: &Plan<'_>) -> Result<(), StoreError> {
        if plan.dead.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let streams = stream_columns(plan.dead.iter().map(|(stream, _)| *stream))?;
        let positions = plan.dead.iter().map(|(_, position)| number(*position));
        let positions: Vec<i64> = positions.collect::<Result<_, _>>()?;
        sqlx::query!(
            "UPDATE stream_op SET live = false
             FROM unnest($2::bytea[], $3::bigint[]) AS dead (stream, position)
             WHERE stream_op.tenant = $1 AND stream_op.stream = dead.stream
                   AND stream_op.position = dead.position",
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
