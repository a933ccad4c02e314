//! Ways to the own ops.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    id::{LogId, OpId},
    op::Origin,
};

use super::{OwnOp, Register, Standing};

/// Ways into the tables.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) own_by_slot: BTreeMap<(LogId, u64), u32>,
    pub(super) own_by_id: BTreeMap<OpId, u32>,
    pub(super) own_by_origin: BTreeMap<Origin, u32>,
    /// The newest own op of each register.
    pub(super) own_by_register: BTreeMap<Register, u32>,
    pub(super) unsettled: BTreeSet<u32>,
    pub(super) rejected: BTreeSet<u32>,
}

impl Index {
    pub(super) fn add(&mut self, number: u32, row: &OwnOp) {
        self.own_by_slot.insert((row.log, row.sequence), number);
        self.own_by_id.insert(row.id, number);
        self.own_by_origin.insert(row.op.origin, number);
        if let Some(register) = register_of(row) {
            let newest = self.own_by_register.entry(register).or_insert(number);
            *newest = (*newest).max(number);
        }
        match row.standing {
            Standing::Pending | Standing::Deferred { .. } => {
                self.unsettled.insert(number);
            }
            Standing::Rejected { .. } => {
                self.rejected.insert(number);
            }
            Standing::Accepted { .. } => {}
        }
    }

    pub(super) fn remove(&mut self, number: u32, row: &OwnOp) {
        self.own_by_slot.remove(&(row.log, row.sequence));
        self.own_by_id.remove(&row.id);
        self.own_by_origin.remove(&row.op.origin);
        self.unsettled.remove(&number);
        self.rejected.remove(&number);
        if let Some(register) = register_of(row)
            && self.own_by_register.get(&register) == Some(&number)
        {
            self.own_by_register.remove(&register);
        }
    }
}

fn register_of(row: &OwnOp) -> Option<Register> {
    Register::of(&row.op.parse().ok()??)
}
