//! Locking what an append is about, and loading what its plan needs.

use std::collections::BTreeSet;

use askel_store::{Before, EntryBefore, Needs, Settled, StoreError, StreamHead, Tombstone};
use askel_sync::{
    id::{DeviceId, LogId, OpId, StreamId},
    stream::{Register, StreamKey},
};

use super::{super::StreamRow, ACCEPTED, Appending, DEFERRED, REJECTED};
use crate::{
    column::{columns, id, number, stream_columns, tombstone},
    enrolment::REVOKED,
    error::store_error,
    job_lease::holder,
    restore,
};

/// What a row of the query for what is known tells.
const KNOWN_OP: i16 = 1;
const ERASED: i16 = 2;
const REVOKED_DEVICE: i16 = 3;
const ENTRY: i16 = 4;

impl Appending<'_> {
    pub(super) async fn load(&mut self, needs: &Needs) -> Result<Before, StoreError> {
        let mut before = Before::default();
        if let Some(job) = needs.job {
            before.holder = holder(self.connection, self.tenant, job).await?;
        }
        self.lock(needs, &mut before).await?;
        self.load_known(needs, &mut before).await?;
        self.load_registers(&needs.registers, &mut before).await?;
        self.load_ancestors(&needs.ancestors, &mut before).await?;
        Ok(before)
    }

    /// Logs, then streams, each in the order of bytes: the one order in which everyone locks them.
    /// Those that are not there yet can't be locked; who makes them learns whether it was first.
    async fn lock(&mut self, needs: &Needs, before: &mut Before) -> Result<(), StoreError> {
        if needs.logs.is_empty() && needs.streams.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let logs = columns(needs.logs.iter().map(LogId::as_bytes));
        let streams = stream_columns(needs.streams.iter().copied())?;
        let rows = sqlx::query!(
            r#"WITH own_log AS MATERIALIZED (
                   SELECT log, device, next_sequence FROM log
                   WHERE tenant = $1 AND log = ANY($2) ORDER BY log FOR UPDATE
               ), own_stream AS MATERIALIZED (
                   SELECT stream, handle, head, sum FROM stream
                   WHERE tenant = $1 AND stream = ANY($3) ORDER BY stream FOR UPDATE
               )
               SELECT true AS "is_log!", log AS "name!", device AS "id!",
                      next_sequence AS "reached!", 0::bigint AS "sum!"
               FROM own_log
               UNION ALL
               SELECT false, stream, handle, head, sum FROM own_stream"#,
            key,
            &logs,
            &streams
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for row in rows {
            if row.is_log {
                let state = (id(&row.id)?, number(row.reached)?);
                before.logs.insert(id(&row.name)?, state);
            } else {
                let head = StreamHead::try_from(StreamRow {
                    stream: row.name,
                    handle: row.id,
                    head: row.reached,
                    sum: row.sum,
                })?;
                before.streams.insert(head.key, head);
            }
        }
        Ok(())
    }

    /// Which ops are known, what is erased, who is revoked, and the entries that stand.
    async fn load_known(&mut self, needs: &Needs, before: &mut Before) -> Result<(), StoreError> {
        let written = needs.entries.iter().filter(|(log, sequence)| {
            let standing = before.logs.get(log);
            standing.is_some_and(|(_, next)| sequence < next)
        });
        let (logs, sequences): (Vec<&LogId>, Vec<u64>) =
            written.map(|(log, sequence)| (log, *sequence)).unzip();
        let nothing = needs.ops.is_empty() && needs.tombstones.is_empty();
        if nothing && needs.devices.is_empty() && logs.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let ops = columns(needs.ops.iter().map(OpId::as_bytes));
        let ids = columns(needs.tombstones.iter().map(Tombstone::as_bytes));
        let devices = columns(needs.devices.iter().map(DeviceId::as_bytes));
        let logs = columns(logs.into_iter().map(LogId::as_bytes));
        let sequences = sequences.into_iter().map(number);
        let sequences: Vec<i64> = sequences.collect::<Result<_, _>>()?;
        let known = sqlx::query_as!(
            KnownRow,
            r#"SELECT 1::smallint AS "what!", op AS "id!", NULL::bytea AS "op?",
                      0::bigint AS "sequence!", 0::smallint AS "outcome!"
               FROM op WHERE tenant = $1 AND op = ANY($2)
               UNION ALL
               SELECT 2::smallint, id, NULL, 0, 0::smallint FROM erased WHERE tenant = $1 AND id = ANY($3)
               UNION ALL
               SELECT 3::smallint, device, NULL, 0, 0::smallint FROM device
               WHERE tenant = $1 AND device = ANY($4) AND state = $5
               UNION ALL
               SELECT 4::smallint, log_entry.log, log_entry.op, log_entry.sequence, log_entry.outcome
               FROM unnest($6::bytea[], $7::bigint[]) AS wanted (log, sequence)
               CROSS JOIN LATERAL (
                   SELECT * FROM log_entry
                   WHERE tenant = $1 AND log = wanted.log AND sequence = wanted.sequence LIMIT 1
               ) AS log_entry"#,
            key,
            &ops,
            &ids,
            &devices,
            REVOKED,
            &logs,
            &sequences
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        known.into_iter().try_for_each(|row| row.note(before))
    }

    /// The live op of each register; one statement, which finds most of them missing or cheap.
    async fn load_registers(
        &mut self,
        registers: &BTreeSet<(StreamKey, Register)>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        if registers.is_empty() {
            return Ok(());
        }
        let registers: Vec<_> = registers.iter().copied().collect();
        for live in super::super::registers(self.connection, self.tenant, &registers).await? {
            before
                .registers
                .insert((live.stream, live.register), live.op);
        }
        Ok(())
    }

    /// Locked like the streams that continue them, and after those.
    async fn load_ancestors(
        &mut self,
        handles: &BTreeSet<StreamId>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        for handle in handles {
            let ancestor = restore::lock_ancestor(self.connection, self.tenant, *handle).await?;
            before
                .ancestors
                .extend(ancestor.map(|ancestor| (*handle, ancestor)));
        }
        Ok(())
    }
}

struct KnownRow {
    what: i16,
    id: Vec<u8>,
    op: Option<Vec<u8>>,
    sequence: i64,
    outcome: i16,
}

impl KnownRow {
    fn note(self, before: &mut Before) -> Result<(), StoreError> {
        match (self.what, self.op) {
            (KNOWN_OP, _) => {
                before.ops.insert(id(&self.id)?);
            }
            (ERASED, _) => {
                before.tombstones.insert(tombstone(&self.id)?);
            }
            (REVOKED_DEVICE, _) => {
                before.revoked.insert(id(&self.id)?);
            }
            (ENTRY, Some(op)) => {
                let entry = EntryBefore {
                    op: id(&op)?,
                    settled: settled(self.outcome)?,
                };
                let at = (id(&self.id)?, number(self.sequence)?);
                before.entries.insert(at, entry);
            }
            _ => return Err(StoreError::Inconsistent("a row nobody asked for")),
        }
        Ok(())
    }
}

fn settled(outcome: i16) -> Result<Settled, StoreError> {
    match outcome {
        ACCEPTED => Ok(Settled::Accepted),
        REJECTED => Ok(Settled::Rejected),
        DEFERRED => Ok(Settled::Deferred),
        _ => Err(StoreError::Inconsistent("an outcome is not known")),
    }
}
