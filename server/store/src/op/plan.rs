//! What an append changes: decided here from what stands, the same for every backend.
//!
//! A backend loads what [`Needs`] names into a [`Before`], inside the transaction, asks for the
//! [`Plan`] and writes it. Whatever the plan refuses has changed nothing.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId},
    op::OpKind,
    stream::{Register, StreamKey, register_of},
};

use super::{
    Ancestor, Append, AppendError, ERASED_OP, Entry, EntryOutcome, Healed, RegisterPlace,
    StreamHead, StreamOp, StreamPlace, StreamTarget, TallyChange,
    effects::{Effects, Standing},
};
use crate::{
    Job, JobLease, NodeId, Projection, StoreError, Tombstone,
    erasure::{is_of_the_erased, named_by, named_by_projection, without_the_erased},
};

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
    /// The live ops of registers.
    pub registers: BTreeSet<(StreamKey, Register)>,
    /// Streams of before, by their handles.
    pub ancestors: BTreeSet<StreamId>,
    /// Whether these are erased.
    pub tombstones: BTreeSet<Tombstone>,
    /// Whether these are revoked.
    pub devices: BTreeSet<DeviceId>,
    /// Who does this job.
    pub job: Option<Job>,
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
    /// The live ops of registers.
    pub registers: BTreeMap<(StreamKey, Register), StreamOp>,
    /// Streams of before.
    pub ancestors: BTreeMap<StreamId, Ancestor>,
    /// What is erased.
    pub tombstones: BTreeSet<Tombstone>,
    /// What is revoked.
    pub revoked: BTreeSet<DeviceId>,
    /// Who does the job, under which generation.
    pub holder: Option<(NodeId, u64)>,
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
    /// Places that stand and are live no more.
    pub dead: Vec<(StreamKey, u64)>,
    /// The live ops of registers that changed, to insert or replace.
    pub registers: Vec<RegisterPlace>,
    /// Streams of before that came back further, to replace.
    pub ancestors: Vec<(StreamId, Ancestor)>,
    /// What a projection found, without what is of the erased.
    pub projection: Cow<'a, Projection>,
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
            if let Some(effects) = Effects::of(&entry.outcome) {
                needs.effects(entry.op, effects);
                needs.tombstones.insert(entry.device.into());
                needs.tombstones.insert(entry.log.into());
                let origin = effects.admitted.op.origin;
                needs.tombstones.insert(origin.log.into());
            }
            needs.tombstones.extend(kept_of(entry));
        }
        let from = append.from.iter().copied();
        needs.tombstones.extend(from.map(Tombstone::from));
        for returned in &append.returned {
            needs.effects(returned.admitted.id(), Effects::returned(returned));
        }
        needs
            .ancestors
            .extend(append.healed.iter().map(|healed| healed.ancestor));
        needs
            .tombstones
            .extend(named_by_projection(&append.projection));
        needs.devices.extend(&append.from);
        needs.job = append.under.map(|lease| lease.job);
        needs
    }

    fn effects(&mut self, op: OpId, effects: Effects<'_>) {
        self.ops.insert(op);
        let register = register_of(effects.admitted);
        for target in effects.streams {
            self.streams.insert(target.key);
            let register = register.map(|register| (target.key, register));
            self.registers.extend(register);
        }
        self.tombstones
            .extend(named_by(effects.admitted, effects.streams));
    }
}

