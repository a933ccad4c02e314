//! What is held of logs, ops and streams, without locks.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId},
    op::OpKind,
    stream::{Register, StreamKey},
    time::Timestamp,
};

use crate::{
    Ancestor, Before, Blanking, ERASED_OP, EntryBefore, EntryOutcome, Erased, Lineage, Needs,
    PartOf, Plan, Reading, StoreError, StreamHead, StreamOp, StreamPart, journal::LogOpening,
    renewed_handle,
};

#[derive(Debug, Clone, Default)]
pub(in crate::memory) struct Ops {
    pub(super) logs: BTreeMap<LogId, Log>,
    pub(super) entries: BTreeMap<(LogId, u64), HeldEntry>,
    pub(super) admitted: BTreeMap<OpId, AdmittedOp>,
    pub(super) streams: BTreeMap<StreamKey, Stream>,
    pub(super) ids: BTreeMap<StreamId, StreamKey>,
    pub(in crate::memory) ancestors: BTreeMap<StreamId, Ancestor>,
}

#[derive(Debug, Clone)]
pub(super) struct HeldEntry {
    pub(super) standing: EntryBefore,
    /// Of a refused one.
    pub(super) reason: Option<String>,
    /// Whom a refused one is about.
    pub(super) subject: Option<ParticipantId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    pub(super) device: DeviceId,
    pub(super) next: u64,
    pub(super) opened_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) head: StreamHead,
    /// Index 0 is position 1.
    pub(super) places: Vec<Place>,
    /// Positions of live ops.
    registers: BTreeMap<Register, u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// `None` where it was erased.
    pub(super) op: Option<OpId>,
    pub(super) live: bool,
}

impl Ops {
    pub(super) fn before(&self, needs: &Needs) -> Before {
        let entry = |key: &(LogId, u64)| Some((*key, self.entries.get(key)?.standing));
        let stream = |key: &StreamKey| Some((*key, self.streams.get(key)?.head));
        let log = |log: &LogId| {
            let held = self.logs.get(log)?;
            Some((*log, (held.device, held.next)))
        };
        let register = |key: &(StreamKey, Register)| Some((*key, self.register(key.0, &key.1)?));
        let ancestor = |id: &StreamId| Some((*id, self.ancestors.get(id)?.clone()));
        let known = needs
            .ops
            .iter()
            .filter(|op| self.admitted.contains_key(*op));
        Before {
            logs: needs.logs.iter().filter_map(log).collect(),
            entries: needs.entries.iter().filter_map(entry).collect(),
            ops: known.copied().collect(),
            streams: needs.streams.iter().filter_map(stream).collect(),
            registers: needs.registers.iter().filter_map(register).collect(),
            ancestors: needs.ancestors.iter().filter_map(ancestor).collect(),
            tombstones: BTreeSet::new(),
            revoked: BTreeSet::new(),
            holder: None,
        }
    }

    pub(super) fn handles_are_free(&self, plan: &Plan<'_>) -> Result<(), StoreError> {
        for head in &plan.streams {
            self.handle_is_free(head.id, head.key)?;
        }
        Ok(())
    }

