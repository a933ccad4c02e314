//! Of which own ops the server's copies are held.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use askel_sync::{
    id::{LogId, OpId},
    op::{Op, Origin},
};

/// The ops of a stream that may be own ops. To keep all others would take long, and nobody asks for
/// them.
///
/// Ops are compared as they are: to hash each of them takes longer.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Logs of own ops, and from which sequence on their ops are looked at.
    from: BTreeMap<LogId, u64>,
    ops: BTreeMap<Origin, Held>,
}

/// The ops with one origin: one, where nobody has forgotten what was written. More go by their ids: a
/// server that tells thousands of them costs no more than hashing them.
#[derive(Debug)]
struct Held {
    first: Op,
    others: BTreeSet<OpId>,
}

impl Known {
    /// Prepares to be asked for own ops that were first written there; `held` gives the ops of the
    /// stream that were added before.
    pub(crate) fn prepare<'m, H: Iterator<Item = &'m Op>>(
        &mut self,
        origins: impl Iterator<Item = Origin>,
        held: impl FnOnce() -> H,
    ) {
        let mut wider: BTreeMap<LogId, u64> = BTreeMap::new();
        for Origin { log, sequence } in origins {
            if !self.covers(log, sequence) {
                let from = wider.entry(log).or_insert(sequence);
                *from = sequence.min(*from);
            }
        }
        if !wider.is_empty() {
            self.from.append(&mut wider);
            held().for_each(|op| self.add(op));
        }
    }

    /// Takes in an op of the stream.
    pub(crate) fn add(&mut self, op: &Op) {
        if !self.covers(op.origin.log, op.origin.sequence) {
            return;
        }
        match self.ops.entry(op.origin) {
            Entry::Vacant(entry) => {
                entry.insert(Held {
                    first: op.clone(),
                    others: BTreeSet::new(),
                });
            }
            Entry::Occupied(mut entry) => {
                if entry.get().first != *op {
                    entry.get_mut().others.insert(op.id());
                }
            }
        }
    }

    /// Whether the stream has an op that was prepared for.
    pub(crate) fn has(&self, op: &Op) -> bool {
        self.ops.get(&op.origin).is_some_and(|held| held.has(op))
    }

    fn covers(&self, log: LogId, sequence: u64) -> bool {
        self.from.get(&log).is_some_and(|from| *from <= sequence)
    }
}

impl Held {
    fn has(&self, op: &Op) -> bool {
        self.first == *op || (!self.others.is_empty() && self.others.contains(&op.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use askel_sync::op::Payload;

    const LOG: LogId = LogId::from_bytes([1; 16]);

    fn op(sequence: u64, kind: u32) -> Op {
        let origin = Origin { log: LOG, sequence };
        Op {
            kind,
            ..Op::new(origin, &Payload::Blank)
        }
    }

    #[test]
    fn every_op_of_an_origin_is_known_and_no_other() {
        let mut known = Known::default();
        let held = [op(1, 5), op(2, 5), op(2, 6), op(2, 7)];
        let origin = op(2, 5).origin;
        known.prepare([origin].into_iter(), || held.iter());
        known.add(&op(3, 5));
        for there in [op(2, 5), op(2, 6), op(2, 7), op(3, 5)] {
            assert!(known.has(&there), "{there:?}");
        }
        for missing in [op(1, 5), op(2, 8), op(3, 6), op(4, 5)] {
            assert!(!known.has(&missing), "{missing:?}");
        }
    }
}
