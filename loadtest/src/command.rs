//! The subcommands that put a server under load.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use askel_loadtest::load::{self, IngestOptions, LoadReport, Served, StoreKind};
use clap::{Args, ValueEnum};

/// Which database.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    /// One file.
    Sqlite,
    /// A private PostgreSQL, durable as in production, and a private Redis.
    Postgres,
}

impl From<Store> for StoreKind {
    fn from(store: Store) -> Self {
        match store {
            Store::Sqlite => Self::Sqlite,
            Store::Postgres => Self::Postgres,
        }
    }
}

/// How a report is told.
#[derive(Debug, Args)]
struct Output {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Output {
    fn tell(&self, report: &LoadReport) -> anyhow::Result<()> {
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
    output: Output,
    #[arg(long, value_enum)]
    store: Store,
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
    /// Connections that the calls are spread over.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds of a baseline's round.
    #[arg(long, default_value_t = 5)]
    baseline_s: u64,
}

/// Calls of a round of one op each.
const SINGLE_CALLS: usize = 10_000;
/// Calls of a round of many ops each.
const BATCH_CALLS: usize = 2_000;

impl Ingest {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let usual = if self.batch > 1 {
            BATCH_CALLS
        } else {
            SINGLE_CALLS
        };
        let options = IngestOptions {
            program: std::env::current_exe()?,
            store: self.store.into(),
            batch: self.batch,
            calls: self.calls.unwrap_or(usual),
            in_flight: self.in_flight,
            people: self.people,
            connections: self.connections,
            baseline_s: self.baseline_s,
        };
        self.output.tell(&load::ingest(&options).await?)
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
