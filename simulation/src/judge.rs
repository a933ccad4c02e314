//! The last look, when everything has healed and settled: does everybody hold the same, and is all
//! there that was ever acknowledged?

use std::collections::{BTreeMap, BTreeSet};

use askel_client_sdk::{Client, OpId, ParticipantId, SeenStanding};
use askel_server::verify;
use askel_store::{CatalogStore as _, OpStore as _, ProjectionStore as _, memory::MemoryStore};
use askel_sync::{
    admission::{AdmittedOp, Flags, Role},
    catalog::Catalog,
    fold::ParticipantState,
    limits::CREDENTIAL_SKEW_MS_MAX,
    op::{Measure, Payload, Witness},
    stream::StreamKey,
};

use crate::{
    cast::name,
    model::Naive,
    oracle::{Told, short, told},
    world::World,
};

mod ended;
pub(crate) mod judged_again;

/// How late a message may be and still be taken: so far off a right clock may look.
const LATE_MS_MAX: i64 = CREDENTIAL_SKEW_MS_MAX + 60_000;
/// More than any stream of a world has.
const ALL: u32 = 1_000_000;

/// Looks at everything.
pub(crate) async fn judge(world: &World) {
    let store = world.host.store();
    for (device, there) in &world.devices {
        nothing_is_open(world, *device);
        let status = there.client.as_ref().map(Client::status);
        // Each restore of the server may take a part of the open log away, and no more than that.
        if status.as_ref().is_some_and(|status| status.mismatches > 0) {
            let what = format!("{} came to a wrong sum", name(*device));
            world.oracle.violation(what);
        }
        if let Some(status) =
            status.filter(|status| status.healed > world.host.restores() && !there.was_put_back)
        {
            let what = format!(
                "{} has healed {} times for nothing",
                name(*device),
                status.healed
            );
            world.oracle.violation(what);
        }
    }
    all_accepted_are_there(world, &store).await;
    judged_again::stands_as_before(world, &store).await;
    let tenant = world.host.tenant.id;
    let stored = store.lookup_catalog(tenant, None).await.expect("memory");
    let catalog = stored.and_then(|stored| Catalog::parse(&stored.content).ok());
    let catalog = catalog.expect("published");
    let people = world.people.iter();
    for (owner, person) in people.filter(|(_, person)| !is_gone(world, **person)) {
        let ops = stream(&store, world, StreamKey::Participant(*person)).await;
        ops_are_peoples_own(world, *person, &ops);
        times_are_true(world, &ops);
        verdicts_agree(world, *owner, &ops, &catalog);
    }
    ended::nothing_is_left(world, &store, &catalog).await;
    ended::what_went_adrift_has_arrived(world, &store).await;
    ended::later_words_are_kept(world, &store).await;
    rows_agree(world, &store).await;
    doors_know(world, &store, &catalog).await;
}

/// Whether nobody can tell any more what of someone is left.
fn is_gone(world: &World, person: ParticipantId) -> bool {
    match world.oracle.erasure(person) {
        None => false,
        Some(Told::Done) => true,
        // Who asked and has no device left that could be told.
        Some(Told::Asked) => !world.has_device(person),
    }
}

async fn stream(store: &MemoryStore, world: &World, key: StreamKey) -> Vec<AdmittedOp> {
    let tenant = world.host.tenant.id;
    let read = store.read_stream(tenant, key, 0, ALL).await;
    let read = read.expect("memory");
    read.into_iter().map(|op| op.admitted).collect()
}

/// Nothing waits for what nobody will bring.
fn nothing_is_open(world: &World, device: usize) {
    if !world.may_sync(device) {
        return;
    }
    let life = world.oracle.life(device).into_iter();
    for op in life.filter(|op| op.standing == SeenStanding::Open) {
        world.oracle.violation(format!(
            "{} still waits to hear of {} after three attempts",
            name(device),
            told(&op)
        ));
    }
}

