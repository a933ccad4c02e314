//! A first sync that is cut: how much has to be sent again.
//!
//! The participant has ten years of hourly counts. Each cut starts from the same image of a phone that
//! has just enrolled. What counts is a message: one that arrived whole is committed, one that did not
//! comes again. So a cut anywhere within a message costs at most a cut just before its end, and cutting
//! before each message's end is cutting after every byte.

use std::sync::Arc;

use anyhow::Context as _;
use askel_client_sdk::{
    Client, Components, GrpcTransport, Measure, MemoryKeyStore, MemoryStorage, RowWrite,
    StepReading, StepSourceId, Storage as _, SystemEntropy,
};
use askel_server::entropy::{SystemEntropy as ServerEntropy, draw};
use askel_sync::{admission::Role, time::Timestamp};
use askel_workload::{DAY_MS, HOUR_MS, START_MS, Shape, Workload};

use crate::{
    clock::DeviceTime,
    proxy::Line,
    tally::{Tally, TallyTransport},
    world::{BUDGET, Installation, World},
};

/// How many of the cuts are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// About this many, evenly spread, the first and the last among them.
    Some(usize),
    /// In every message.
    Every,
}

/// What the cuts cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Resumed {
    /// The most payload bytes, both ways, that an uncut sync would not have carried.
    pub(crate) resent_bytes_max: u64,
    /// The uncut sync, both ways.
    pub(crate) uncut_bytes: u64,
    /// Messages of the uncut sync.
    pub(crate) messages: usize,
    /// Cuts made.
    pub(crate) cuts: usize,
}

/// A participant of many years, and the image of their next phone.
struct Veteran {
    world: World,
    phone: Installation,
    image: MemoryStorage,
    keys: MemoryKeyStore,
}

/// Plays and cuts.
pub(crate) async fn measure(shape: Shape, cuts: Cuts) -> anyhow::Result<Resumed> {
    let veteran = Veteran::live(shape).await?;
    let uncut = veteran.first_sync(None).await?;
    let lengths = uncut.lengths;
    let uncut_bytes = uncut.bytes;
    let step = match cuts {
        Cuts::Every => 1,
        Cuts::Some(count) => lengths.len().checked_div(count).unwrap_or(1).max(1),
    };
    let mut resumed = Resumed {
        uncut_bytes,
        messages: lengths.len(),
        ..Resumed::default()
    };
    let last = lengths.len().saturating_sub(1);
    for (index, length) in lengths.iter().enumerate() {
        if index.checked_rem(step) == Some(0) || index == last {
            let cut = veteran.first_sync(Some(index)).await?;
            // All but the last byte of the message had come.
            let partial = length.saturating_sub(1);
            let resent = cut
                .bytes
                .saturating_add(partial)
                .saturating_sub(uncut_bytes);
            resumed.resent_bytes_max = resumed.resent_bytes_max.max(resent);
            resumed.cuts = resumed.cuts.saturating_add(1);
        }
    }
    Ok(resumed)
}

/// A first sync to its end.
struct FirstSync {
    /// Payload of whole messages, both ways.
    bytes: u64,
    /// Of each message of the answers.
    lengths: Vec<u64>,
}

impl Veteran {
    async fn live(shape: Shape) -> anyhow::Result<Self> {
        let world = World::start(START_MS.saturating_sub(HOUR_MS)).await?;
        let mut phone = world.install(1, Line::Plain).await?;
        world.enrol(&phone, Role::Participant).await?;
        phone.sync().await?;
        let source = StepSourceId::from_bytes(draw(&ServerEntropy)?);
        let workload = Workload::new(shape);
        let mut readings = Vec::new();
        let mut month_ends_ms = START_MS.saturating_add(30_i64.saturating_mul(DAY_MS));
        for ((device, hour), count) in workload.expected.steps {
            let at = Timestamp::from_ms(i64::from(hour).saturating_mul(HOUR_MS));
            if device != askel_workload::Device::Phone {
                continue;
            }
            if at.as_ms() >= month_ends_ms {
                hand_in(&world, &mut phone, (source, &mut readings), month_ends_ms).await?;
                month_ends_ms = month_ends_ms.saturating_add(30_i64.saturating_mul(DAY_MS));
            }
            readings.push(StepReading { at, count });
        }
        hand_in(&world, &mut phone, (source, &mut readings), month_ends_ms).await?;
        let (image, keys) = (MemoryStorage::new(), MemoryKeyStore::new());
        let next = open(&world, &phone, (&image, &keys), &Arc::new(Tally::default()))?;
        world.approve(&phone, &next).await?;
        Ok(Self {
            world,
            phone,
            image,
            keys,
        })
    }

    /// On a copy of the image; cut once before this message of the answers.
    async fn first_sync(&self, cut: Option<usize>) -> anyhow::Result<FirstSync> {
        let mut copy = MemoryStorage::new();
        let rows: Vec<RowWrite> = self.image.rows().into_iter().map(RowWrite::Put).collect();
        copy.commit(&rows)?;
        let tally = Arc::new(Tally::default());
        let client = open(&self.world, &self.phone, (&copy, &self.keys), &tally)?;
        if let Some(message) = cut {
            tally.cut_before(message);
            anyhow::ensure!(client.sync(BUDGET).await.is_err(), "the sync was not cut");
        }
        client.sync(BUDGET).await.context("the sync after a cut")?;
        anyhow::ensure!(
            client.day_steps(Measure::Steps) == self.phone.client.day_steps(Measure::Steps),
            "the phone does not hold what the first one holds"
        );
        Ok(FirstSync {
            bytes: tally.bytes(),
            lengths: tally.lengths(),
        })
    }
}

async fn hand_in(
    world: &World,
    phone: &mut Installation,
    (source, readings): (StepSourceId, &mut Vec<StepReading>),
    at_ms: i64,
) -> anyhow::Result<()> {
    world.now.move_to(at_ms);
    phone
        .client
        .record_steps(source, Measure::Steps, readings)?;
    readings.clear();
    phone.sync().await?;
    Ok(())
}

fn open(
    world: &World,
    beside: &Installation,
    (storage, keys): (&MemoryStorage, &MemoryKeyStore),
    tally: &Arc<Tally>,
) -> anyhow::Result<Client> {
    let transport = GrpcTransport::connect_lazy(&beside.proxy.url())?;
    Ok(Client::open(Components {
        storage: Box::new(storage.clone()),
        transport: Arc::new(TallyTransport::new(transport, Arc::clone(tally))),
        clock: Arc::new(DeviceTime::new(&world.now, 9)),
        entropy: Arc::new(SystemEntropy),
        key_store: Box::new(keys.clone()),
    })?)
}
