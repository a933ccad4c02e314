//! Twenty SDK processes and a server process, under SIGKILL and SIGSTOP, behind a network that
//! cuts, resets, stalls and creeps: nothing acknowledged is lost, nothing counts twice, and once
//! the weather is calm each phone settles within three attempts.
//!
//! `ASKEL_SECONDS` says how long (15), `ASKEL_SEED` in which order (1). `cargo xtask drill
//! processes` does five minutes.

mod phone;
mod proxy;

use std::{io::Write as _, time::Duration};

use askel_client_sdk::Client;
use askel_sync::op::{Measure, OpKind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use self::{
    phone::{Holder, Living},
    proxy::{Proxy, Weather},
};
use crate::{
    crowd::{BUDGET, from_environment, verified},
    world::{Server, World, signal},
};

/// Phones that walk.
const PHONES: u8 = 16;
/// Tablets that count.
const TABLETS: u8 = 4;
/// Once the weather is calm, so many syncs may be needed.
const ATTEMPTS_MAX: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_processes_in_bad_weather_lose_and_double_nothing() {
    let seconds = from_environment("ASKEL_SECONDS", 15);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    let mut world = World::found().await;
    let address = world.server.as_ref().expect("it runs").address.clone();
    let proxy = Proxy::start(address).await;
    let mut living = Vec::new();
    for number in 0..PHONES + TABLETS {
        let holder = if number < PHONES {
            Holder::Participant
        } else {
            Holder::Staff
        };
        let folder = Living::enrol(&world, holder, number, &proxy).await;
        living.push(Living::start(folder, holder));
    }

    proxy.set(Weather::Bad);
    let mut storm = Storm::default();
    let over = tokio::spawn(tokio::time::sleep(Duration::from_secs(seconds)));
    while !over.is_finished() {
        storm.strike(&mut world, &mut living, &mut chance).await;
    }
    proxy.set(Weather::Calm);

    let tallied = settle_all(living).await;
    let server = verified(&world).await;
    assert_eq!(server.tallies, tallied.tallies, "tallies");
    assert!(server.rows_agree, "derived rows");
    for (participant, steps) in &tallied.walked {
        let known = server.participants.iter();
        let mut known = known.filter(|known| Some(known.participant) == *participant);
        let known = known.next().expect("known");
        assert_eq!(known.day_steps, *steps);
    }
    writeln!(
        std::io::stderr(),
        "{seconds} s, {storm:?}, {}: {} facts, all once; at most {} attempts to settle",
        proxy.told(),
        tallied.facts,
        tallied.attempts_max,
    )
    .expect("stderr is there");
}

/// What was done to whom.
#[derive(Debug, Default)]
struct Storm {
    phones_killed: u32,
    phones_stopped: u32,
    servers_killed: u32,
    servers_stopped: u32,
}

impl Storm {
    /// A while, then one of four misfortunes.
    async fn strike(&mut self, world: &mut World, living: &mut [Living], chance: &mut ChaCha8Rng) {
        let calm = Duration::from_millis(chance.random_range(20..400));
        tokio::time::sleep(calm).await;
        let phone = chance.random_range(0..living.len());
        let phone = living.get_mut(phone).expect("one of them");
        let pause = Duration::from_millis(chance.random_range(50..1_500));
        match chance.random_range(0..10) {
            0..5 => {
                phone.kill();
                phone.go_on();
                self.phones_killed += 1;
            }
            5..8 => {
                phone.signal("STOP");
                tokio::time::sleep(pause).await;
                phone.signal("CONT");
                self.phones_stopped += 1;
            }
            8 => {
                let address = world.server.take().expect("it runs").address.clone();
                tokio::time::sleep(pause / 4).await;
                world.server = Some(Server::start(&world.data(), &address));
                self.servers_killed += 1;
            }
            _ => {
                let server = world.server.as_ref().expect("it runs");
                signal(server.id(), "STOP");
                tokio::time::sleep(pause).await;
                signal(server.id(), "CONT");
                self.servers_stopped += 1;
            }
        }
    }
}

type DaySteps = std::collections::BTreeMap<askel_sync::time::LocalDate, u64>;

/// What all of them hold.
#[derive(Default)]
struct Settled {
    tallies: u64,
    facts: u64,
    attempts_max: u32,
    walked: Vec<(Option<askel_sync::id::ParticipantId>, DaySteps)>,
}

/// Ends the processes, and opens and syncs what they left.
async fn settle_all(living: Vec<Living>) -> Settled {
    let mut settled = Settled::default();
    for mut living in living {
        living.kill();
        let client = living.open();
        let attempts = settle(&client).await;
        settled.attempts_max = settled.attempts_max.max(attempts);
        let tallies = client.seen_ops();
        let tallies = tallies
            .iter()
            .filter(|seen| seen.op.kind == OpKind::Tally as u32);
        let tallies = u64::try_from(tallies.count()).expect("few");
        let steps = client.day_steps(Measure::Steps);
        living.nothing_told_is_lost(tallies, steps.values().sum());
        settled.tallies += tallies;
        settled.facts += tallies + living.quarters();
        let participant = client.enrolled().and_then(|enrolled| enrolled.participant);
        if participant.is_some() {
            settled.walked.push((participant, steps));
        }
    }
    settled
}

/// Syncs until nothing is pending; how often it took. Nobody may have had to heal.
async fn settle(client: &Client) -> u32 {
    let mut attempts = 0;
    let mut failed = Vec::new();
    loop {
        attempts += 1;
        if let Err(error) = client.sync(BUDGET).await {
            failed.push(error);
        }
        let status = client.status();
        if status.pending == 0 && status.next_attempt.is_none() {
            assert_eq!((status.rejected, status.healed), (0, 0), "{status:?}");
            return attempts;
        }
        assert!(attempts < ATTEMPTS_MAX, "{status:?} {failed:?}");
    }
}
