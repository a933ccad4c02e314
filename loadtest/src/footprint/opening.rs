//! How long opening takes.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use askel_client_sdk::{
    Client, Components, FileKeyStore, GrpcTransport, MemoryStorage, RowWrite, SqliteStorage,
    Storage, SystemEntropy,
};
use askel_server::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::{Baseline, Figure, Unit};
use crate::{
    check::{Shown, Truth},
    clock::{DeviceTime, Now},
    peers::{Openings, Peers},
    year::Year,
};

/// A machine is quicker in one second than in the next: each way to open takes its turn this often.
const ROUNDS: usize = 9;
/// Openings of one way in a round, one after the other.
const SAMPLES: usize = 11;
/// The peer that the bound is about.
const PEER: &str = "loro";
const READ_ALL: &str = "open_read_all_ms";

/// The old phone: it holds the year and nothing after it.
pub(super) fn measure(
    year: Year,
    expected: &Truth,
    peers: &Peers,
    openings: Option<Openings>,
) -> anyhow::Result<[Figure; 2]> {
    let Year {
        world, old_phone, ..
    } = year;
    let (database, keys) = (old_phone.database(), old_phone.keys());
    drop(old_phone);
    let phone = Phone {
        now: world.now.clone(),
        memory: in_memory(&database)?,
        database: &database,
        keys: &keys,
    };
    let counts = phone.in_memory()?.step_counts().len();
    ensure!(counts > 0, "no hour is held");
    let times = Times::take(&phone, expected, counts, openings)?;
    let opened = Figure::value("client_open_ms", Unit::Milliseconds, times.opened, 50.0);
    Ok([read_all_figure(&times, counts, peers), opened.aiming(20.0)])
}

/// The rows of a database, as bytes in memory.
fn in_memory(database: &Path) -> anyhow::Result<MemoryStorage> {
    let rows: Vec<RowWrite> = SqliteStorage::open(database)?
        .load()?
        .into_iter()
        .map(RowWrite::Put)
        .collect();
    let mut memory = MemoryStorage::new();
    memory.commit(&rows)?;
    Ok(memory)
}

/// A phone at rest.
struct Phone<'a> {
    now: Now,
    memory: MemoryStorage,
    database: &'a Path,
    keys: &'a Path,
}

impl Phone<'_> {
    fn open(&self, storage: Box<dyn Storage>) -> anyhow::Result<Client> {
        Ok(Client::open(Components {
            storage,
            transport: Arc::new(GrpcTransport::new()),
            clock: Arc::new(DeviceTime::new(&self.now, 2)),
            entropy: Arc::new(SystemEntropy),
            key_store: Box::new(FileKeyStore::new(self.keys)),
        })?)
    }

    fn in_memory(&self) -> anyhow::Result<Client> {
        self.open(Box::new(self.memory.clone()))
    }

    /// Opening from bytes in memory, reading all that is shown, and letting go of both.
    fn time_reading(&self, expected: &Truth, hours: Option<usize>) -> anyhow::Result<Duration> {
        // The bytes lie there before, as the peers' do.
        let storage = Box::new(self.memory.clone());
        let clock = SystemClock::start();
        let start = clock.monotonic();
        let client = self.open(storage)?;
        let shown = Shown::read(&client);
        let counts = hours.map(|_| client.step_counts());
        drop(client);
        let elapsed = clock.monotonic().saturating_sub(start);
        let held = counts.as_ref().map(Vec::len);
        ensure!(held == hours, "an hour is missing");
        expected.check("a phone opened anew", &Truth::shown(&shown))?;
        let start = clock.monotonic();
        drop((shown, counts));
        Ok(elapsed.saturating_add(clock.monotonic().saturating_sub(start)))
    }

    /// Opening from its database.
    fn time_opening(&self) -> anyhow::Result<Duration> {
        let clock = SystemClock::start();
        let start = clock.monotonic();
        self.open(Box::new(SqliteStorage::open(self.database)?))?;
        Ok(clock.monotonic().saturating_sub(start))
    }
}

/// Medians, in milliseconds.
#[derive(Clone, Copy)]
struct Times {
    read_all: f64,
    every_hour: f64,
    opened: f64,
    /// The peer's flat map and its map a day, when the peers run.
    peer: Option<[f64; 2]>,
}

impl Times {
    /// The middle round, by how much sooner than the peer Askel opens: a machine that others share has
    /// quick and slow seconds, and only what was timed side by side can be compared.
    fn take(
        phone: &Phone<'_>,
        expected: &Truth,
        counts: usize,
        mut openings: Option<Openings>,
    ) -> anyhow::Result<Self> {
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            rounds.push(Self::of_round(phone, expected, counts, openings.as_mut())?);
        }
        rounds.sort_unstable_by(|one, other| one.ratio().total_cmp(&other.ratio()));
        let middle = rounds.get(ROUNDS / 2);
        middle.copied().context("no round")
    }

    fn of_round(
        phone: &Phone<'_>,
        expected: &Truth,
        counts: usize,
        openings: Option<&mut Openings>,
    ) -> anyhow::Result<Self> {
        let reading = |hours| phone.time_reading(expected, hours);
        Ok(Self {
            read_all: median(|| reading(None).map(ms))?,
            peer: match openings {
                Some(openings) => Some([
                    median(|| openings.open_ms(PEER, "flat"))?,
                    median(|| openings.open_ms(PEER, "days"))?,
                ]),
                None => None,
            },
            every_hour: median(|| reading(Some(counts)).map(ms))?,
            opened: median(|| phone.time_opening().map(ms))?,
        })
    }

    /// To the peer's flat map.
    fn ratio(&self) -> f64 {
        self.peer
            .map_or(self.read_all, |[flat, _]| self.read_all / flat)
    }

    /// One layout of the peer: as it opened in turn with Askel, or as recorded.
    fn baseline(&self, peers: &Peers, layout: &str) -> Option<Baseline> {
        let row = peers.layout(PEER, layout, READ_ALL)?;
        let Some([flat, days]) = self.peer else {
            return Some(row);
        };
        Some(Baseline {
            name: format!("{}, in turn", row.name),
            value: if layout == "flat" { flat } else { days },
        })
    }
}

/// What is shown are days. A peer that reads all its values reads each hour's count: the same here
/// stands beside, with the archived hours decoded.
fn read_all_figure(times: &Times, counts: usize, peers: &Peers) -> Figure {
    let [flat, days] = ["flat", "days"].map(|layout| times.baseline(peers, layout));
    let ratio = flat.as_ref().map(|flat| times.every_hour / flat.value);
    let every_hour = json!({ "value": times.every_hour, "counts": counts, "ratio": ratio });
    let figure = Figure::ratio(READ_ALL, Unit::Milliseconds, times.read_all, flat, 0.5);
    let figure = figure.aiming(0.25).beside("with_every_hour", every_hour);
    let Some(days) = days else {
        return figure;
    };
    let ratio = times.read_all / days.value;
    let beside = json!({ "baseline": days.name, "value": days.value, "ratio": ratio });
    figure.beside("with_a_map_a_day", beside)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Of openings one after the other.
fn median(mut opening: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        times.push(opening()?);
    }
    times.sort_unstable_by(f64::total_cmp);
    times.get(SAMPLES / 2).copied().context("no sample")
}
