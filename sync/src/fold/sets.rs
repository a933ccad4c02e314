//! Sets that people edit: marked places and joined goals.
//!
//! An observed-remove set of the crate `crdts`. Each add is its own actor (the crate's word), the op
//! id, with counter 1, so no actor is ever reused and no dot can be missing in between; a remove
//! names the adds its writer saw. A remove may come before its adds.

use std::{collections::BTreeSet, fmt::Debug, hash::Hash};

use crdts::{CmRDT as _, Dot, Orswot, VClock, orswot};

use crate::id::OpId;

/// The counter of every add.
const ONCE: u64 = 1;

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EditedSet<M: Hash + Eq + Ord> {
    set: Orswot<M, OpId>,
    /// Those of `set`, of which every question copies the whole clock.
    members: BTreeSet<M>,
}

/// Whether a member came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetChange {
    Came,
    Went,
}

impl<M: Hash + Eq + Ord + Clone> Default for EditedSet<M> {
    fn default() -> Self {
        Self {
            set: Orswot::new(),
            members: BTreeSet::new(),
        }
    }
}

impl<M: Hash + Eq + Ord + Copy + Debug> EditedSet<M> {
    /// An add.
    pub(super) fn add(&mut self, id: OpId, member: M) -> Option<SetChange> {
        self.change(
            member,
            orswot::Op::Add {
                dot: Dot::new(id, ONCE),
                members: vec![member],
            },
        )
    }

    /// A removal of the adds it names.
    pub(super) fn remove(&mut self, seen: &[OpId], member: M) -> Option<SetChange> {
        let seen = seen.iter().filter(|_| !crate::planted!(RemovalIgnored));
        let clock: VClock<OpId> = seen.map(|id| Dot::new(*id, ONCE)).collect();
        self.change(
            member,
            orswot::Op::Rm {
                clock,
                members: vec![member],
            },
        )
    }

    pub(super) fn members(&self) -> &BTreeSet<M> {
        &self.members
    }

    /// The adds a member stands on, which a removal has to name.
    pub(super) fn adds(&self, member: M) -> BTreeSet<OpId> {
        self.set
            .contains(&member)
            .rm_clock
            .iter()
            .map(|dot| *dot.actor)
            .collect()
    }

    /// Every add that was seen.
    pub(super) fn seen(&self) -> BTreeSet<OpId> {
        self.set.clock().iter().map(|dot| *dot.actor).collect()
    }

    fn change(&mut self, member: M, op: orswot::Op<M, OpId>) -> Option<SetChange> {
        self.set.apply(op);
        if self.set.contains(&member).val {
            self.members.insert(member).then_some(SetChange::Came)
        } else {
            self.members.remove(&member).then_some(SetChange::Went)
        }
    }
}
