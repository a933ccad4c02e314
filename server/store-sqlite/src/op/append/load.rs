//! Loading what a plan needs.

use std::collections::BTreeSet;

use askel_store::{Before, EntryBefore, Needs, Settled, StoreError, StreamHead};
use askel_sync::{
    id::{DeviceId, LogId, StreamId},
    stream::{Register, StreamKey},
};

use super::{super::StreamRow, ACCEPTED, Appending, DEFERRED, NO_ROWS, REJECTED};
use crate::{
    column::{id, number, stream_column, tombstone},
    enrolment::REVOKED,
    error::store_error,
    job_lease::holder,
    restore,
    rows::{bytes, row, rows},
};

impl Appending<'_> {
    pub(super) async fn load(&mut self, needs: &Needs) -> Result<Before, StoreError> {
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
        self.load_known(needs, &mut before).await?;
        self.load_streams(&needs.streams, &mut before).await?;
        self.load_registers(&needs.registers, &mut before).await?;
        self.load_ancestors(&needs.ancestors, &mut before).await?;
        before.revoked = self.revoked(&needs.devices).await?;
        if let Some(job) = needs.job {
            before.holder = holder(self.connection, self.tenant, job).await?;
        }
        Ok(before)
    }

    /// Those of the devices that are revoked.
    async fn revoked(
        &mut self,
        devices: &BTreeSet<DeviceId>,
    ) -> Result<BTreeSet<DeviceId>, StoreError> {
        if devices.is_empty() {
            return Ok(BTreeSet::new());
        }
        let key = &self.tenant.as_bytes()[..];
        let wanted = rows(devices.iter().map(|device| bytes(device.as_bytes())));
        let revoked = sqlx::query_scalar!(
            "SELECT device FROM device
             WHERE tenant = ?1 AND device IN (SELECT unhex(value) FROM json_each(?2))
               AND state = ?3",
            key,
            wanted,
            REVOKED
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        revoked.iter().map(|device| id(device)).collect()
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

    /// Which ops are known, and what is erased.
    async fn load_known(&mut self, needs: &Needs, before: &mut Before) -> Result<(), StoreError> {
        if needs.ops.is_empty() && needs.tombstones.is_empty() {
            return Ok(());
        }
        let key = &self.tenant.as_bytes()[..];
        let ops = rows(needs.ops.iter().map(|op| bytes(op.as_bytes())));
        let ids = rows(needs.tombstones.iter().map(|id| bytes(id.as_bytes())));
        let known = sqlx::query!(
            r#"SELECT op AS "id!: Vec<u8>", 0 AS "erased!: i64" FROM op
               WHERE tenant = ?1 AND op IN (SELECT unhex(value) FROM json_each(?2))
               UNION ALL
               SELECT id, 1 FROM erased
               WHERE tenant = ?1 AND id IN (SELECT unhex(value) FROM json_each(?3))"#,
            key,
            ops,
            ids
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(store_error)?;
        for row in known {
            if row.erased == 0 {
                before.ops.insert(id(&row.id)?);
            } else {
                before.tombstones.insert(tombstone(&row.id)?);
            }
        }
        Ok(())
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

    async fn load_ancestors(
        &mut self,
        handles: &BTreeSet<StreamId>,
        before: &mut Before,
    ) -> Result<(), StoreError> {
        for handle in handles {
            let ancestor = restore::ancestor(self.connection, self.tenant, *handle).await?;
            before
                .ancestors
                .extend(ancestor.map(|ancestor| (*handle, ancestor)));
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
}
