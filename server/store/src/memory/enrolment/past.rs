//! Rights and attempts that are past their time.

use std::collections::BTreeMap;

use super::Enrolment;
use crate::{Dropping, Past};

impl Enrolment {
    /// Drops as many of them as there is room for.
    pub(in crate::memory) fn drop_past(&mut self, past: &Past, dropping: &mut Dropping) {
        let mut room = dropping.room();
        let before = self.failures.len();
        self.failures
            .retain(|at| *at >= past.failures || !takes(&mut room));
        let failures = before.saturating_sub(self.failures.len());
        dropping.count(|dropped| &mut dropped.enrol_failures, rows(failures));
        let approvals = drop_some(&mut self.approvals, dropping.room(), |held| {
            held.approval.expires_at < past.rights
        });
        dropping.count(|dropped| &mut dropped.approvals, approvals);
        let invitations = drop_some(&mut self.invitations, dropping.room(), |held| {
            held.expires_at < past.rights
        });
        dropping.count(|dropped| &mut dropped.invitations, invitations);
    }
}

/// Takes from the room, if there is any.
fn takes(room: &mut u32) -> bool {
    let left = room.checked_sub(1);
    *room = left.unwrap_or(0);
    left.is_some()
}

/// Drops what is past, as much as there is room for; how much.
fn drop_some<K: Ord, V>(
    held: &mut BTreeMap<K, V>,
    mut room: u32,
    is_past: impl Fn(&V) -> bool,
) -> u64 {
    let before = held.len();
    held.retain(|_, value| !is_past(value) || !takes(&mut room));
    rows(before.saturating_sub(held.len()))
}

fn rows(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
