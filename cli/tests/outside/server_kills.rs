//! SIGKILLs of the real server at random moments, under syncs of real clients over real gRPC:
//! nothing acknowledged is lost, nothing counts twice.
//!
//! `ASKEL_KILLS` says how often (20), `ASKEL_SEED` when (1). `cargo xtask drill server-kills` does
//! 200.

use std::{io::Write as _, path::Path, sync::Arc, time::Duration};

use askel_client_sdk::{
    Budget, Client, Components, Confirmation, FileKeyStore, GrpcTransport, SqliteStorage,
    StepReading, SystemClock, SystemEntropy,
};
use askel_server::{Config, VerifiedTenant, boot};
use askel_sync::{
    id::{AwardId, StepSourceId},
    op::Measure,
    time::Timestamp,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use crate::world::{PLACE, Server, World};

/// Phones that walk and check in.
const PHONES: u8 = 3;
/// The first quarter of an hour that anyone walks in: long before any of this happens.
pub(crate) const FIRST_QUARTER_MS: i64 = 1_460_440_800_000;
/// A quarter of an hour.
pub(crate) const QUARTER_MS: i64 = 15 * 60_000;
/// What one sync may take: a killed server does not answer.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_secs(5),
};
/// Syncs that may fail after the last kill before something is wrong.
const LAST_ATTEMPTS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_loses_and_doubles_nothing() {
    let kills = from_environment("ASKEL_KILLS", 20);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    let mut world = World::found().await;
    let mut phones = Vec::new();
    for number in 1..=PHONES {
        phones.push(Phone::enrol(&world, number).await);
    }
    let tablet = Tablet::enrol(&world, &phones).await;

    let (answered, mut answers) = watch::channel(0_u64);
    let (over, is_over) = watch::channel(false);
    let pace = Pace {
        answered: Arc::new(answered),
        is_over,
    };
    let walking: Vec<_> = phones
        .into_iter()
        .map(|phone| tokio::spawn(phone.walk(pace.clone())))
        .collect();
    let counting = tokio::spawn(tablet.count(pace));
    for _ in 0..kills {
        let goal = answers
            .borrow_and_update()
            .saturating_add(chance.random_range(1..8));
        answers
            .wait_for(|answers| *answers >= goal)
            .await
            .expect("clients are at work");
        // Into the middle of whatever comes next.
        tokio::time::sleep(Duration::from_micros(chance.random_range(0..20_000))).await;
        let address = world.server.take().expect("it runs").address.clone();
        world.server = Some(Server::start(&world.data(), &address));
    }
    over.send(true).expect("clients are at work");

    let tallied = counting.await.expect("the tablet lives");
    let mut walked = Vec::new();
    for phone in walking {
        walked.push(phone.await.expect("the phone lives"));
    }
    let server = verified(&world).await;
    assert_eq!(server.tallies, tallied, "tallies");
    assert!(server.rows_agree, "derived rows");
    for phone in &walked {
        phone.compare(&server);
    }
    let ops: u64 = walked
        .iter()
        .map(|phone| u64::from(phone.quarters))
        .sum::<u64>()
        + tallied;
    let answers = *answers.borrow();
    writeln!(
        std::io::stderr(),
        "{kills} kills, {answers} syncs answered, {ops} facts: all once"
    )
    .expect("stderr is there");
}

/// When clients go on, and that they did.
#[derive(Clone)]
struct Pace {
    answered: Arc<watch::Sender<u64>>,
    is_over: watch::Receiver<bool>,
}

