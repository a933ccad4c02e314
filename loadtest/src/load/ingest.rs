//! How fast facts are taken in, durably, beside the bare database on the same disk.

use std::time::Duration;

use askel_server::clock::Clock as _;
use askel_sync::admission::Role;
use serde_json::{Map, Value, json};

use super::{
    crowd::{Call, Device, count},
    drive::{closed, dealt, float, per_s},
    measured::{Measured, measured},
    report::{LoadReport, median},
    stand::{Ground, Stand, StoreKind},
};
use crate::{
    baseline::{Rate, pgbench, sqlite, unnest},
    figure::{Baseline, Figure, Unit},
};

/// Rounds: an odd number has a middle.
const ROUNDS: usize = 3;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOptions {
    /// On what.
    pub ground: Ground,
    /// Ops of one call.
    pub batch: u64,
    /// Calls of a round.
    pub calls: usize,
    /// Calls in flight.
    pub in_flight: usize,
    /// People, each with a device.
    pub people: usize,
    /// Seconds of a baseline's round.
    pub baseline_s: u64,
}

/// A round.
struct Round {
    bare: Rate,
    askel: Measured,
    /// Ops a second up to when the figures counted them all.
    confirmed_per_s: f64,
}

/// Measures, baseline and Askel in turn.
///
/// # Errors
/// What can't be started, and figures that do not come to what was handed in.
pub async fn ingest(options: &IngestOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    if let Some(postgres) = &stand.postgres {
        pgbench::prepare(postgres)?;
        unnest::prepare(postgres)?;
    }
    let mut crowd = stand
        .enrol(stand.tenant()?, Role::Participant, options.people)
        .await?;
    let mut handed_in = 0;
    // Everyone's first call opens a log and a stream, and is not measured.
    let opening = (options, options.people);
    hand_in(&stand, &mut crowd, opening, &mut handed_in).await?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let bare = bare(&stand, options).await?;
        let of = (options, options.calls);
        let (askel, confirmed_per_s) = hand_in(&stand, &mut crowd, of, &mut handed_in).await?;
        rounds.push(Round {
            bare,
            askel,
            confirmed_per_s,
        });
    }
    Ok(report(options, &rounds))
}

/// Signs, sends, and waits until the figures say so.
async fn hand_in(
    stand: &Stand,
    crowd: &mut [Device],
    (options, calls): (&IngestOptions, usize),
    handed_in: &mut u64,
) -> anyhow::Result<(Measured, f64)> {
    let now = stand.now();
    let mut signed: Vec<(usize, Call)> = Vec::with_capacity(calls);
    for number in 0..calls {
        let whose = number.checked_rem(crowd.len()).unwrap_or(0);
        if let Some(device) = crowd.get_mut(whose) {
            signed.push((whose, device.visits(options.batch, now)));
        }
    }
    let queues = dealt(signed, options.in_flight);
    let begun = stand.clock.monotonic();
    let measured = measured(stand, closed(&stand.lines, queues)).await?;
    let ops = measured.sample.ops;
    anyhow::ensure!(
        ops == count(calls).saturating_mul(options.batch),
        "not everything was taken in: {:?}",
        measured.sample.errors
    );
    *handed_in = handed_in.saturating_add(ops);
    stand.confirmed(stand.tenant()?, *handed_in).await?;
    let confirmed = stand.clock.monotonic().saturating_sub(begun);
    Ok((measured, per_s(ops, confirmed)))
}

async fn bare(stand: &Stand, options: &IngestOptions) -> anyhow::Result<Rate> {
    let time = Duration::from_secs(options.baseline_s);
    let folder = stand.folder.path().to_path_buf();
    match &stand.postgres {
        Some(postgres) if options.batch > 1 => unnest::run(postgres, time).await,
        Some(postgres) => pgbench::run(postgres, &folder, options.baseline_s),
        None => tokio::task::spawn_blocking(move || sqlite::run(&folder, time)).await?,
    }
}

fn report(options: &IngestOptions, rounds: &[Round]) -> LoadReport {
    let askel = |of: fn(&Measured) -> f64| median(rounds.iter().map(|round| of(&round.askel)));
    let rate = askel(|askel| askel.sample.per_s(askel.sample.ops));
    let (name, must, aim) = match (options.ground.store, options.batch) {
        (StoreKind::Postgres, 1) => ("pgbench, single-row inserts on 16 connections", 0.4, 0.7),
        (StoreKind::Postgres, _) => ("unnest of 500 rows on 4 connections", 0.1, 0.25),
        (StoreKind::Sqlite, _) => ("bare inserts of 500 rows a transaction", 0.1, 0.25),
    };
    let baseline = Baseline {
        name: name.to_owned(),
        value: median(rounds.iter().map(|round| round.bare.per_s)),
    };
    let figure = Figure::ratio(
        "ingest_ops_per_s",
        Unit::PerSecond,
        rate,
        Some(baseline),
        must,
    )
    .at_least()
    .aiming(aim)
    .beside(
        "confirmed_ops_per_s",
        median(rounds.iter().map(|round| round.confirmed_per_s)),
    )
    .beside(
        "server_cpu_ms_per_op",
        askel(|askel| askel.server_ms_per(askel.sample.ops)),
    )
    .beside(
        "database_cpu_ms_per_op",
        askel(|askel| askel.database_ms_per(askel.sample.ops)),
    )
    .beside(
        "p50_ms",
        askel(|askel| float(askel.sample.latency_us.value_at_quantile(0.5)) / 1_000.0),
    )
    .beside(
        "p99_ms",
        askel(|askel| float(askel.sample.latency_us.value_at_quantile(0.99)) / 1_000.0),
    );
    let setting: [(&str, Value); 5] = [
        ("store", options.ground.store.name().into()),
        ("ops_per_call", options.batch.into()),
        ("in_flight", options.in_flight.into()),
        ("people", options.people.into()),
        ("calls_per_round", options.calls.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    let rounds = rounds.iter().map(|round| {
        json!({
            "baseline_per_s": round.bare.per_s,
            "confirmed_ops_per_s": round.confirmed_per_s,
            "askel": round.askel.to_json(),
        })
    });
    LoadReport {
        what: "ingest",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: rounds.collect(),
    }
}
