//! What the tests of the SDK run against: a tenant with its keys and catalog, a clock that is set by
//! hand, and a [`Desk`], which answers as the server does by the same rules of `askel-sync`.

mod desk;
mod fault;
mod life;
mod world;

pub(crate) use desk::{Certifier, Desk, Disturbance};
pub(crate) use fault::{FaultStorage, Moment};
pub(crate) use life::{SOURCE, assert_all_settled, live_five_days};
pub(crate) use world::{
    GROUP_PLACE, HandClock, PLACE, QUEST, SeededEntropy, TUESDAY_NOON, World, other_place,
};

use std::{sync::Arc, time::Duration};

use askel_client_sdk::{
    Budget, Client, Components, KeyStore, MemoryKeyStore, MemoryStorage, Storage,
};

/// Enough for every test.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_mins(1),
};

/// A phone's parts, to open it again and again.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) storage: MemoryStorage,
    pub(crate) key_store: MemoryKeyStore,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) desk: Arc<Desk>,
}

impl Phone {
    pub(crate) fn new(desk: &Arc<Desk>, seed: u64) -> Self {
        Self {
            storage: MemoryStorage::new(),
            key_store: MemoryKeyStore::new(),
            clock: Arc::new(HandClock::at(TUESDAY_NOON)),
            entropy: Arc::new(SeededEntropy::new(seed)),
            desk: Arc::clone(desk),
        }
    }

    pub(crate) fn components(&self) -> Components {
        self.components_on(
            Box::new(self.storage.clone()),
            Box::new(self.key_store.clone()),
        )
    }

    pub(crate) fn components_on(
        &self,
        storage: Box<dyn Storage>,
        key_store: Box<dyn KeyStore>,
    ) -> Components {
        Components {
            storage,
            transport: Arc::clone(&self.desk) as _,
            clock: Arc::clone(&self.clock) as _,
            entropy: Arc::clone(&self.entropy) as _,
            key_store,
        }
    }

    pub(crate) fn open(&self) -> Client {
        Client::open(self.components()).expect("a database that opens")
    }
}

/// Enrols a participant's phone and fetches the catalog.
pub(crate) async fn enrolled(desk: &Arc<Desk>, seed: u64) -> (Phone, Client) {
    let phone = Phone::new(desk, seed);
    let client = phone.open();
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("an invitation that is good");
    client.sync(BUDGET).await.expect("a first sync");
    assert_eq!(client.catalog_version(), Some(1));
    (phone, client)
}

/// Enrols a staff tablet and fetches the catalog.
pub(crate) async fn enrolled_tablet(desk: &Arc<Desk>, seed: u64) -> (Phone, Client) {
    let phone = Phone::new(desk, seed);
    let tablet = phone.open();
    let link = desk.world.staff_invitation();
    tablet.enrol(&link).await.expect("an invitation");
    tablet.sync(BUDGET).await.expect("a first sync");
    (phone, tablet)
}