impl Pace {
    fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// One sync; a refused connection is tried again a little later, as any device would.
    async fn sync(&self, client: &Client) {
        match client.sync(BUDGET).await {
            Ok(_) => self
                .answered
                .send_modify(|answers| *answers = answers.saturating_add(1)),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// A participant's phone.
struct Phone {
    client: Client,
    source: StepSourceId,
    quarters: u32,
    steps: u64,
}

impl Phone {
    async fn enrol(world: &World, number: u8) -> Self {
        let client = open(world, &format!("phone-{number}"));
        client
            .enrol(&world.invite("participant"))
            .await
            .expect("enrolled");
        client.sync(BUDGET).await.expect("the catalog");
        Self {
            client,
            source: StepSourceId::from_bytes([number; 16]),
            quarters: 0,
            steps: 0,
        }
    }

    /// Walks a few quarters between syncs until it is over, then settles what is pending.
    async fn walk(mut self, pace: Pace) -> Self {
        self.client.check_in(PLACE).expect("checked in");
        while !pace.is_over() {
            for _ in 0..3 {
                self.walk_a_quarter();
            }
            pace.sync(&self.client).await;
        }
        settle(&self.client).await;
        self
    }

    fn walk_a_quarter(&mut self) {
        let count = self.quarters % 100 + 1;
        let at = FIRST_QUARTER_MS + i64::from(self.quarters) * QUARTER_MS;
        let reading = StepReading {
            at: Timestamp::from_ms(at),
            count,
        };
        self.client
            .record_steps(self.source, Measure::Steps, &[reading])
            .expect("recorded");
        self.quarters += 1;
        self.steps += u64::from(count);
    }

    /// The server holds what this phone holds, which is what it wrote.
    fn compare(&self, server: &VerifiedTenant) {
        let participant = self
            .client
            .enrolled()
            .and_then(|enrolled| enrolled.participant);
        let mut known = server.participants.iter();
        let server = known
            .find(|known| Some(known.participant) == participant)
            .expect("known");
        assert_eq!(
            self.client.day_steps(Measure::Steps).values().sum::<u64>(),
            self.steps
        );
        assert_eq!(server.day_steps, self.client.day_steps(Measure::Steps));
        let attendances = u64::try_from(self.client.attendances().len()).expect("a few");
        assert_eq!(server.attendances, attendances);
        let awards: Vec<AwardId> = self.client.awards().iter().map(|award| award.id).collect();
        assert_eq!(server.confirmed.iter().copied().collect::<Vec<_>>(), awards);
    }
}

/// A tablet at the door.
struct Tablet {
    client: Client,
    passes: Vec<String>,
}

impl Tablet {
    async fn enrol(world: &World, phones: &[Phone]) -> Self {
        let client = open(world, "tablet");
        client
            .enrol(&world.invite("staff"))
            .await
            .expect("enrolled");
        client.sync(BUDGET).await.expect("the catalog");
        let passes = phones
            .iter()
            .map(|phone| phone.client.pass().expect("a pass"))
            .collect();
        Self { client, passes }
    }

    /// Counts people without a name and scans the same passes over and over; how many it counted.
    async fn count(self, pace: Pace) -> u64 {
        let mut counted = 0;
        while !pace.is_over() {
            self.client.tally(PLACE, 1).expect("counted");
            counted += 1;
            for pass in &self.passes {
                self.client.scan(PLACE, pass).expect("scanned");
            }
            pace.sync(&self.client).await;
        }
        settle(&self.client).await;
        counted
    }
}

/// What the ops in the server's store say, worked out again from scratch.
pub(crate) async fn verified(world: &World) -> VerifiedTenant {
    let mut config = Config::default();
    config.store.data_dir = world.data();
    let store = boot::open_store(&config.store)
        .await
        .expect("the store opens");
    askel_server::verify(&*store, world.tenant)
        .await
        .expect("the store answers")
}

fn open(world: &World, name: &str) -> Client {
    open_in(&world.device(name))
}

/// A client with its database and keys in a folder.
pub(crate) fn open_in(folder: &Path) -> Client {
    Client::open(Components {
        storage: Box::new(SqliteStorage::open(folder.join("askel.db")).expect("a database")),
        transport: Arc::new(GrpcTransport::new()),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(FileKeyStore::new(folder.join("keys"))),
    })
    .expect("opened")
}

/// Syncs until nothing is pending and every award is confirmed. Nobody may have had to heal: a
/// phone heals when the server has lost what it acknowledged.
async fn settle(client: &Client) {
    for _ in 0..LAST_ATTEMPTS {
        // A server that is just starting refuses: the next attempt counts.
        let _ = client.sync(BUDGET).await;
        let unconfirmed = client
            .awards()
            .iter()
            .any(|award| award.confirmation != Confirmation::Confirmed);
        if client.status().pending == 0 && !unconfirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = client.status();
    assert_eq!(
        (status.pending, status.rejected, status.healed),
        (0, 0, 0),
        "{status:?}"
    );
}

pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
