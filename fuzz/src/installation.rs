//! A participant's phone of the tenant, with some history. Made once; each run gets a copy.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use askel_client_sdk::{
    Budget, Client, Clock, ClockReading, Components, DeviceKeys, Entropy, Error, KeyStore as _,
    MemoryKeyStore, MemoryStorage, NoEntropy, PlaceId, RowWrite, SealedRow, StepReading,
    StepSourceId, Storage as _, Transport,
};
use askel_proto::v1;
use askel_sync::{
    invitation::{Link, LinkKind},
    op::Measure,
    time::{ClockSegment, HOUR_MS, Timestamp},
};

use crate::{
    tenant::{Counted, alone, tenant},
    wire::Wire,
    world::{NOON, TENANT, root},
};

/// Enough for every run, where waiting takes no time.
pub(crate) const BUDGET: Budget = Budget {
    time: Duration::from_secs(30),
};
/// Where the phone checks in.
pub(crate) const PLACE: PlaceId = PlaceId::new(1);
const SOURCE: StepSourceId = StepSourceId::from_bytes([6; 16]);

/// The installation as it is before each run.
pub(crate) struct Installation {
    rows: Vec<SealedRow>,
    keys: DeviceKeys,
    /// What the server told of its streams.
    pub(crate) streams: Vec<v1::StreamInfo>,
}

/// A phone in the middle of a run.
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) clock: Arc<Hands>,
    pub(crate) storage: MemoryStorage,
}

/// A clock that is moved by hand.
pub(crate) struct Hands(Mutex<ClockReading>);

impl Hands {
    fn at(wall: Timestamp) -> Self {
        let segment = ClockSegment {
            boot_id: 1,
            wall_minus_monotonic_ms: 0,
        };
        Self(Mutex::new(ClockReading { wall, segment }))
    }

    pub(crate) fn forward(&self, hours: i64) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.wall = reading
            .wall
            .saturating_add_ms(hours.saturating_mul(HOUR_MS));
    }
}

impl Clock for Hands {
    fn read(&self) -> ClockReading {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.draw(bytes);
        Ok(())
    }
}

/// The installation; the first call makes it.
pub(crate) fn installation() -> &'static Installation {
    static MADE: OnceLock<Installation> = OnceLock::new();
    MADE.get_or_init(|| {
        // Made by itself: one runtime does not start within another.
        tenant();
        alone(make())
    })
}

impl Installation {
    /// A copy's rows.
    pub(crate) fn rows(&self) -> Vec<SealedRow> {
        self.rows.clone()
    }

    /// What rows are sealed with.
    pub(crate) fn data_key(&self) -> &[u8; 32] {
        &self.keys.data_key
    }

    /// Opens a phone on these rows.
    pub(crate) fn open(
        &self,
        rows: Vec<SealedRow>,
        transport: Arc<dyn Transport>,
    ) -> Result<Phone, Error> {
        let mut key_store = MemoryKeyStore::new();
        key_store.save(&self.keys).expect("memory");
        open(rows, key_store, transport)
    }
}

fn open(
    rows: Vec<SealedRow>,
    key_store: MemoryKeyStore,
    transport: Arc<dyn Transport>,
) -> Result<Phone, Error> {
    let mut storage = MemoryStorage::new();
    let writes: Vec<RowWrite> = rows.into_iter().map(RowWrite::Put).collect();
    storage.commit(&writes).expect("memory");
    let clock = Arc::new(Hands::at(NOON));
    let client = Client::open(Components {
        storage: Box::new(storage.clone()),
        transport,
        clock: Arc::clone(&clock) as _,
        entropy: Arc::new(Counted::new(3)),
        key_store: Box::new(key_store),
    })?;
    Ok(Phone {
        client,
        clock,
        storage,
    })
}

impl Phone {
    /// Writes what a day brings.
    pub(crate) fn live(&self) -> Vec<askel_client_sdk::OpId> {
        let here = self.client.check_in(PLACE).map(|told| told.op);
        let at = self.clock.read().wall.saturating_add_ms(-HOUR_MS);
        let reading = [StepReading { at, count: 1_200 }];
        // Whether it counts is for the phone to say; it must not break.
        let _ = (
            self.client.record_steps(SOURCE, Measure::Steps, &reading),
            self.client.add_favourite(PLACE),
            self.client.set_picture(2),
        );
        here.into_iter().collect()
    }
}

async fn make() -> Installation {
    let server = tenant().start().await;
    let told = Arc::new(Mutex::new(VecDeque::new()));
    let wire = Arc::new(Wire::to(server.calls(), Arc::clone(&told)));
    let key_store = MemoryKeyStore::new();
    let phone = open(Vec::new(), key_store.clone(), wire).expect("a new phone");
    let link = Link {
        server_url: "http://localhost".to_owned(),
        tenant: TENANT,
        root_hash: root().public_key().hash(),
        kind: LinkKind::Invitation,
        code: tenant().code.clone(),
    };
    let enrolled = phone.client.enrol(&link.to_string()).await;
    enrolled.expect("enrolled");
    phone.client.sync(BUDGET).await.expect("the catalog");
    phone.live();
    phone.client.sync(BUDGET).await.expect("a first op");
    phone.clock.forward(24);
    phone.live();
    let keys = key_store.clone().load().expect("memory");
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    Installation {
        rows: phone.storage.rows(),
        keys: keys.expect("kept"),
        streams: told.drain(..).collect(),
    }
}
