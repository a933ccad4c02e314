//! Ops, logs and streams in memory.

use std::collections::BTreeMap;

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, StreamId, TenantId},
    op::OpKind,
    stream::StreamKey,
    time::Timestamp,
};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{
    Append, AppendError, Before, EntryBefore, EntryOutcome, LogState, Needs, OpStore, Plan,
    StoreError, StreamHead, StreamOp, StreamTarget,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Ops {
    /// Writer and next sequence.
    logs: BTreeMap<LogId, (DeviceId, u64)>,
    entries: BTreeMap<(LogId, u64), (EntryBefore, Option<String>)>,
    admitted: BTreeMap<OpId, AdmittedOp>,
    streams: BTreeMap<StreamKey, Stream>,
    ids: BTreeMap<StreamId, StreamKey>,
}

#[derive(Debug, Clone)]
struct Stream {
    head: StreamHead,
    /// Index 0 is position 1.
    ops: Vec<OpId>,
}

impl Ops {
    fn before(&self, needs: &Needs) -> Before {
        let entry = |key: &(LogId, u64)| Some((*key, self.entries.get(key)?.0));
        let stream = |key: &StreamKey| Some((*key, self.streams.get(key)?.head));
        Before {
            logs: needs
                .logs
                .iter()
                .filter_map(|log| Some((*log, *self.logs.get(log)?)))
                .collect(),
            entries: needs.entries.iter().filter_map(entry).collect(),
            ops: needs
                .ops
                .iter()
                .filter(|op| self.admitted.contains_key(*op))
                .copied()
                .collect(),
            streams: needs.streams.iter().filter_map(stream).collect(),
        }
    }

    fn handles_are_free(&self, plan: &Plan<'_>) -> Result<(), StoreError> {
        let taken = |head: &StreamHead| self.ids.get(&head.id).is_some_and(|key| *key != head.key);
        if plan.streams.iter().any(taken) {
            return Err(StoreError::Inconsistent("two streams have one handle"));
        }
        Ok(())
    }

    fn write(&mut self, plan: &Plan<'_>) {
        for (log, device, next) in &plan.logs {
            self.logs.insert(*log, (*device, *next));
        }
        for entry in &plan.entries {
            let standing = EntryBefore {
                op: entry.op,
                settled: entry.outcome.settled(),
            };
            let reason = match &entry.outcome {
                EntryOutcome::Rejected(reason) => Some(reason.clone()),
                EntryOutcome::Accepted { .. } | EntryOutcome::Deferred => None,
            };
            self.entries
                .insert((entry.log, entry.sequence), (standing, reason));
        }
        self.admitted.extend(
            plan.ops
                .iter()
                .map(|(id, admitted)| (*id, (*admitted).clone())),
        );
        for head in &plan.streams {
            self.stream(*head).head = *head;
        }
        for place in &plan.places {
            if let Some(stream) = self.streams.get_mut(&place.stream) {
                stream.ops.push(place.op);
            }
        }
    }

    fn stream(&mut self, new: StreamHead) -> &mut Stream {
        self.ids.insert(new.id, new.key);
        self.streams.entry(new.key).or_insert(Stream {
            head: new,
            ops: Vec::new(),
        })
    }

    fn read(&self, stream: &Stream, after: u64, limit: u32) -> Vec<StreamOp> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let ops = (1..).zip(&stream.ops).skip(skip).take(limit);
        ops.filter_map(|(position, op)| {
            Some(StreamOp {
                position,
                admitted: self.admitted.get(op)?.clone(),
            })
        })
        .collect()
    }
}

impl Ops {
    /// Ops of one kind after one of them, by id.
    pub(super) fn of_kind(
        &self,
        kind: OpKind,
        after: Option<OpId>,
    ) -> impl Iterator<Item = &AdmittedOp> {
        self.admitted
            .iter()
            .filter(move |(id, _)| after.is_none_or(|after| **id > after))
            .map(|(_, admitted)| admitted)
            .filter(move |admitted| admitted.op.kind == kind as u32)
    }
}

impl TenantData {
    fn append(
        &mut self,
        tenant: TenantId,
        append: &Append,
    ) -> Result<Vec<StreamHead>, AppendError> {
        let plan = Plan::of(append, self.ops.before(&Needs::of(append)))?;
        self.ops.handles_are_free(&plan)?;
        self.ops.write(&plan);
        for participant in &plan.dirty {
            self.projection.mark_dirty(*participant);
        }
        for draft in &plan.outbox {
            self.projection.put_out(*draft);
        }
        for (op, tally) in &plan.tallies {
            self.projection.count(*op, Some(*tally));
        }
        self.projection.project(&append.projection);
        for audit in &append.audits {
            self.audit.note_once(tenant, audit);
        }
        Ok(plan.streams)
    }
}

#[async_trait]
impl OpStore for MemoryStore {
    async fn append(
        &self,
        tenant: TenantId,
        append: &Append,
        _now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError> {
        self.write(tenant, |data| data.append(tenant, append))
    }

    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError> {
        Ok(self.read(tenant, |data| {
            let state = |log: &LogId| {
                let (device, next_sequence) = *data.ops.logs.get(log)?;
                let participant = data.enrolment.participant_of(device);
                Some(LogState {
                    log: *log,
                    device,
                    participant,
                    next_sequence,
                })
            };
            logs.iter().filter_map(state).collect()
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
                .map(|((_, sequence), (entry, reason))| {
                    let deferred = entry.settled == crate::Settled::Deferred;
                    (*sequence, entry.op, reason.clone(), deferred)
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

    async fn lookup_streams(
        &self,
        tenant: TenantId,
        streams: &[StreamKey],
    ) -> Result<Vec<StreamHead>, StoreError> {
        Ok(self.read(tenant, |data| {
            let head = |key: &StreamKey| data.ops.streams.get(key).map(|stream| stream.head);
            streams.iter().filter_map(head).collect()
        }))
    }

    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<StreamHead, StoreError> {
        self.write(tenant, |data| {
            if let Some(stream) = data.ops.streams.get(&target.key) {
                return Ok(stream.head);
            }
            if data.ops.ids.contains_key(&target.new_id) {
                return Err(StoreError::Inconsistent("two streams have one handle"));
            }
            Ok(data.ops.stream(target.opened()).head)
        })
    }

    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<StreamKey>, StoreError> {
        Ok(self.read(tenant, |data| data.ops.ids.get(&id).copied()))
    }

    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError> {
        Ok(self.read(tenant, |data| {
            let stream = data.ops.streams.get(&stream);
            stream.map_or_else(Vec::new, |stream| data.ops.read(stream, after, limit))
        }))
    }
}