async fn all_accepted_are_there(world: &World, store: &MemoryStore) {
    let mut accepted = world.oracle.accepted();
    accepted.retain(|(op, _)| !world.oracle.may_be_erased(*op));
    if world.server_was_restored {
        // What nobody holds any more can't come back, nor what is held by who is let in no more. Whoever
        // drops it before its 35 days are over was seen to.
        let devices = world.devices.keys().copied();
        let devices = devices.filter(|device| world.may_sync(*device)).collect();
        let held = world.oracle.held(&devices);
        accepted.retain(|(op, _)| held.contains(op));
    }
    let ids: Vec<OpId> = accepted.iter().map(|(op, _)| *op).collect();
    let held = store.lookup_ops(world.host.tenant.id, &ids).await;
    let held: BTreeSet<OpId> = held.expect("memory").iter().map(AdmittedOp::id).collect();
    for (op, device) in accepted {
        if !held.contains(&op) {
            world.oracle.violation(format!(
                "op {}, which {} was told is accepted, is lost",
                short(op),
                name(device)
            ));
        }
    }
}

/// Each op once, and none that nobody wrote.
fn ops_are_peoples_own(world: &World, person: ParticipantId, ops: &[AdmittedOp]) {
    let mut seen = BTreeSet::new();
    let mut confirmed = BTreeMap::new();
    for admitted in ops {
        let id = admitted.id();
        if !seen.insert(id) {
            let what = format!("op {} stands twice in one stream", short(id));
            world.oracle.violation(what);
        }
        let admission = &admitted.admission;
        if admission.subject != Some(person) {
            let what = format!("op {} stands in another's stream", short(id));
            world.oracle.violation(what);
        }
        if admission.author_role != Role::Server && world.oracle.written(id).is_none() {
            world.oracle.violation(format!(
                "op {} of kind {} was written by nobody of the honest",
                short(id),
                admitted.op.kind
            ));
        }
        if let Ok(Some(Payload::AwardConfirmed(award))) = admitted.op.parse()
            && let Some(former) = confirmed.insert((award.goal, award.stage), award.award)
            && (former != award.award || !world.server_was_restored)
        {
            let what = format!("goal {} is confirmed twice", award.goal.get());
            world.oracle.violation(what);
        }
    }
}

/// What was written has its true time, or is flagged: whatever became of the clock and of the boot.
fn times_are_true(world: &World, ops: &[AdmittedOp]) {
    for admitted in ops {
        let Some(written) = world.oracle.written(admitted.id()) else {
            continue;
        };
        let is_dated = !matches!(admitted.op.parse(), Ok(Some(Payload::StepCount(_))));
        let off_ms = admitted
            .admission
            .corrected_at
            .saturating_ms_since(written.at);
        let unsure = admitted.admission.flags.contains(Flags::CLOCK_UNSURE);
        if is_dated && !unsure && off_ms.saturating_abs() > LATE_MS_MAX {
            world.oracle.violation(format!(
                "op {} of {} is off by {} s and not flagged",
                short(admitted.id()),
                name(written.device),
                off_ms / 1_000
            ));
        }
        if admitted.admission.corrected_at > admitted.admission.received_at {
            let what = format!("op {} is of the future", short(admitted.id()));
            world.oracle.violation(what);
        }
    }
}

/// The phones of a person, the fold of the server's ops, and a naive reckoning all say the same.
fn verdicts_agree(world: &World, owner: usize, ops: &[AdmittedOp], catalog: &Catalog) {
    let person = world.people[&owner];
    let folded = ParticipantState::fold(person, ops, catalog);
    let naive = Naive::of(ops, catalog);
    for fault in naive.differences(&folded) {
        let what = format!("the fold of person {owner} is wrong: {fault}");
        world.oracle.violation(what);
    }
    let phones = world.devices.iter();
    let phones = phones.filter(|(index, _)| world.cast.owner(**index) == Some(owner));
    for (index, phone) in phones {
        let Some(client) = phone.client.as_ref().filter(|_| world.may_sync(*index)) else {
            continue;
        };
        for fault in phone_faults(client, &folded, &naive) {
            world.oracle.violation(format!("{}: {fault}", name(*index)));
        }
    }
}

