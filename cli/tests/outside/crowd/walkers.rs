//! Many phones that sync when they are due, however long that takes: an open loop.

use std::{collections::BTreeMap, time::Duration};

use askel_client_sdk::Budget;
use askel_server::clock::{Clock as _, SystemClock};
use tokio::{sync::watch, task::JoinHandle};

use super::{Phone, from_environment, open_in_memory, settle, settled, sync};
use crate::world::{PLACE, World};

/// Syncs of one phone in a second.
const SYNCS_PER_S: u64 = 5;
/// What a sync may take where nobody looks at times, in seconds; a drill says what an app waits for.
const BUDGET_S: u64 = 60;

/// Phones of people who walk.
pub(crate) struct Walkers {
    phones: Vec<Phone>,
}

/// How their syncs went.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// From when each was due to its end, those that failed too.
    pub(crate) took: Vec<Duration>,
    /// Why some failed, and how often.
    pub(crate) failed: BTreeMap<String, u64>,
}

impl Kept {
    /// What all but one in a hundred took at most.
    pub(crate) fn p99(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        let index = took.len().saturating_mul(99) / 100;
        took.get(index).copied().unwrap_or_default()
    }

    /// What the longest took.
    pub(crate) fn longest(&self) -> Duration {
        self.took.iter().max().copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        for (why, times) in other.failed {
            *self.failed.entry(why).or_default() += times;
        }
    }
}

/// Walkers on their way.
pub(crate) struct Walking {
    phones: Vec<JoinHandle<(Phone, Kept)>>,
    over: watch::Sender<bool>,
}

impl Walkers {
    /// Enrols as many as it takes for so many syncs a second, and each checks in once.
    pub(crate) async fn enrol(world: &World, syncs_per_s: u64) -> Self {
        let mut phones = Vec::new();
        for number in 0..syncs_per_s.div_ceil(SYNCS_PER_S) {
            let number = u8::try_from(number + 1).expect("a few");
            let phone = Phone::enrol(world, open_in_memory(), number).await;
            phone.client.check_in(PLACE).expect("checked in");
            phones.push(phone);
        }
        Self { phones }
    }

    /// Sets out; each phone's first sync is due at another moment.
    pub(crate) fn set_out(self) -> Walking {
        let (over, is_over) = watch::channel(false);
        let clock = SystemClock::start();
        let every = Duration::from_millis(1_000 / SYNCS_PER_S);
        let phones = u32::try_from(self.phones.len()).expect("a few");
        let walk = |(number, phone): (u32, Phone)| {
            let first = every * number / phones;
            tokio::spawn(walk(phone, clock, [first, every], is_over.clone()))
        };
        Walking {
            phones: (0..).zip(self.phones).map(walk).collect(),
            over,
        }
    }

    /// Lets them settle, and compares what they hold with what the server holds.
    pub(crate) async fn all_once(self, world: &World) {
        for phone in &self.phones {
            settle(&phone.client).await;
        }
        let server = settled(world).await;
        for phone in &self.phones {
            phone.compare(&server);
        }
    }
}

impl Walking {
    /// Calls them back once what is under way has ended.
    pub(crate) async fn come_back(self) -> (Walkers, Kept) {
        self.over.send(true).expect("they are on their way");
        let mut kept = Kept::default();
        let mut phones = Vec::new();
        for phone in self.phones {
            let (phone, its) = phone.await.expect("the phone lives");
            kept.add(its);
            phones.push(phone);
        }
        (Walkers { phones }, kept)
    }
}

async fn walk(
    mut phone: Phone,
    clock: SystemClock,
    [mut due, every]: [Duration; 2],
    is_over: watch::Receiver<bool>,
) -> (Phone, Kept) {
    let mut kept = Kept::default();
    let budget = Budget {
        time: Duration::from_secs(from_environment("ASKEL_BUDGET_S", BUDGET_S)),
    };
    loop {
        tokio::time::sleep(due.saturating_sub(clock.monotonic())).await;
        if *is_over.borrow() {
            return (phone, kept);
        }
        phone.walk_a_quarter();
        if let Err(why) = sync(&phone.client, budget).await {
            *kept.failed.entry(why).or_default() += 1;
        }
        kept.took.push(clock.monotonic().saturating_sub(due));
        due += every;
    }
}
