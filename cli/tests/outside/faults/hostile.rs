//! Strangers who mean harm, while people sync: all others are served, the server's memory is bounded, and
//! whoever asks for something is told in words why not.
//!
//! Each attack is a process of its own, which gives way to others (`nice`): attackers have machines of
//! their own, and what they compute there is not the server's burden.
//!
//! `cargo xtask drill hostile` looks at times too: what people wait for under attack, all but one in a
//! hundred of them, is at most twice what they wait for in peace. `ASKEL_SECONDS` says how long each attack
//! takes, and peace before it.

mod attacker;
mod attacks;
mod calls;
mod resets;

use std::time::Duration;

use self::{attacker::Attacker, attacks::Attack};
use super::{Memory, only, tell};
use crate::{
    crowd::{Kept, Walkers, from_environment},
    world::World,
};

/// Below this nobody feels a difference, and a machine with other things to do makes one.
const FLOOR: Duration = Duration::from_millis(5);
/// A window from which on times are looked at.
const LONG: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_connections_harm_nobody_else() {
    let seconds = from_environment("ASKEL_SECONDS", 1);
    let window = Duration::from_secs(seconds);
    let world = World::found().await;
    let server = world.server.as_ref().expect("it runs");
    let mut walkers = Walkers::enrol(&world, from_environment("ASKEL_CALLS_PER_S", 20)).await;
    let mut peace = Kept::default();
    let mut under_attack = Vec::new();
    let memory = Memory::before([server]);
    for attack in Attack::ALL {
        let kept;
        (walkers, kept) = walk_for(walkers, window).await;
        peace.add(kept);
        let attacker = Attacker::start(attack, &server.address, &world.organiser.credential());
        attacker.is_at_work().await;
        let kept;
        (walkers, kept) = walk_for(walkers, window).await;
        let told = attacker.end();
        let more = memory.more_bytes([server]);
        tell(&format!(
            "{attack:?}: {} calls, p99 {:?}, in peace {:?}; at most {} KiB more; {told:?}",
            kept.took.len(),
            kept.p99(),
            peace.p99(),
            more / 1_024
        ));
        only(&kept.failed, &[]);
        only(&told, attack.answers());
        for refusal in attack.is_refused_by() {
            assert!(told.contains_key(*refusal), "{attack:?}: {told:?}");
        }
        let in_time = attack.is_refused_in_time_by();
        if seconds >= LONG && !in_time.is_empty() {
            let is_told = in_time.iter().any(|refusal| told.contains_key(*refusal));
            assert!(is_told, "{attack:?}: {told:?}");
        }
        memory.is_bounded([server]);
        under_attack.push((attack, kept));
    }
    only(&peace.failed, &[]);
    walkers.all_once(&world).await;
    if seconds >= LONG {
        let most = peace.p99().max(FLOOR) * 2;
        for (attack, kept) in under_attack {
            assert!(kept.p99() <= most, "{attack:?}: {:?}", kept.p99());
        }
    }
}

async fn walk_for(walkers: Walkers, window: Duration) -> (Walkers, Kept) {
    let walking = walkers.set_out();
    tokio::time::sleep(window).await;
    walking.come_back().await
}