impl<'a> Plan<'a> {
    /// Plans an append.
    ///
    /// # Errors
    /// [`AppendError::Raced`] and [`AppendError::LeaseLost`] as their documentation says; [`StoreError::Inconsistent`] when an entry
    /// names another op than it carries.
    pub fn of(append: &'a Append, mut before: Before) -> Result<Self, AppendError> {
        let stands = |lease: JobLease| before.holder == Some((lease.node, lease.generation));
        if !append.under.is_none_or(stands) {
            return Err(AppendError::LeaseLost);
        }
        let erased = |device: &DeviceId| before.tombstones.contains(&(*device).into());
        if !before.revoked.is_empty() || append.from.iter().any(erased) {
            return Err(AppendError::Raced);
        }
        let mut plan = Self {
            projection: without_the_erased(&append.projection, &before.tombstones),
            ..Self::default()
        };
        let mut standing = Standing::new(
            std::mem::take(&mut before.streams),
            std::mem::take(&mut before.registers),
        );
        let mut moved = BTreeMap::new();
        for entry in &append.entries {
            if !settles(entry, &mut before)? {
                continue;
            }
            let effects = effects_of(entry, &before.tombstones)?;
            plan.entries.push(entry);
            moved.insert(entry.log, entry.device);
            if let Some(effects) = effects
                && (before.ops.insert(entry.op) || askel_sync::planted!(CarrierDecides))
            {
                plan.accept(entry.op, effects, &mut standing);
            }
        }
        for returned in &append.returned {
            let op = returned.admitted.id();
            let effects = Effects::returned(returned);
            let erased = is_of_the_erased(effects.admitted, effects.streams, &before.tombstones);
            if !erased && before.ops.insert(op) {
                plan.accept(op, effects, &mut standing);
            }
        }
        plan.heal(&append.healed, before.ancestors);
        for (log, device) in moved {
            let next = before.logs.get(&log).map_or(0, |(_, next)| *next);
            plan.logs.push((log, device, next));
        }
        plan.registers = standing.changed_registers();
        for stream in &mut plan.streams {
            let stands = standing.streams.get(&stream.key);
            *stream = stands.copied().unwrap_or(*stream);
        }
        Ok(plan)
    }

    fn heal(&mut self, healed: &[Healed], mut ancestors: BTreeMap<StreamId, Ancestor>) {
        let mut changed = BTreeSet::new();
        for span in healed {
            let ancestor = ancestors.get_mut(&span.ancestor);
            if ancestor.is_some_and(|ancestor| ancestor.heal(span.by, span.after, span.up_to)) {
                changed.insert(span.ancestor);
            }
        }
        ancestors.retain(|handle, _| changed.contains(handle));
        self.ancestors = ancestors.into_iter().collect();
    }
}

/// What an entry does. What the server itself found out about someone who is erased by now does
/// nothing; what a device says of them has to be judged again.
fn effects_of<'a>(
    entry: &'a Entry,
    erased: &BTreeSet<Tombstone>,
) -> Result<Option<Effects<'a>>, AppendError> {
    if kept_of(entry).is_some_and(|subject| erased.contains(&subject)) {
        return Err(AppendError::Raced);
    }
    let Some(effects) = Effects::of(&entry.outcome) else {
        return Ok(None);
    };
    let AdmittedOp { op, admission } = effects.admitted;
    if op.id() != entry.op {
        let fault = "an entry names another op than it carries";
        return Err(StoreError::Inconsistent(fault).into());
    }
    // The erasure itself is by or about the erased, and names nothing else.
    if op.kind == OpKind::Erase as u32 {
        return Ok(Some(effects));
    }
    let about = is_of_the_erased(effects.admitted, effects.streams, erased);
    if about && admission.author_role == Role::Server {
        return Ok(None);
    }
    let written_by: [Tombstone; 3] = [entry.device.into(), entry.log.into(), op.origin.log.into()];
    if about || written_by.iter().any(|id| erased.contains(id)) {
        return Err(AppendError::Raced);
    }
    Ok(Some(effects))
}

/// Of whom a refused op's hash would be kept.
fn kept_of(entry: &Entry) -> Option<Tombstone> {
    match &entry.outcome {
        EntryOutcome::Rejected { subject, .. } if entry.op != ERASED_OP => {
            subject.map(Tombstone::from)
        }
        _ => None,
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
            Self::Rejected { .. } => Settled::Rejected,
            Self::Deferred => Settled::Deferred,
        }
    }
}

/// Whether an entry says anything new; notes it in `before` if so.
fn settles(entry: &Entry, before: &mut Before) -> Result<bool, AppendError> {
    let (device, next) = before.logs.entry(entry.log).or_insert((entry.device, 0));
    let foreign = *device != entry.device && !askel_sync::planted!(WriterUnchecked);
    if foreign || entry.sequence > *next {
        return Err(AppendError::Raced);
    }
    let settled = entry.outcome.settled();
    if entry.sequence == *next {
        *next = next.saturating_add(1);
    } else {
        let standing = before.entries.get(&(entry.log, entry.sequence));
        match standing {
            Some(standing) if standing.op == ERASED_OP => return Ok(false),
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
