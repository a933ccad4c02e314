//! What a restored server judges again: as it did before, wherever an author can still say what the time was.

use std::collections::BTreeMap;

use askel_client_sdk::OpId;
use askel_store::{OpStore as _, memory::MemoryStore};
use askel_sync::admission::{Admission, Flags};

use super::LATE_MS_MAX;
use crate::{
    host::Host,
    oracle::{Oracle, short},
    world::World,
};

/// How the server has judged all that it has accepted and holds.
pub(crate) async fn judgements(host: &Host, oracle: &Oracle) -> BTreeMap<OpId, Admission> {
    let accepted: Vec<OpId> = oracle.accepted().into_iter().map(|(op, _)| op).collect();
    let held = host.store().lookup_ops(host.tenant.id, &accepted).await;
    let held = held.expect("memory").into_iter();
    held.map(|op| (op.id(), op.admission)).collect()
}

/// Whether all who may have offered an op again can say what its boot's time was: whoever was not answered
/// in that boot can't, nor who was put back to before.
fn can_be_said(world: &World, op: OpId) -> bool {
    let was_put_back = |device| {
        let there = world.devices.get(&device);
        there.is_none_or(|there| there.was_put_back)
    };
    let holders = world.oracle.holders(op);
    let can_say = |(device, is_tied): &(usize, bool)| *is_tied && !was_put_back(*device);
    !holders.is_empty() && holders.iter().all(can_say)
}

/// No op has another time since a restore, nor a mark that it had not.
pub(super) async fn stands_as_before(world: &World, store: &MemoryStore) {
    let ids: Vec<OpId> = world.judged.keys().copied().collect();
    let held = store.lookup_ops(world.host.tenant.id, &ids).await;
    for op in held.expect("memory") {
        let Some(before) = world.judged.get(&op.id()) else {
            continue;
        };
        let now = &op.admission;
        let moved_ms = now.corrected_at.saturating_ms_since(before.corrected_at);
        let is_unsure = |one: &Admission| one.flags.contains(Flags::CLOCK_UNSURE);
        let is_marked = is_unsure(now) && !is_unsure(before);
        let is_another = moved_ms.saturating_abs() > LATE_MS_MAX || is_marked;
        if is_another && can_be_said(world, op.id()) {
            world.oracle.violation(format!(
                "op {} of kind {} was moved by {} s by a restore{}",
                short(op.id()),
                op.op.kind,
                moved_ms / 1_000,
                if is_marked { " and is marked" } else { "" }
            ));
        }
    }
}
