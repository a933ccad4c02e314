//! Ops that are refused for good hold up nobody else.

mod buggy;
mod writers;

use std::collections::{BTreeMap, BTreeSet};

use askel_client_sdk::{Client, OpId, SeenStanding};
use askel_sync::time::DAY_MS;
use tokio::task::JoinSet;

use self::{
    buggy::Buggy,
    writers::{Writer, cast, writers},
};
use super::{Drilled, in_a_world};
use crate::world::{BUDGET, World};

/// Ops of a device between two syncs.
const OPS_PER_SYNC: usize = 50;
/// In one of so many rounds one op of each device is poison: one op of a hundred.
const POISON_EVERY: usize = 2;
/// Devices that write.
const WRITERS: usize = 2 * PHONES + 1;
/// Phones that write, and as many scanners.
const PHONES: usize = 4;
/// Later than a correction waits for its check-in.
const LATER_MS: i64 = 36 * DAY_MS;

/// Four phones, four scanners and an app with a bug write so many ops together, one in a hundred of them
/// poison, and sync at once. The same once more without poison says what poison costs.
pub fn poison(ops: usize) -> Drilled {
    let rounds = (ops / (WRITERS * OPS_PER_SYNC)).max(1);
    let clean = in_a_world(run(rounds, false));
    let mut spoilt = in_a_world(run(rounds, true));
    let mut faults = clean.faults;
    faults.append(&mut spoilt.faults);
    let mut delays = Vec::new();
    for (with, without) in spoilt.calls.iter().zip(&clean.calls) {
        for (with, without) in with.iter().zip(without) {
            // Of each op that was written for that sync.
            delays.extend([with.saturating_sub(*without); OPS_PER_SYNC - 1]);
        }
    }
    delays.sort_unstable();
    let p99 = delays.get(delays.len() * 99 / 100).copied().unwrap_or(0);
    let most = delays.last().copied().unwrap_or(0);
    if p99 > 1 {
        faults.push(format!("the others wait {p99} round trips more"));
    }
    let poisoned: usize = spoilt.reasons.values().sum();
    let reasons = spoilt.reasons.iter();
    let reasons: Vec<_> = reasons
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    Drilled {
        told: format!(
            "{} ops of {WRITERS} devices, {poisoned} of them poison ({}); \
             the others' p99 delay is {p99} round trips, the greatest {most}",
            rounds * OPS_PER_SYNC * WRITERS,
            reasons.join(", "),
        ),
        faults,
    }
}

/// What a run came to.
struct Run {
    /// Calls of each sync, by writer.
    calls: Vec<Vec<u32>>,
    /// Refusals by reason.
    reasons: BTreeMap<String, usize>,
    faults: Vec<String>,
}

async fn run(rounds: usize, with_poison: bool) -> Run {
    let mut world = World::begin(1, cast()).await;
    let mut writers = writers(&mut world).await;
    let mut buggy = Buggy::begin(&world).await;
    let mut run = Run {
        calls: vec![Vec::new(); writers.len()],
        reasons: BTreeMap::new(),
        faults: Vec::new(),
    };
    for round in 0..rounds {
        let is_poisoned = with_poison && round % POISON_EVERY == 0;
        let turn = is_poisoned.then_some(round / POISON_EVERY);
        for writer in &mut writers {
            for written in 0..OPS_PER_SYNC {
                match turn.filter(|_| written == OPS_PER_SYNC / 2) {
                    Some(turn) => writer.poison(&mut world, turn),
                    None => writer.write(),
                }
            }
        }
        sync_all(&writers, &mut run).await;
        // Of the app with a bug one op in fifty is.
        let turn = with_poison.then_some(round);
        for (reason, count) in buggy.hand_in(&world, turn, &mut run.faults).await {
            *run.reasons.entry(reason).or_default() += count;
        }
    }
    for writer in &mut writers {
        let counted = writer.counted();
        if counted != writer.written {
            let what = format!("{counted} of {} count", writer.written);
            run.faults.push(format!("{}: {what}", writer.name));
        }
        if with_poison {
            writer.cite_what_was_refused(&mut world);
        }
    }
    world.true_time.leap(LATER_MS);
    for _ in 0..2 {
        sync_all(&writers, &mut run).await;
    }
    if with_poison {
        check_lease(&mut buggy, &world, &mut run).await;
    }
    for writer in &mut writers {
        check(writer, &mut run).await;
    }
    run
}

/// All sync at the same time. Afterwards nothing may be open but what waits for another op.
async fn sync_all(writers: &[Writer], run: &mut Run) {
    let mut syncs = JoinSet::new();
    for (index, writer) in writers.iter().enumerate() {
        let client = writer.client();
        syncs.spawn(async move { (index, client.sync(BUDGET).await) });
    }
    while let Some(done) = syncs.join_next().await {
        let (index, synced) = done.expect("nobody panics");
        match synced {
            Ok(report) => run.calls[index].push(report.calls),
            Err(error) => run.faults.push(format!("{error}: {}", error.cause())),
        }
    }
    for writer in writers {
        let open = writer.client().seen_ops();
        let open = open.iter().filter(|op| op.standing == SeenStanding::Open);
        let open = open.filter(|op| Some(op.id) != writer.waits).count();
        if open > 0 {
            let what = format!("{}: {open} ops are open after a whole sync", writer.name);
            run.faults.push(what);
        }
    }
}

async fn check_lease(buggy: &mut Buggy, world: &World, run: &mut Run) {
    let reason = buggy.hand_in_after_the_lease(world, &mut run.faults).await;
    if let Some(reason) = reason {
        *run.reasons.entry(reason).or_default() += 1;
    }
}

/// All that was refused is listed by its writer, with why, after the app was started again too; what the
/// person does about it is done.
async fn check(writer: &mut Writer, run: &mut Run) {
    let listed = |client: &Client| -> Vec<OpId> {
        let rejected = client.rejected();
        rejected.iter().map(|op| op.op).collect()
    };
    for op in writer.client().rejected() {
        if op.text.is_empty() || !writer.reasons.contains(&op.reason.as_str()) {
            let what = format!("{}: {} says {:?}", writer.name, op.reason, op.text);
            run.faults.push(what);
        }
        *run.reasons.entry(op.reason).or_default() += 1;
    }
    writer.open_again();
    let client = writer.client();
    let (found, expected) = (listed(&client), writer.poisoned());
    if found.iter().collect::<BTreeSet<_>>() != expected.iter().collect() {
        let what = format!("{} of {} are listed", found.len(), expected.len());
        run.faults.push(format!("{}: {what}", writer.name));
    }
    let mut left: BTreeSet<OpId> = found.iter().copied().collect();
    for op in client.rejected() {
        let may_be = op.undo == askel_client_sdk::Undo::Resubmit;
        match client.resubmit(op.op) {
            // It is what it was, and refused again.
            Ok(again) if may_be => {
                left.remove(&op.op);
                left.insert(again);
            }
            Err(_) if !may_be => {}
            other => run.faults.push(format!("{}: {other:?}", writer.name)),
        }
    }
    client.sync(BUDGET).await.expect("a calm day");
    if listed(&client).into_iter().collect::<BTreeSet<_>>() != left {
        let what = format!("{}: what was handed in again is not refused", writer.name);
        run.faults.push(what);
    }
    for op in &left {
        client.discard(*op).expect("it is refused");
    }
    client.sync(BUDGET).await.expect("a calm day");
    if !client.rejected().is_empty() {
        let what = format!("{}: what was discarded is listed", writer.name);
        run.faults.push(what);
    }
}
