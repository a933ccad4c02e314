//! Which value of each register is live, so that the sum over a stream's live ops can be kept.

use std::collections::BTreeMap;

use askel_sync::{
    admission::AdmittedOp,
    op::OpKind,
    stream::{Rank, Register, StreamSum, op_sum, value_of},
};

use super::HeldOp;

/// The greatest value of each register of each stream.
#[derive(Debug, Default)]
pub(crate) struct Live(Registers);

type Registers = BTreeMap<(u32, Register), Value>;

/// A value of a register.
#[derive(Debug, Clone, Copy)]
struct Value {
    rank: Rank,
    /// What its op adds to the stream's sum.
    sum: u64,
}

impl Live {
    /// Takes in ops of a stream.
    pub(crate) fn take(&mut self, stream: u32, ops: &[HeldOp]) {
        for held in ops {
            if let Some((register, rank)) = value_of(&held.admitted) {
                let value = Value {
                    rank,
                    sum: op_sum(&held.admitted),
                };
                let live = self.0.entry((stream, register)).or_insert(value);
                if live.rank < rank {
                    *live = value;
                }
            }
        }
    }

    /// The revision of a register's live value; 0 for none.
    pub(crate) fn revision(&self, stream: u32, register: Register) -> u32 {
        self.0
            .get(&(stream, register))
            .map_or(0, |live| live.rank.revision())
    }

    /// Whether an op of a stream is superseded by another.
    pub(crate) fn is_superseded(&self, stream: u32, admitted: &AdmittedOp) -> bool {
        value_of(admitted).is_some_and(|(register, rank)| {
            let live = self.0.get(&(stream, register));
            live.is_some_and(|live| live.rank > rank)
        })
    }
}

/// The same with ops that are not committed yet.
pub(crate) struct LiveDraft<'m> {
    held: &'m Live,
    drafted: Registers,
}

impl<'m> LiveDraft<'m> {
    pub(crate) fn new(held: &'m Live) -> Self {
        Self {
            held,
            drafted: BTreeMap::new(),
        }
    }

    /// The sum over a stream's live ops with one more op. An op that is erased adds nothing.
    pub(crate) fn add(&mut self, stream: u32, sum: StreamSum, admitted: &AdmittedOp) -> StreamSum {
        if admitted.op.kind == OpKind::Blank as u32 {
            return sum;
        }
        let own = op_sum(admitted);
        let Some((register, rank)) = value_of(admitted) else {
            return sum.plus(own);
        };
        let key = (stream, register);
        let value = Value { rank, sum: own };
        let former = self.drafted.get(&key).or_else(|| self.held.0.get(&key));
        let sum = match former {
            Some(former) if former.rank >= rank => return sum,
            Some(former) => sum.minus(former.sum),
            None => sum,
        };
        self.drafted.insert(key, value);
        sum.plus(own)
    }
}
