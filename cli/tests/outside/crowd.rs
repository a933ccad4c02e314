//! People whose devices sync while something happens to the server, and what must stand in the end:
//! nothing acknowledged is lost, nothing counts twice.

mod phone;
mod tablet;
mod walkers;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_client_sdk::{
    Budget, Client, Components, Confirmation, FileKeyStore, GrpcTransport, MemoryKeyStore,
    MemoryStorage, SqliteStorage, SyncEnd, SystemClock, SystemEntropy,
};
use askel_server::{VerifiedTenant, boot};
use tokio::{sync::watch, task::JoinHandle};

use self::tablet::Tablet;
pub(crate) use self::{
    phone::{FIRST_QUARTER_MS, Phone, QUARTER_MS},
    walkers::{Kept, Walkers},
};
use crate::world::World;

/// Phones that walk and check in.
const PHONES: u8 = 3;
/// What one sync may take: a killed server does not answer.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_secs(5),
};
/// What a server may take to be as before once nothing stands in its way: a node that was killed is
/// succeeded when its lease of half a minute ends.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Devices at work.
pub(crate) struct Crowd {
    walking: Vec<JoinHandle<Phone>>,
    counting: JoinHandle<u64>,
    over: watch::Sender<bool>,
    pace: Pace,
}

/// What a crowd came to, all of it there once.
#[derive(Debug)]
pub(crate) struct AllOnce {
    /// Steps of quarters and people counted.
    pub(crate) facts: u64,
    /// Syncs that went through.
    pub(crate) answered: u64,
    /// Why others did not, and how often.
    pub(crate) failed: BTreeMap<String, u64>,
}

impl Crowd {
    /// Enrols phones and a tablet, which sync as fast as they can, with a rest between two syncs.
    pub(crate) async fn at_work(world: &World, rest: Duration) -> Self {
        let mut phones = Vec::new();
        for number in 1..=PHONES {
            phones.push(Phone::enrol(world, open_in_memory(), number).await);
        }
        let passes = phones.iter().map(Phone::pass).collect();
        let tablet = Tablet::enrol(world, open_in_memory(), passes).await;
        let (over, is_over) = watch::channel(false);
        let pace = Pace {
            answered: Arc::new(watch::Sender::new(0)),
            failed: Arc::default(),
            is_over,
            rest,
        };
        let walking = phones.into_iter();
        let walking = walking.map(|phone| tokio::spawn(phone.walk(pace.clone())));
        Self {
            walking: walking.collect(),
            counting: tokio::spawn(tablet.count(pace.clone())),
            over,
            pace,
        }
    }

    /// Waits until so many more syncs went through.
    pub(crate) async fn more(&self, syncs: u64) {
        let mut answered = self.pace.answered.subscribe();
        let goal = answered.borrow_and_update().saturating_add(syncs);
        let reached = answered.wait_for(|answered| *answered >= goal);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        let reached = reached.unwrap_or_else(|_| panic!("nothing goes on: {:?}", self.failed()));
        reached.expect("they are at work");
    }

    /// Waits until one more sync failed for this reason.
    pub(crate) async fn hears(&self, reason: &str) {
        let so_often = || self.failed().get(reason).copied().unwrap_or(0);
        let before = so_often();
        let heard = async {
            while so_often() == before {
                tokio::time::sleep(LOOK).await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        heard.unwrap_or_else(|_| panic!("nobody hears {reason}: {:?}", self.failed()));
    }

    /// Why syncs failed so far, and how often.
    pub(crate) fn failed(&self) -> BTreeMap<String, u64> {
        self.pace.failed()
    }

    /// Lets them settle, and compares what they hold with what the server holds.
    pub(crate) async fn all_once(self, world: &World) -> AllOnce {
        self.over.send(true).expect("they are at work");
        let tallied = self.counting.await.expect("the tablet lives");
        let mut walked = Vec::new();
        for phone in self.walking {
            walked.push(phone.await.expect("the phone lives"));
        }
        let server = settled(world).await;
        assert_eq!(server.tallies, tallied, "tallies");
        for phone in &walked {
            phone.compare(&server);
        }
        let quarters: u64 = walked.iter().map(Phone::quarters).sum();
        AllOnce {
            facts: quarters + tallied,
            answered: *self.pace.answered.borrow(),
            failed: self.pace.failed(),
        }
    }
}

/// When clients go on, and how their syncs ended.
#[derive(Clone)]
struct Pace {
    answered: Arc<watch::Sender<u64>>,
    failed: Arc<Mutex<BTreeMap<String, u64>>>,
    is_over: watch::Receiver<bool>,
    rest: Duration,
}

impl Pace {
    fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    fn failed(&self) -> BTreeMap<String, u64> {
        let failed = self.failed.lock();
        failed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One sync; a refused connection is tried again a little later, as any device would.
    async fn sync(&self, client: &Client) {
        match sync(client, BUDGET).await {
            Ok(()) => {
                let count = |answered: &mut u64| *answered = answered.saturating_add(1);
                self.answered.send_modify(count);
                tokio::time::sleep(self.rest).await;
            }
            Err(why) => {
                let failed = self.failed.lock();
                *failed
                    .unwrap_or_else(PoisonError::into_inner)
                    .entry(why)
                    .or_default() += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// One sync as an app asks for it; why it did not go through.
pub(crate) async fn sync(client: &Client, budget: Budget) -> Result<(), String> {
    match client.sync(budget).await {
        Ok(report) if report.end == SyncEnd::Done => Ok(()),
        Ok(_) => Err("BUDGET_SPENT".to_owned()),
        Err(error) => Err(match error.refusal() {
            Some(refusal) => refusal.reason.clone(),
            None => error.cause().to_string(),
        }),
    }
}

/// What the ops in the server's store say, worked out again from scratch.
pub(crate) async fn verified(world: &World) -> VerifiedTenant {
    let store = boot::open_store(&world.config().store).await;
    let store = store.expect("the store opens");
    askel_server::verify(&*store, world.tenant)
        .await
        .expect("the store answers")
}

/// The same once what is kept for reading agrees with it.
async fn settled(world: &World) -> VerifiedTenant {
    let settled = async {
        loop {
            let server = verified(world).await;
            if server.rows_agree {
                return server;
            }
            tokio::time::sleep(10 * LOOK).await;
        }
    };
    let settled = tokio::time::timeout(PATIENCE, settled).await;
    settled.expect("derived rows agree in the end")
}

/// Syncs until nothing is pending and every award is confirmed. Nobody may have had to heal: a
/// phone heals when the server has lost what it acknowledged.
pub(crate) async fn settle(client: &Client) {
    let settled = async {
        loop {
            // A server that is just starting refuses: the next attempt counts.
            let _ = client.sync(BUDGET).await;
            let unconfirmed = client
                .awards()
                .iter()
                .any(|award| award.confirmation != Confirmation::Confirmed);
            if client.status().pending == 0 && !unconfirmed {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, settled).await;
    let status = client.status();
    assert_eq!(
        (status.pending, status.rejected, status.healed),
        (0, 0, 0),
        "{status:?}"
    );
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

/// A client that needs no disk: where its own is not what fails.
pub(crate) fn open_in_memory() -> Client {
    Client::open(Components {
        storage: Box::new(MemoryStorage::new()),
        transport: Arc::new(GrpcTransport::new()),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(MemoryKeyStore::new()),
    })
    .expect("opened")
}

/// A number that a drill sets, or that of the tests.
pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