    pub(super) fn handle_is_free(&self, id: StreamId, key: StreamKey) -> Result<(), StoreError> {
        if self.ids.get(&id).is_some_and(|held| *held != key) {
            return Err(StoreError::Inconsistent("two streams have one handle"));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, plan: &Plan<'_>, now: Timestamp) {
        for (id, device, next) in &plan.logs {
            let log = self.logs.entry(*id).or_insert(Log {
                device: *device,
                next: 0,
                opened_at: now,
            });
            log.next = *next;
        }
        for entry in &plan.entries {
            let standing = EntryBefore {
                op: entry.op,
                settled: entry.outcome.settled(),
            };
            let (reason, subject) = match &entry.outcome {
                EntryOutcome::Rejected { reason, subject } => (Some(reason.clone()), *subject),
                EntryOutcome::Accepted { .. } | EntryOutcome::Deferred => (None, None),
            };
            let held = HeldEntry {
                standing,
                reason,
                subject,
            };
            self.entries.insert((entry.log, entry.sequence), held);
        }
        let ops = plan.ops.iter();
        self.admitted
            .extend(ops.map(|(id, admitted)| (*id, (*admitted).clone())));
        self.write_streams(plan);
        self.ancestors.extend(plan.ancestors.iter().cloned());
    }

    /// Notes whose a log is of which nothing is here.
    pub(in crate::memory) fn open_log(&mut self, opening: &LogOpening) {
        let log = self.logs.entry(opening.log).or_insert(Log {
            device: opening.device,
            next: 0,
            opened_at: opening.opened_at,
        });
        if log.next == 0 {
            log.device = opening.device;
        }
    }

    fn write_streams(&mut self, plan: &Plan<'_>) {
        for head in &plan.streams {
            self.stream(*head).head = *head;
        }
        for (stream, position) in &plan.dead {
            if let Some(place) = self.place(*stream, *position) {
                place.live = false;
            }
        }
        for place in &plan.places {
            if let Some(stream) = self.streams.get_mut(&place.stream) {
                stream.places.push(Place {
                    op: Some(place.op),
                    live: place.live,
                });
            }
        }
        for change in &plan.registers {
            if let Some(stream) = self.streams.get_mut(&change.stream) {
                stream.registers.insert(change.register, change.position);
            }
        }
    }

    pub(super) fn stream(&mut self, new: StreamHead) -> &mut Stream {
        self.ids.insert(new.id, new.key);
        self.streams.entry(new.key).or_insert(Stream {
            head: new,
            places: Vec::new(),
            registers: BTreeMap::new(),
        })
    }

    fn place(&mut self, stream: StreamKey, position: u64) -> Option<&mut Place> {
        let index = usize::try_from(position.checked_sub(1)?).ok()?;
        self.streams.get_mut(&stream)?.places.get_mut(index)
    }

    pub(super) fn register(&self, stream: StreamKey, register: &Register) -> Option<StreamOp> {
        let stream = self.streams.get(&stream)?;
        let position = *stream.registers.get(register)?;
        let index = usize::try_from(position.checked_sub(1)?).ok()?;
        Some(StreamOp {
            position,
            admitted: self.admitted.get(&stream.places.get(index)?.op?)?.clone(),
        })
    }

    pub(super) fn read(&self, part: PartOf) -> Option<StreamPart> {
        let stream = self.streams.get(&part.stream)?;
        let skip = usize::try_from(part.after).unwrap_or(usize::MAX);
        let limit = usize::try_from(part.limit).unwrap_or(usize::MAX);
        let wanted = |(_, place): &(u64, &Place)| part.reading == Reading::All || place.live;
        let places = (1..).zip(&stream.places).skip(skip).filter(wanted);
        let op = |(position, place): (u64, &Place)| {
            let admitted = place.op.and_then(|op| self.admitted.get(&op));
            admitted.map_or_else(
                || StreamOp::blank(position),
                |admitted| StreamOp {
                    position,
                    admitted: admitted.clone(),
                },
            )
        };
        Some(StreamPart {
            head: stream.head,
            ops: places.take(limit).map(op).collect(),
        })
    }

    pub(super) fn lineage(&self, id: StreamId) -> Option<(StreamKey, Lineage)> {
        if let Some(key) = self.ids.get(&id) {
            return Some((*key, Lineage::Current));
        }
        let ancestor = self.ancestors.get(&id)?;
        Some((ancestor.stream, ancestor.lineage()))
    }

    /// Ops of one kind after one of them, by id.
    pub(in crate::memory) fn of_kind(
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

impl Ops {
    pub(in crate::memory) fn next_of(&self, log: LogId) -> u64 {
        self.logs.get(&log).map_or(0, |log| log.next)
    }

    pub(in crate::memory) fn logs_of(&self, devices: &[DeviceId]) -> Vec<LogId> {
        let logs = self.logs.iter();
        let theirs = logs.filter(|(_, log)| devices.contains(&log.device));
        theirs.map(|(id, _)| *id).collect()
    }

    pub(in crate::memory) fn renew(&mut self, seed: &[u8; 32]) {
        self.ids.clear();
        for (key, stream) in &mut self.streams {
            let ancestor = Ancestor::new(*key, stream.head.head);
            self.ancestors.insert(stream.head.id, ancestor);
            stream.head.id = renewed_handle(seed, stream.head.id);
            self.ids.insert(stream.head.id, *key);
        }
    }

    /// Erases ops, and says what that changes in the streams of others.
    pub(in crate::memory) fn erase(&mut self, erased: &Erased) -> Blanking {
        let gone = self.ops_of(erased);
        for key in erased.streams() {
            if let Some(stream) = self.streams.remove(&key) {
                self.ids.remove(&stream.head.id);
            }
            self.ancestors.retain(|_, ancestor| ancestor.stream != key);
        }
        let blanking = self.blank(&gone);
        if askel_sync::planted!(ErasedStays) {
            return blanking;
        }
        self.admitted.retain(|op, _| !gone.contains(op));
        for ((log, _), entry) in &mut self.entries {
            let is_about = entry.subject == Some(erased.participant);
            if is_about || gone.contains(&entry.standing.op) || erased.logs.contains(log) {
                entry.standing.op = ERASED_OP;
                entry.subject = None;
            }
        }
        blanking
    }

    /// What their streams carry, what their devices wrote, and sightings of their passes.
    fn ops_of(&self, erased: &Erased) -> BTreeSet<OpId> {
        let streams = erased.streams();
        let carried = streams.iter().filter_map(|key| self.streams.get(key));
        let carried = carried.flat_map(|stream| stream.places.iter().filter_map(|place| place.op));
        let written = self.entries.iter();
        let written = written
            .filter(|((log, _), _)| erased.logs.contains(log))
            .map(|(_, entry)| entry.standing.op);
        let seen = self.admitted.iter().filter(|(_, admitted)| {
            let pass = crate::pass_of(admitted.op.kind, &admitted.op.payload);
            pass.is_some_and(|pass| erased.passes.contains(&pass))
        });
        carried
            .chain(written)
            .chain(seen.map(|(op, _)| *op))
            .collect()
    }

    fn blank(&mut self, gone: &BTreeSet<OpId>) -> Blanking {
        let mut blanked = Vec::new();
        for (key, stream) in &mut self.streams {
            for place in &mut stream.places {
                let Some(op) = place.op.filter(|op| gone.contains(op)) else {
                    continue;
                };
                if let Some(admitted) = self.admitted.get(&op) {
                    blanked.push((*key, admitted, place.live));
                }
                *place = Place {
                    op: None,
                    live: false,
                };
            }
        }
        let blanking = Blanking::of(blanked);
        for (key, sum) in &blanking.sums {
            if let Some(stream) = self.streams.get_mut(key) {
                stream.head.sum = stream.head.sum.minus(*sum);
            }
        }
        blanking
    }
}
