//! What the server said about awards: confirmations and withdrawals.
//!
//! Of several confirmations of one award the earliest holds, by time and op id; of withdrawals too.
//! A withdrawal is final.

use std::collections::BTreeMap;

use crate::{
    id::{AwardId, OpId},
    op::{AwardConfirmed, AwardWithdrawn},
};

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServerAwards {
    confirmed: BTreeMap<AwardId, (OpId, AwardConfirmed)>,
    withdrawn: BTreeMap<AwardId, (OpId, AwardWithdrawn)>,
}

impl ServerAwards {
    /// Returns whether the award was not confirmed before.
    pub(super) fn confirm(&mut self, id: OpId, confirmed: AwardConfirmed) -> bool {
        let held = self.confirmed.get(&confirmed.award);
        let is_new = held.is_none();
        if held.is_none_or(|(held_id, held)| {
            (confirmed.occurred_at, id) < (held.occurred_at, *held_id)
        }) {
            self.confirmed.insert(confirmed.award, (id, confirmed));
        }
        is_new
    }

    /// Returns whether the award was not withdrawn before.
    pub(super) fn withdraw(&mut self, id: OpId, withdrawn: AwardWithdrawn) -> bool {
        let held = self.withdrawn.get(&withdrawn.award);
        let is_new = held.is_none();
        if held.is_none_or(|(held_id, held)| {
            (withdrawn.occurred_at, id) < (held.occurred_at, *held_id)
        }) {
            self.withdrawn.insert(withdrawn.award, (id, withdrawn));
        }
        is_new
    }

    pub(super) fn confirmed(&self) -> &BTreeMap<AwardId, (OpId, AwardConfirmed)> {
        &self.confirmed
    }

    pub(super) fn withdrawn(&self) -> &BTreeMap<AwardId, (OpId, AwardWithdrawn)> {
        &self.withdrawn
    }
}
