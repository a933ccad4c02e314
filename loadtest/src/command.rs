//! The subcommands that put a server under load.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use askel_loadtest::load::{
    self, CheckinOptions, DrainOptions, Ground, IngestOptions, LoadReport, NochangeOptions,
    OverloadOptions, Rush, RushOptions, Served, SizeOptions, StoreKind, WatchOptions, YearOptions,
};
use clap::{Args, ValueEnum};

/// Calls of a round of one op each.
const SINGLE_CALLS: usize = 10_000;
/// Calls of a round of many ops each.
const BATCH_CALLS: usize = 2_000;

/// Which database.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    /// One file.
    Sqlite,
    /// A private PostgreSQL, durable as in production, and a private Redis.
    Postgres,
}

/// What all of them are told.
#[derive(Debug, Args)]
struct Common {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write a page with plots as well.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "postgres")]
    store: Store,
    /// Connections that calls are spread over.
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

impl Common {
    fn ground(&self) -> anyhow::Result<Ground> {
        Ok(Ground {
            store: match self.store {
                Store::Sqlite => StoreKind::Sqlite,
                Store::Postgres => StoreKind::Postgres,
            },
            program: std::env::current_exe()?,
            connections: self.connections,
        })
    }

    fn tell(&self, report: &LoadReport) -> anyhow::Result<()> {
        if let Some(file) = &self.html {
            std::fs::write(file, report.to_html())?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &report.to_json())?;
            writeln!(out)?;
        } else {
            write!(out, "{}", report.to_text())?;
        }
        Ok(())
    }
}

/// The flags of `ingest`.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    common: Common,
    /// Ops of one call.
    #[arg(long, default_value_t = 1)]
    batch: u64,
    /// Calls of a round; enough for some seconds unless said.
    #[arg(long)]
    calls: Option<usize>,
    /// Calls in flight.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// People, each with a device.
    #[arg(long, default_value_t = 256)]
    people: usize,
    /// Seconds of a baseline's round.
    #[arg(long, default_value_t = 5)]
    baseline_s: u64,
}

impl Ingest {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let usual = if self.batch > 1 {
            BATCH_CALLS
        } else {
            SINGLE_CALLS
        };
        let options = IngestOptions {
            ground: self.common.ground()?,
            batch: self.batch,
            calls: self.calls.unwrap_or(usual),
            in_flight: self.in_flight,
            people: self.people,
            baseline_s: self.baseline_s,
        };
        self.common.tell(&load::ingest(&options).await?)
    }
}

/// The flags of `nochange`.
#[derive(Debug, Args)]
pub(crate) struct Nochange {
    #[command(flatten)]
    common: Common,
    /// Calls of a round.
    #[arg(long, default_value_t = 20_000)]
    calls: usize,
    /// Calls in flight.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// People, each with a device.
    #[arg(long, default_value_t = 256)]
    people: usize,
}

impl Nochange {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = NochangeOptions {
            ground: self.common.ground()?,
            calls: self.calls,
            in_flight: self.in_flight,
            people: self.people,
        };
        self.common.tell(&load::nochange(&options).await?)
    }
}

/// The flags of `checkin`.
#[derive(Debug, Args)]
pub(crate) struct Checkin {
    #[command(flatten)]
    common: Common,
    /// Calls a second that are due.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Seconds of a round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Scanners.
    #[arg(long, default_value_t = 100)]
    scanners: usize,
    /// People with a card.
    #[arg(long, default_value_t = 1_000)]
    people: usize,
}

impl Checkin {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = CheckinOptions {
            ground: self.common.ground()?,
            rate: self.rate,
            seconds: self.seconds,
            scanners: self.scanners,
            people: self.people,
        };
        self.common.tell(&load::checkin(&options).await?)
    }
}

/// The flags of `drain`.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    common: Common,
    /// Scans in all.
    #[arg(long, default_value_t = 10_000)]
    scans: usize,
    /// Scanners.
    #[arg(long, default_value_t = 8)]
    scanners: usize,
    /// People with a card.
    #[arg(long, default_value_t = 1_000)]
    people: usize,
}

