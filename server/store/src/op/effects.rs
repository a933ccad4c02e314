//! What an op that was not known before changes: its places in streams, and which op of a register
//! is live from now on.

use std::collections::BTreeMap;

use askel_sync::{
    admission::AdmittedOp,
    id::{OpId, ParticipantId},
    stream::{Register, StreamKey, op_sum, rank_of, value_of},
};

use super::{
    EntryOutcome, OutboxDraft, Plan, Returned, StreamHead, StreamOp, StreamTarget, TallyChange,
};

/// The live op of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRegister {
    /// The stream.
    pub stream: StreamKey,
    /// Which register of it.
    pub register: Register,
    /// Its live op.
    pub op: StreamOp,
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
    /// Whether it is live: neither superseded nor erased.
    pub live: bool,
}

/// Where the live op of a register stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterPlace {
    /// The stream.
    pub stream: StreamKey,
    /// Which register of it.
    pub register: Register,
    /// The live op's position.
    pub position: u64,
}

/// What an accepted op does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effects<'a> {
    pub(super) admitted: &'a AdmittedOp,
    pub(super) streams: &'a [StreamTarget],
    pub(super) dirty: Option<ParticipantId>,
    pub(super) derived: Option<&'a (StreamKey, u32, Vec<u8>)>,
    pub(super) tally: Option<TallyChange>,
}

impl<'a> Effects<'a> {
    /// Those of an outcome, if it has any.
    pub(super) fn of(outcome: &'a EntryOutcome) -> Option<Self> {
        let EntryOutcome::Accepted {
            admitted,
            streams,
            dirty,
            derived,
            tally,
        } = outcome
        else {
            return None;
        };
        Some(Self {
            admitted,
            streams,
            dirty: *dirty,
            derived: derived.as_ref(),
            tally: *tally,
        })
    }

    /// Those of an op that is handed back.
    pub(super) fn returned(returned: &'a Returned) -> Self {
        Self {
            admitted: &returned.admitted,
            streams: &returned.streams,
            dirty: returned.dirty,
            derived: returned.derived.as_ref(),
            tally: returned.tally,
        }
    }
}

/// What stands of streams and registers while a plan is made.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) streams: BTreeMap<StreamKey, StreamHead>,
    registers: BTreeMap<(StreamKey, Register), Live>,
}

/// A live op, and its index among the plan's places if it is one of them.
#[derive(Debug)]
struct Live {
    op: StreamOp,
    planned: Option<usize>,
}

impl Standing {
    pub(super) fn new(
        streams: BTreeMap<StreamKey, StreamHead>,
        registers: BTreeMap<(StreamKey, Register), StreamOp>,
    ) -> Self {
        let live = |(key, op)| (key, Live { op, planned: None });
        Self {
            streams,
            registers: registers.into_iter().map(live).collect(),
        }
    }

    /// Where the live ops of registers stand that changed, in order of their names.
    pub(super) fn changed_registers(&self) -> Vec<RegisterPlace> {
        let changed = self
            .registers
            .iter()
            .filter(|(_, live)| live.planned.is_some());
        changed
            .map(|((stream, register), live)| RegisterPlace {
                stream: *stream,
                register: *register,
                position: live.op.position,
            })
            .collect()
    }
}

impl<'a> Plan<'a> {
    /// Adds the effects of an op that was not known before.
    pub(super) fn accept(&mut self, op: OpId, effects: Effects<'a>, standing: &mut Standing) {
        self.ops.push((op, effects.admitted));
        for target in effects.streams {
            self.place(op, effects.admitted, *target, standing);
        }
        if let Some(participant) = effects.dirty
            && !askel_sync::planted!(NobodyDirty)
            && !self.dirty.contains(&participant)
        {
            self.dirty.push(participant);
        }
        let draft = |(stream, kind, payload): &'a (StreamKey, u32, Vec<u8>)| OutboxDraft {
            stream: *stream,
            kind: *kind,
            payload,
        };
        self.outbox.extend(effects.derived.map(draft));
        self.tallies.extend(effects.tally.map(|tally| (op, tally)));
    }

    fn place(
        &mut self,
        op: OpId,
        admitted: &AdmittedOp,
        target: StreamTarget,
        standing: &mut Standing,
    ) {
        let opened = || target.opened();
        let stream = standing.streams.entry(target.key).or_insert_with(opened);
        stream.head = stream.head.saturating_add(1);
        let position = stream.head;
        if !self.streams.iter().any(|moved| moved.key == target.key) {
            self.streams.push(*stream);
        }
        let live = self.supersede(admitted, target.key, position, standing);
        if live && let Some(stream) = standing.streams.get_mut(&target.key) {
            stream.sum = stream.sum.plus(op_sum(admitted));
        }
        self.places.push(StreamPlace {
            stream: target.key,
            position,
            op,
            live,
        });
    }

    /// Whether an op at a new place is live; the op it takes that from no longer is.
    fn supersede(
        &mut self,
        admitted: &AdmittedOp,
        stream: StreamKey,
        position: u64,
        standing: &mut Standing,
    ) -> bool {
        let Some((register, rank)) = value_of(admitted) else {
            return true;
        };
        let op = StreamOp {
            position,
            admitted: admitted.clone(),
        };
        let live = Live {
            op,
            planned: Some(self.places.len()),
        };
        let Some(before) = standing.registers.insert((stream, register), live) else {
            return true;
        };
        if rank_of(&before.op.admitted) > Some(rank) {
            standing.registers.insert((stream, register), before);
            return false;
        }
        if let Some(head) = standing.streams.get_mut(&stream) {
            head.sum = head.sum.minus(op_sum(&before.op.admitted));
        }
        match before.planned.and_then(|index| self.places.get_mut(index)) {
            Some(place) => place.live = false,
            None => self.dead.push((stream, before.op.position)),
        }
        true
    }
}
