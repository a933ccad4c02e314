//! What an append changes: decided here from what stands, the same for every backend.
//!
//! A backend loads what [`Needs`] names into a [`Before`], inside the transaction, asks for the
//! [`Plan`] and writes it. Whatever the plan refuses has changed nothing.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, ParticipantId},
    stream::{StreamKey, op_sum},
};

use super::{Append, AppendError, Entry, EntryOutcome, StreamHead, StreamTarget, TallyChange};
use crate::StoreError;

/// What has to be looked up for an append.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Logs.
    pub logs: BTreeSet<LogId>,
    /// Their entries at these sequences.
    pub entries: BTreeSet<(LogId, u64)>,
    /// Whether these ops are known.
    pub ops: BTreeSet<OpId>,
    /// Streams.
    pub streams: BTreeSet<StreamKey>,
}

/// What stands before an append, of what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// Each log's writer and next sequence.
    pub logs: BTreeMap<LogId, (DeviceId, u64)>,
    /// Entries.
    pub entries: BTreeMap<(LogId, u64), EntryBefore>,
    /// Known ops.
    pub ops: BTreeSet<OpId>,
    /// Streams.
    pub streams: BTreeMap<StreamKey, StreamHead>,
}

/// An entry that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryBefore {
    /// The op.
    pub op: OpId,
    /// What became of it.
    pub settled: Settled,
}

/// An outcome without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Admitted.
    Accepted,
    /// Refused for good.
    Rejected,
    /// Not settled yet.
    Deferred,
}

/// What to write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan<'a> {
    /// Logs with their writer and next sequence, to insert or replace.
    pub logs: Vec<(LogId, DeviceId, u64)>,
    /// Entries, to insert, or to replace where a deferred one stands.
    pub entries: Vec<&'a Entry>,
    /// New ops.
    pub ops: Vec<(OpId, &'a AdmittedOp)>,
    /// New rows of streams.
    pub places: Vec<StreamPlace>,
    /// Streams that move, as they stand then, to insert or replace; in order of moving.
    pub streams: Vec<StreamHead>,
    /// Participants to be marked dirty.
    pub dirty: Vec<ParticipantId>,
    /// New outbox items, in order.
    pub outbox: Vec<OutboxDraft<'a>>,
    /// Counts, each by the op that says it.
    pub tallies: Vec<(OpId, TallyChange)>,
}

/// An op's place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPlace {
    /// The stream.
    pub stream: StreamKey,
    /// From 1, dense.
    pub position: u64,
    /// The op.
    pub op: OpId,
}

/// An outbox item without its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxDraft<'a> {
    /// Where to.
    pub stream: StreamKey,
    /// The op's kind.
    pub kind: u32,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Needs {
    /// What `append` needs.
    pub fn of(append: &Append) -> Self {
        let mut needs = Self::default();
        for entry in &append.entries {
            needs.logs.insert(entry.log);
            needs.entries.insert((entry.log, entry.sequence));
            if let EntryOutcome::Accepted { streams, .. } = &entry.outcome {
                needs.ops.insert(entry.op);
                needs
                    .streams
                    .extend(streams.iter().map(|target| target.key));
            }
        }
        needs
    }
}

impl<'a> Plan<'a> {
    /// Plans an append.
    ///
    /// # Errors
    /// [`AppendError::Raced`] as its documentation says; [`StoreError::Inconsistent`] when an entry
    /// names another op than it carries.
    pub fn of(append: &'a Append, mut before: Before) -> Result<Self, AppendError> {
        let mut plan = Self::default();
        let mut moved = BTreeMap::new();
        for entry in &append.entries {
            if !settles(entry, &mut before)? {
                continue;
            }
            plan.entries.push(entry);
            moved.insert(entry.log, entry.device);
            if let EntryOutcome::Accepted { admitted, .. } = &entry.outcome {
                if admitted.id() != entry.op {
                    let fault = "an entry names another op than it carries";
                    return Err(StoreError::Inconsistent(fault).into());
                }
                if before.ops.insert(entry.op) {
                    plan.accept(entry.op, &entry.outcome, &mut before.streams);
                }
            }
        }
        for (log, device) in moved {
            let next = before.logs.get(&log).map_or(0, |(_, next)| *next);
            plan.logs.push((log, device, next));
        }
        for stream in &mut plan.streams {
            *stream = before.streams.get(&stream.key).copied().unwrap_or(*stream);
        }
        Ok(plan)
    }

    /// The effects of an op that was not known before.
    fn accept(
        &mut self,
        op: OpId,
        outcome: &'a EntryOutcome,
        standing: &mut BTreeMap<StreamKey, StreamHead>,
    ) {
        let EntryOutcome::Accepted {
            admitted,
            streams,
            dirty,
            derived,
            tally,
        } = outcome
        else {
            return;
        };
        let sum = op_sum(admitted);
        self.ops.push((op, admitted));
        for target in streams {
            let stream = standing
                .entry(target.key)
                .or_insert_with(|| target.opened());
            stream.head = stream.head.saturating_add(1);
            stream.sum = stream.sum.plus(sum);
            self.places.push(StreamPlace {
                stream: target.key,
                position: stream.head,
                op,
            });
            if !self.streams.iter().any(|moved| moved.key == target.key) {
                self.streams.push(*stream);
            }
        }
        if let Some(participant) = dirty
            && !self.dirty.contains(participant)
        {
            self.dirty.push(*participant);
        }
        self.outbox
            .extend(derived.as_ref().map(|(stream, kind, payload)| OutboxDraft {
                stream: *stream,
                kind: *kind,
                payload,
            }));
        self.tallies.extend(tally.map(|tally| (op, tally)));
    }
}

impl StreamTarget {
    /// The head of the stream when it is new.
    pub fn opened(&self) -> StreamHead {
        StreamHead {
            key: self.key,
            id: self.new_id,
            head: 0,
            sum: askel_sync::stream::StreamSum::default(),
        }
    }
}

impl EntryOutcome {
    /// Without what it says.
    pub fn settled(&self) -> Settled {
        match self {
            Self::Accepted { .. } => Settled::Accepted,
            Self::Rejected(_) => Settled::Rejected,
            Self::Deferred => Settled::Deferred,
        }
    }
}

/// Whether an entry says anything new; notes it in `before` if so.
fn settles(entry: &Entry, before: &mut Before) -> Result<bool, AppendError> {
    let (device, next) = before.logs.entry(entry.log).or_insert((entry.device, 0));
    if *device != entry.device || entry.sequence > *next {
        return Err(AppendError::Raced);
    }
    let settled = entry.outcome.settled();
    if entry.sequence == *next {
        *next = next.saturating_add(1);
    } else {
        let standing = before.entries.get(&(entry.log, entry.sequence));
        match standing {
            Some(standing) if standing.op != entry.op => return Err(AppendError::Raced),
            Some(standing) if standing.settled == settled => return Ok(false),
            Some(EntryBefore {
                settled: Settled::Deferred,
                ..
            }) => {}
            Some(_) => return Err(AppendError::Raced),
            None => return Err(StoreError::Inconsistent("a log lacks an entry").into()),
        }
    }
    before.entries.insert(
        (entry.log, entry.sequence),
        EntryBefore {
            op: entry.op,
            settled,
        },
    );
    Ok(true)
}