fn phone_faults(client: &Client, folded: &ParticipantState, naive: &Naive) -> Vec<String> {
    let mut faults = Vec::new();
    let mut differ = |what: &str, phone: String, server: String| {
        if phone != server {
            faults.push(format!(
                "{what} differ: {phone} here, {server} on the server"
            ));
        }
    };
    let attended: Vec<_> = client
        .attendances()
        .iter()
        .map(|one| (one.place, one.date, one.session))
        .collect();
    let expected: Vec<_> = folded
        .attendances()
        .map(|one| (one.key.place, one.key.date, one.key.session))
        .collect();
    differ(
        "attendances",
        format!("{attended:?}"),
        format!("{expected:?}"),
    );
    let steps = client.day_steps(Measure::Steps);
    let expected = folded.day_steps(Measure::Steps);
    differ("steps", format!("{steps:?}"), format!("{expected:?}"));
    let profile = client.profile();
    let expected = folded.profile();
    differ(
        "profiles",
        format!("{:?} {:?}", profile.picture, profile.language),
        format!("{:?} {:?}", expected.picture, expected.language),
    );
    let marked: BTreeSet<_> = client
        .places()
        .iter()
        .filter(|place| place.favourite)
        .map(|place| place.id)
        .collect();
    differ(
        "favourites",
        format!("{marked:?}"),
        format!("{:?}", folded.favourites()),
    );
    let confirmed: BTreeMap<_, _> = client
        .awards()
        .iter()
        .map(|award| (award.id, award.confirmation))
        .collect();
    let expected: BTreeSet<_> = folded.confirmed().map(|award| award.award).collect();
    let shown: BTreeSet<_> = confirmed.keys().copied().collect();
    differ("awards", format!("{shown:?}"), format!("{expected:?}"));
    for goal in naive.reached() {
        if !client.awards().iter().any(|award| award.goal == goal) {
            faults.push(format!("goal {} is reached and has no badge", goal.get()));
        }
    }
    faults
}

async fn rows_agree(world: &World, store: &MemoryStore) {
    let tenant = world.host.tenant.id;
    let verified = verify(store, tenant).await.expect("memory");
    if !verified.rows_agree {
        let what = "the rows kept for reading say something else than the ops";
        world.oracle.violation(what.to_owned());
    }
    for one in &verified.participants {
        if one.awards != one.confirmed {
            let what = "an award is shown and never confirmed";
            world.oracle.violation(what.to_owned());
        }
    }
    let dirty = store.list_dirty(tenant, 100).await.expect("memory");
    let outbox = store.list_outbox(tenant, 100).await.expect("memory");
    if !dirty.is_empty() || !outbox.is_empty() {
        let what = "the projector has not done its work";
        world.oracle.violation(what.to_owned());
    }
}

/// What is scanned anywhere is told at that place's door, once, and names no participant.
async fn doors_know(world: &World, store: &MemoryStore, catalog: &Catalog) {
    let mut days: BTreeMap<StreamKey, BTreeMap<OpId, usize>> = BTreeMap::new();
    let people = world.people.values();
    for person in people.filter(|person| !is_gone(world, **person)) {
        for admitted in stream(store, world, StreamKey::Participant(*person)).await {
            let Ok(Some(Payload::CheckIn(check_in))) = admitted.op.parse() else {
                continue;
            };
            let at = admitted.admission.corrected_at;
            if let Witness::PassScan(_) = check_in.witness
                && let Some(date) = catalog.local_date(check_in.place, at)
            {
                let day = StreamKey::PlaceDay(check_in.place, date);
                days.entry(day).or_default().insert(admitted.id(), 0);
            }
        }
    }
    let people: BTreeSet<ParticipantId> = world.people.values().copied().collect();
    for (day, expected) in &mut days {
        for admitted in stream(store, world, *day).await {
            if admitted.admission.subject.is_some() {
                let what = "a door's stream names a participant";
                world.oracle.violation(what.to_owned());
            }
            let names = |person: &ParticipantId| {
                let id = person.as_bytes();
                admitted.op.payload.windows(id.len()).any(|part| part == id)
            };
            if people.iter().any(names) {
                let what = "an op in a door's stream names a participant";
                world.oracle.violation(what.to_owned());
            }
            if let Ok(Some(Payload::PassSeen(seen))) = admitted.op.parse()
                && seen.revision == 0
                && let Some(count) = expected.get_mut(&seen.check_in)
            {
                *count += 1;
            }
        }
        // Each time it is restored the server tells again what it has lost, under another id, and what
        // it had told before comes back besides, in pages that readers hand back.
        let restores = usize::try_from(world.host.restores()).unwrap_or(usize::MAX);
        let most = restores.saturating_add(1);
        for (op, count) in expected
            .iter()
            .filter(|(_, count)| !(1..=most).contains(*count))
        {
            let what = format!("scan {} is told {count} times at its door", short(*op));
            world.oracle.violation(what);
        }
    }
}
