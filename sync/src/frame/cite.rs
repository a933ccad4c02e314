//! Op ids within payloads: mostly of an op that came shortly before.

use std::{collections::VecDeque, sync::OnceLock};

use super::{
    odds::{Bit, Number, raw},
    wire::Wire,
};
use crate::op::{Op, OpKind};

/// The ops that may be cited, newest last, and the odds of which one is.
#[derive(Debug, Clone)]
pub(super) struct Citable {
    ops: VecDeque<Entry>,
    is_known: [Bit; 4],
    rank: [Number; 2],
}

/// Citable ops kept in mind.
const OPS_MAX: usize = 512;

#[derive(Debug, Clone)]
struct Entry {
    subject: u64,
    op: Op,
    /// Computed when someone asks: of what is read, most is never cited.
    id: OnceLock<[u8; 16]>,
}

impl Entry {
    fn id(&self) -> [u8; 16] {
        *self.id.get_or_init(|| *self.op.id().as_bytes())
    }
}

impl Citable {
    pub(super) const NEW: Self = Self {
        ops: VecDeque::new(),
        is_known: [Bit::NEW; 4],
        rank: [Number::NEW; 2],
    };

    /// Forgets the ops and keeps the odds.
    pub(super) fn forget(&mut self) {
        self.ops.clear();
    }

    /// Keeps an op in mind if its kind is cited at all; `subject` is its place or goal.
    pub(super) fn keep(&mut self, op: &Op, subject: u64) {
        let is_cited = [
            OpKind::CheckIn,
            OpKind::QuestJoined,
            OpKind::FavouriteAdded,
            OpKind::SamePersonLinked,
        ]
        .iter()
        .any(|kind| *kind as u32 == op.kind);
        if !is_cited {
            return;
        }
        if self.ops.len() >= OPS_MAX {
            self.ops.pop_front();
        }
        self.ops.push_back(Entry {
            subject,
            op: op.clone(),
            id: OnceLock::new(),
        });
    }

    /// The id of an op of this kind, about this place or goal if there is one.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        kind: OpKind,
        subject: Option<u64>,
        id: [u8; 16],
    ) -> [u8; 16] {
        let fits = |entry: &&Entry| {
            entry.op.kind == kind as u32 && subject.is_none_or(|subject| subject == entry.subject)
        };
        let rank = if W::READS {
            None
        } else {
            self.ops
                .iter()
                .rev()
                .filter(fits)
                .position(|entry| entry.id() == id)
        };
        let context = usize::from(subject.is_some());
        let Some(is_known) = self.is_known.get_mut(context) else {
            return id;
        };
        if is_known.code(wire, rank.is_some()) {
            let Some(number) = self.rank.get_mut(context) else {
                return id;
            };
            let rank = u64::try_from(rank.unwrap_or(0)).unwrap_or(0);
            let rank = usize::try_from(number.code(wire, rank)).unwrap_or(usize::MAX);
            return self
                .ops
                .iter()
                .rev()
                .filter(fits)
                .nth(rank)
                .map_or(id, Entry::id);
        }
        handle(wire, id)
    }
}

/// Sixteen bytes without odds.
pub(super) fn handle<W: Wire>(wire: &mut W, id: [u8; 16]) -> [u8; 16] {
    let value = u128::from_be_bytes(id);
    let [upper, lower] = [value >> 64, value & u128::from(u64::MAX)];
    let mut half = |half: u128| {
        let half = u64::try_from(half).unwrap_or(0);
        u128::from(raw(wire, 64, 0, half))
    };
    let upper = half(upper);
    (upper << 64 | half(lower)).to_be_bytes()
}
