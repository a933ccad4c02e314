//! What came to an end has ended, and nothing of it is back; what was said in later words is kept.

use askel_client_sdk::{Client, ParticipantId};
use askel_store::{EnrolmentStore as _, OpStore as _, memory::MemoryStore};
use askel_sync::{
    admission::AdmittedOp, catalog::Catalog, id::OpId, op::Payload, stream::StreamKey,
    time::LocalDate,
};

use super::stream;
use crate::{
    cast::name,
    oracle::{Adrift, short},
    time::BEGINNING,
    world::World,
};

impl World {
    /// Whether a device is there, and neither its person nor itself was ended.
    pub(crate) fn may_sync(&self, device: usize) -> bool {
        let there = self.devices.get(&device);
        let client = there.and_then(|there| there.client.as_ref());
        let enrolled = client.and_then(Client::enrolled);
        enrolled.is_some_and(|enrolled| self.oracle.revocation(enrolled.device).is_none())
    }

    /// Whether anyone could be told of a person's end.
    pub(crate) fn has_device(&self, person: ParticipantId) -> bool {
        let devices = self.devices.keys().filter(|device| {
            let owner = self.cast.owner(**device);
            owner.and_then(|owner| self.people.get(&owner)) == Some(&person)
        });
        devices.copied().any(|device| self.may_sync(device))
    }
}

/// Of who was erased the server holds random ids, and the devices nothing.
pub(super) async fn nothing_is_left(world: &World, store: &MemoryStore, catalog: &Catalog) {
    let tenant = world.host.tenant.id;
    for person in world.oracle.erased() {
        let about = world.oracle.written_about(person);
        let ids: Vec<OpId> = about.iter().map(|(op, _)| *op).collect();
        let held = store.lookup_ops(tenant, &ids).await.expect("memory");
        for op in held {
            let what = format!("op {} of someone erased is there", short(op.id()));
            world.oracle.violation(what);
        }
        let own = stream(store, world, StreamKey::Participant(person)).await;
        let devices = store.list_participant_devices(tenant, person).await;
        if !own.is_empty() || !devices.expect("memory").is_empty() {
            let what = "someone erased has a stream or a device";
            world.oracle.violation(what.to_owned());
        }
        doors_forget(world, store, catalog, person).await;
        for (index, there) in &world.devices {
            let owner = world.cast.owner(*index);
            let is_theirs = owner.and_then(|owner| world.people.get(&owner)) == Some(&person);
            let client = there.client.as_ref().filter(|_| is_theirs);
            let holds = |client: &Client| {
                client.enrolled().is_some()
                    || !client.attendances().is_empty()
                    || !client.seen_ops().is_empty()
            };
            // A phone that was revoked before hears of nothing any more.
            let heard = client.and_then(Client::enrolled);
            let deaf = heard.is_some_and(|me| world.oracle.revocation(me.device).is_some());
            if client.is_some_and(holds) && !deaf {
                let what = format!("{} holds what is of someone erased", name(*index));
                world.oracle.violation(what);
            }
        }
    }
}

/// No door knows the passes of who was erased.
async fn doors_forget(
    world: &World,
    store: &MemoryStore,
    catalog: &Catalog,
    person: ParticipantId,
) {
    let passes = world.oracle.passes_of(person);
    let now = world.true_time.now();
    for place in catalog.places() {
        let date = |at| catalog.local_date(place.id, at);
        let (Some(first), Some(last)) = (date(BEGINNING), date(now)) else {
            continue;
        };
        // A clock that was off may have put a scan a day aside.
        for day in first.as_days().saturating_sub(60)..=last.as_days().saturating_add(1) {
            let day = StreamKey::PlaceDay(place.id, LocalDate::from_days(day));
            for admitted in stream(store, world, day).await {
                if let Ok(Some(Payload::PassSeen(seen))) = admitted.op.parse()
                    && passes.contains(&seen.pass)
                {
                    let what = "a door knows the pass of someone erased";
                    world.oracle.violation(what.to_owned());
                }
            }
        }
    }
}

/// What only frames hold has arrived, if whoever carries them could hand them in: a carrier that was put
/// back has lost them, and so has a server that was put back after it took them.
pub(super) async fn what_went_adrift_has_arrived(world: &World, store: &MemoryStore) {
    let tenant = world.host.tenant.id;
    for adrift in world.oracle.adrift() {
        let carrier = world.devices.get(&adrift.carrier);
        let could = carrier.is_some_and(|there| !there.was_put_back)
            && world.may_sync(adrift.carrier)
            && !world.server_was_restored
            && !world.oracle.may_be_erased(adrift.op)
            && !is_refused(world, &adrift);
        if !could {
            continue;
        }
        let held = store.lookup_ops(tenant, &[adrift.op]).await;
        let entries = store
            .list_entries(tenant, adrift.at.log, adrift.at.sequence, 1)
            .await;
        let is_judged = entries
            .expect("memory")
            .iter()
            .any(|(sequence, op, ..)| (*sequence, *op) == (adrift.at.sequence, adrift.op));
        if held.expect("memory").is_empty() && !is_judged {
            world.oracle.violation(format!(
                "op {} that {} left in the hands of {} has not arrived",
                short(adrift.op),
                name(adrift.writer),
                name(adrift.carrier)
            ));
        }
    }
    if world.server_was_restored {
        // A frame that goes on where a restored server has lost its writer's log waits for the writer,
        // who alone can offer it in another log. A writer that is lost for good never does.
        return;
    }
    for (device, there) in &world.devices {
        let carried = there.client.as_ref().map_or(0, |one| one.status().carried);
        if carried > 0 && world.may_sync(*device) {
            let what = format!("{} still carries {carried} frames", name(*device));
            world.oracle.violation(what);
        }
    }
}

/// Whether its writer was ended, by its person's coming back say, and somebody else carries it.
fn is_refused(world: &World, adrift: &Adrift) -> bool {
    let owner = |device| world.cast.owner(device);
    let is_its_own =
        owner(adrift.writer).is_some() && owner(adrift.writer) == owner(adrift.carrier);
    let ended = adrift
        .writer_id
        .and_then(|writer| world.oracle.revocation(writer));
    ended.is_some() && !is_its_own
}

/// A later version's words are kept as they were said.
pub(super) async fn later_words_are_kept(world: &World, store: &MemoryStore) {
    let Some(newer) = &world.newer else { return };
    if world.oracle.revocation(newer.device.id).is_some() {
        return;
    }
    let tenant = world.host.tenant.id;
    for (op, is_known) in &newer.ops {
        let id = op.id();
        if world.oracle.may_be_erased(id) {
            continue;
        }
        let held = store.lookup_ops(tenant, &[id]).await.expect("memory");
        let as_said = held.iter().any(|held: &AdmittedOp| held.op == *op);
        if as_said != *is_known || held.is_empty() == *is_known {
            let what = format!("what a later version said in op {} is lost", short(id));
            world.oracle.violation(what);
        }
    }
}
