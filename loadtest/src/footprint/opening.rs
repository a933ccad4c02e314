//! How long opening takes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use askel_client_sdk::{
    Client, Components, FileKeyStore, GrpcTransport, MemoryStorage, RowWrite, SqliteStorage,
    Storage, SystemEntropy,
};
use askel_server::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::{Figure, Unit};
use crate::{check::Truth, clock::DeviceTime, peers::Peers, year::Year};

/// Of which the median counts.
const SAMPLES: usize = 31;

/// The old phone: it holds the year and nothing after it.
pub(super) fn measure(year: Year, expected: &Truth, peers: &Peers) -> anyhow::Result<[Figure; 2]> {
    let Year {
        world, old_phone, ..
    } = year;
    let (database, keys) = (old_phone.database(), old_phone.keys());
    drop(old_phone);
    let open = |storage: Box<dyn Storage>| {
        Client::open(Components {
            storage,
            transport: Arc::new(GrpcTransport::new()),
            clock: Arc::new(DeviceTime::new(&world.now, 2)),
            entropy: Arc::new(SystemEntropy),
            key_store: Box::new(FileKeyStore::new(&keys)),
        })
    };
    let rows: Vec<RowWrite> = SqliteStorage::open(&database)?
        .load()?
        .into_iter()
        .map(RowWrite::Put)
        .collect();
    let mut memory = MemoryStorage::new();
    memory.commit(&rows)?;
    let read_all = median_ms(|| {
        let client = open(Box::new(memory.clone()))?;
        expected.check("a phone opened anew", &Truth::shown_by(&client))
    })?;
    let counts = open(Box::new(memory.clone()))?.step_counts().len();
    ensure!(counts > 0, "no hour is held");
    let every_hour = median_ms(|| {
        let client = open(Box::new(memory.clone()))?;
        expected.check("a phone opened anew", &Truth::shown_by(&client))?;
        ensure!(client.step_counts().len() == counts, "an hour is missing");
        Ok(())
    })?;
    let opened = median_ms(|| {
        open(Box::new(SqliteStorage::open(&database)?))?;
        Ok(())
    })?;
    let read_all = read_all_figure(read_all, peers);
    let read_all = with_every_hour(read_all, every_hour, counts, peers);
    let opened = Figure::value("client_open_ms", Unit::Milliseconds, opened, 50.0);
    Ok([read_all, opened.aiming(20.0)])
}

fn read_all_figure(read_all_ms: f64, peers: &Peers) -> Figure {
    let key = "open_read_all_ms";
    let flat = peers.flat("loro", key);
    let figure = Figure::ratio(key, Unit::Milliseconds, read_all_ms, flat, 0.5).aiming(0.25);
    peers.beside_days(figure, ("loro", key), read_all_ms)
}

/// What is shown are days. A peer that reads all its values reads each hour's count: the same here
/// stands beside, with the archived hours decoded.
fn with_every_hour(figure: Figure, ms: f64, counts: usize, peers: &Peers) -> Figure {
    let flat = peers.flat("loro", "open_read_all_ms");
    let ratio = flat.map(|flat| ms / flat.value);
    let beside = json!({ "value": ms, "counts": counts, "ratio": ratio });
    figure.beside("with_every_hour", beside)
}

fn median_ms(mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let clock = SystemClock::start();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..SAMPLES {
        let start = clock.monotonic();
        act()?;
        times.push(clock.monotonic().saturating_sub(start));
    }
    times.sort_unstable();
    let median = times.get(SAMPLES / 2).context("no sample")?;
    Ok(median.as_secs_f64() * 1_000.0)
}