impl Drain {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = DrainOptions {
            ground: self.common.ground()?,
            scans: self.scans,
            scanners: self.scanners,
            people: self.people,
        };
        self.common.tell(&load::drain(&options).await?)
    }
}

/// The flags of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    common: Common,
    /// Watches in all, each on a connection of its own.
    #[arg(long, default_value_t = 2_000)]
    watches: usize,
}

impl Watch {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = WatchOptions {
            ground: self.common.ground()?,
            watches: self.watches,
        };
        self.common.tell(&load::watch(&options).await?)
    }
}

/// The flags of `overload`.
#[derive(Debug, Args)]
pub(crate) struct Overload {
    #[command(flatten)]
    common: Common,
    /// Calls by which the capacity is found.
    #[arg(long, default_value_t = 5_000)]
    calls: usize,
    /// Seconds of the overload.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Devices.
    #[arg(long, default_value_t = 256)]
    people: usize,
}

impl Overload {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = OverloadOptions {
            ground: self.common.ground()?,
            calls: self.calls,
            seconds: self.seconds,
            people: self.people,
        };
        self.common.tell(&load::overload(&options).await?)
    }
}

/// The flags of `size`.
#[derive(Debug, Args)]
pub(crate) struct Size {
    #[command(flatten)]
    common: Common,
    /// Ops in the store for the first measurement.
    #[arg(long, default_value_t = 1_000_000)]
    few: u64,
    /// And for the second: ten million take some 8 GB.
    #[arg(long, default_value_t = 10_000_000)]
    many: u64,
    /// Ops of one call.
    #[arg(long, default_value_t = 10)]
    batch: u64,
    /// Calls of a round.
    #[arg(long, default_value_t = 2_000)]
    calls: usize,
    /// People who hand in.
    #[arg(long, default_value_t = 256)]
    people: usize,
}

impl Size {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = SizeOptions {
            ground: self.common.ground()?,
            few: self.few,
            many: self.many,
            batch: self.batch,
            calls: self.calls,
            people: self.people,
        };
        self.common.tell(&load::size(&options).await?)
    }
}

/// What everyone does.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scene {
    /// Everyone checks in where they are, more and more of them up to the end.
    MorningBurst,
    /// Everyone hands in the day's steps.
    EveningSync,
    /// Everyone looks, and fetches the catalog that was published.
    SeasonLaunch,
    /// Everyone connects anew, with a check-in that waited.
    ReconnectStorm,
}

/// The flags of `scene`.
#[derive(Debug, Args)]
pub(crate) struct SceneFlags {
    #[command(flatten)]
    common: Common,
    #[arg(value_enum)]
    scene: Scene,
    /// Phones.
    #[arg(long, default_value_t = 2_000)]
    people: usize,
    /// Seconds within which they come.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

impl SceneFlags {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = RushOptions {
            ground: self.common.ground()?,
            rush: match self.scene {
                Scene::MorningBurst => Rush::MorningBurst,
                Scene::EveningSync => Rush::EveningSync,
                Scene::SeasonLaunch => Rush::SeasonLaunch,
                Scene::ReconnectStorm => Rush::ReconnectStorm,
            },
            people: self.people,
            seconds: self.seconds,
        };
        self.common.tell(&load::rush(&options).await?)
    }
}

/// The flags of `year`; a whole country's unless said.
#[derive(Debug, Args)]
pub(crate) struct Year {
    #[command(flatten)]
    common: Common,
    #[arg(long, default_value_t = 61)]
    tenants: usize,
    #[arg(long, default_value_t = 14_789)]
    people: usize,
    #[arg(long, default_value_t = 51_188)]
    check_ins: usize,
    /// Ops of one call.
    #[arg(long, default_value_t = 50)]
    batch: usize,
}

impl Year {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let options = YearOptions {
            ground: self.common.ground()?,
            tenants: self.tenants,
            people: self.people,
            check_ins: self.check_ins,
            batch: self.batch,
        };
        self.common.tell(&load::year(&options).await?)
    }
}

/// The flags of the server that is called.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long)]
    store_url: String,
    #[arg(long, default_value = "")]
    redis_url: String,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        load::serve(&Served {
            data_dir: self.data_dir,
            store_url: self.store_url,
            redis_url: self.redis_url,
        })
        .await
    }
}
