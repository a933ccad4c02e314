//! Of which own ops the server's copies are held.

use std::collections::{BTreeMap, btree_map::Entry};

use askel_sync::{
    id::LogId,
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

/// The ops with one origin: one, where nobody has forgotten what was written.
#[derive(Debug)]
struct Held {
    first: Op,
    others: Vec<Op>,
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
                    others: Vec::new(),
                });
            }
            Entry::Occupied(mut entry) => {
                if !entry.get().has(op) {
                    entry.get_mut().others.push(op.clone());
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
        self.first == *op || self.others.contains(op)
    }
}
