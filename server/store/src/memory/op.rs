//! Ops, logs and streams in memory.

mod held;
mod past;

pub(super) use held::Ops;

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, StreamId, TenantId},
    stream::{Register, StreamKey},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{
    ASIDE_LOG, Append, AppendError, DeviceView, EntryBefore, Lineage, LiveRegister, LogState,
    Needs, OpStore, PartOf, Plan, Reading, RefusedOp, Settled, StoreError, StreamHead, StreamOp,
    StreamPart, StreamTarget, owner_of,
};

impl TenantData {
    fn append(
        &mut self,
        tenant: TenantId,
        append: &Append,
        now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError> {
        let needs = Needs::of(append);
        let mut before = self.ops.before(&needs);
        before.tombstones = self.erased_of(&needs.tombstones);
        before.revoked = self.enrolment.revoked_of(&needs.devices);
        before.holder = needs.job.and_then(|job| self.jobs.holder(job));
        let plan = Plan::of(append, before)?;
        self.ops.handles_are_free(&plan)?;
        self.ops.write(&plan, now);
        for participant in &plan.dirty {
            self.projection.mark_dirty(*participant);
        }
        for draft in &plan.outbox {
            self.projection.put_out(*draft);
        }
        for (op, tally) in &plan.tallies {
            self.projection.count(*op, Some(*tally));
        }
        self.projection.project(&plan.projection);
        self.plan_pushes(&append.pushes);
        for audit in &append.audits {
            self.audit.note_once(tenant, audit);
        }
        Ok(plan.streams)
    }

    fn heads(&self, streams: &[StreamKey]) -> Vec<StreamHead> {
        let head = |key: &StreamKey| self.ops.streams.get(key).map(|stream| stream.head);
        streams.iter().filter_map(head).collect()
    }

    fn device_logs(&self, device: DeviceId, limit: u32) -> Vec<LogState> {
        let logs = self.ops.logs.iter();
        let mut logs: Vec<_> = logs
            .filter(|(_, log)| log.device == device)
            .filter(|(id, _)| !id.as_bytes().starts_with(&ASIDE_LOG))
            .map(|(id, log)| (log.opened_at, *id))
            .collect();
        logs.sort_unstable_by(|a, b| b.cmp(a));
        logs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let states = logs.into_iter();
        states.filter_map(|(_, id)| self.log_state(id)).collect()
    }

    fn log_state(&self, log: LogId) -> Option<LogState> {
        let held = *self.ops.logs.get(&log)?;
        let last = held.next.checked_sub(1);
        let last = last.and_then(|last| self.ops.entries.get(&(log, last)));
        Some(LogState {
            log,
            device: held.device,
            participant: self.enrolment.participant_of(held.device),
            next_sequence: held.next,
            last_op: last.map(|entry| entry.standing.op),
        })
    }
}

#[async_trait]
impl OpStore for MemoryStore {
    async fn append(
        &self,
        tenant: TenantId,
        append: &Append,
        now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError> {
        self.write(tenant, |data| data.append(tenant, append, now))
    }

    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError> {
        Ok(self.read(tenant, |data| {
            logs.iter().filter_map(|log| data.log_state(*log)).collect()
        }))
    }

    async fn list_device_logs(
        &self,
        tenant: TenantId,
        device: DeviceId,
        limit: u32,
    ) -> Result<Vec<LogState>, StoreError> {
        Ok(self.read(tenant, |data| data.device_logs(device, limit)))
    }

    async fn view_of_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        streams: &[StreamKey],
        logs_max: u32,
    ) -> Result<DeviceView, StoreError> {
        Ok(self.read(tenant, |data| DeviceView {
            heads: data.heads(streams),
            logs: data.device_logs(device, logs_max),
        }))
    }

    async fn list_entries(
        &self,
        tenant: TenantId,
        log: LogId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(u64, OpId, Option<String>, bool)>, StoreError> {
        Ok(self.read(tenant, |data| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let entries = data
                .ops
                .entries
                .range((log, from)..=(log, u64::MAX))
                .take(limit);
            entries
                .map(|((_, sequence), entry)| {
                    let EntryBefore { op, settled } = entry.standing;
                    let deferred = settled == Settled::Deferred;
                    (*sequence, op, entry.reason.clone(), deferred)
                })
                .collect()
        }))
    }

    async fn lookup_ops(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<AdmittedOp>, StoreError> {
        Ok(self.read(tenant, |data| {
            ops.iter()
                .filter_map(|op| data.ops.admitted.get(op).cloned())
                .collect()
        }))
    }

    async fn lookup_refused(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<RefusedOp>, StoreError> {
        Ok(self.read(tenant, |data| {
            let entries = data.ops.entries.values();
            let wanted = entries.filter(|entry| ops.contains(&entry.standing.op));
            let refused = wanted.filter_map(|entry| {
                Some(RefusedOp {
                    op: entry.standing.op,
                    reason: entry.reason.clone()?,
                    subject: entry.subject,
                })
            });
            refused.collect()
        }))
    }

    async fn lookup_streams(
        &self,
        tenant: TenantId,
        streams: &[StreamKey],
    ) -> Result<Vec<StreamHead>, StoreError> {
        Ok(self.read(tenant, |data| data.heads(streams)))
    }

    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<Option<StreamHead>, StoreError> {
        self.write(tenant, |data| {
            if let Some(stream) = data.ops.streams.get(&target.key) {
                return Ok(Some(stream.head));
            }
            if !data.erased_of(owner_of(target.key).as_slice()).is_empty() {
                return Ok(None);
            }
            data.ops.handle_is_free(target.new_id, target.key)?;
            Ok(Some(data.ops.stream(target.opened()).head))
        })
    }

    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<(StreamKey, Lineage)>, StoreError> {
        Ok(self.read(tenant, |data| data.ops.lineage(id)))
    }

    async fn lookup_registers(
        &self,
        tenant: TenantId,
        registers: &[(StreamKey, Register)],
    ) -> Result<Vec<LiveRegister>, StoreError> {
        Ok(self.read(tenant, |data| {
            let live = |(stream, register): &(StreamKey, Register)| {
                Some(LiveRegister {
                    stream: *stream,
                    register: *register,
                    op: data.ops.register(*stream, register)?,
                })
            };
            registers.iter().filter_map(live).collect()
        }))
    }

    async fn read_part(
        &self,
        tenant: TenantId,
        part: PartOf,
    ) -> Result<Option<StreamPart>, StoreError> {
        Ok(self.read(tenant, |data| data.ops.read(part)))
    }

    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError> {
        let part = self.read(tenant, |data| {
            data.ops.read(PartOf {
                stream,
                after,
                limit,
                reading: Reading::All,
            })
        });
        Ok(part.map_or_else(Vec::new, |part| part.ops))
    }
}
