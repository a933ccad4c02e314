//! Ops that are refused for good hold up nobody else.

use askel_client_sdk::{Client, PlaceId, SeenStanding};

use super::{Drilled, in_a_world};
use crate::{cast::Cast, world::World};

/// Ops between two syncs.
const OPS_PER_SYNC: usize = 50;
/// One op of so many is poison.
const POISON_EVERY: usize = 100;

/// A scanner writes so many ops, one in a hundred of them poison.
pub fn poison(ops: usize) -> Drilled {
    in_a_world(async move {
        let mut world = World::begin(1, Cast::of(1, 1)).await;
        let scanner = world.cast.first_scanner();
        let client = world.devices[&scanner].client.clone().expect("open");
        let mut calls_without = 0;
        let mut delays = Vec::new();
        let mut poisoned = Vec::new();
        let mut faults = Vec::new();
        for written in 0..ops {
            if written % POISON_EVERY == POISON_EVERY / 2 {
                let pass = world.unknown_pass();
                client.scan(PlaceId::new(1), &pass).expect("a signed pass");
                poisoned.extend(client.seen_ops().last().map(|op| op.id));
            } else {
                client.tally(PlaceId::new(1), 1).expect("counted");
            }
            if written % OPS_PER_SYNC == OPS_PER_SYNC - 1 {
                let calls = sync_until_settled(&client, &mut faults).await;
                if calls_without == 0 {
                    calls_without = calls;
                }
                delays.push(calls.saturating_sub(calls_without));
            }
        }
        delays.sort_unstable();
        let p99 = delays[delays.len() * 99 / 100];
        if p99 > 1 {
            faults.push(format!("the others wait {p99} round trips more"));
        }
        let listed: Vec<_> = client.rejected().iter().map(|op| op.op).collect();
        if listed != poisoned {
            faults.push(format!("{} of {} are listed", listed.len(), poisoned.len()));
        }
        let count = client.place_day(PlaceId::new(1)).expect("a place");
        let good = u64::try_from(ops - poisoned.len()).unwrap_or(0);
        if count.anonymous != good {
            faults.push(format!("{} of {good} counted", count.anonymous));
        }
        Drilled {
            told: format!(
                "{ops} ops, {} of them poison and all listed; the others' p99 delay is {p99} round trips",
                poisoned.len()
            ),
            faults,
        }
    })
}

/// Syncs once, and tells the calls it took; afterwards nothing may be open.
async fn sync_until_settled(client: &Client, faults: &mut Vec<String>) -> u32 {
    let report = client.sync(crate::world::BUDGET).await.expect("a calm day");
    let open = client.seen_ops();
    let open = open.iter().filter(|op| op.standing == SeenStanding::Open);
    let count = open.count();
    if count > 0 {
        faults.push(format!("{count} ops are still open after a whole sync"));
    }
    report.calls
}
