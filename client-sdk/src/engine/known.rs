//! Of which own ops the server's copies are held.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    id::{LogId, OpId},
    op::{Op, Origin},
};

/// The ids of ops of a stream that may be own ops. The ids of all others would take long to compute, and
/// nobody asks for them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Logs of own ops, and from which sequence on their ops are looked at.
    from: BTreeMap<LogId, u64>,
    ids: BTreeSet<OpId>,
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
        if self.covers(op.origin.log, op.origin.sequence) {
            self.ids.insert(op.id());
        }
    }

    /// Whether the stream has an op that was prepared for.
    pub(crate) fn has(&self, op: OpId) -> bool {
        self.ids.contains(&op)
    }

    fn covers(&self, log: LogId, sequence: u64) -> bool {
        self.from.get(&log).is_some_and(|from| *from <= sequence)
    }
}
