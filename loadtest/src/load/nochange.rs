//! Syncs with nothing new a second, beside a bare gRPC server that is called alike.

use serde_json::{Map, Value, json};

use super::{
    crowd::Call,
    drive::{closed, dealt, float},
    known::Phone,
    measured::{Measured, measured},
    report::{LoadReport, median},
    server::ServerProcess,
    stand::{Ground, Stand},
    wire::Lines,
};
use crate::{
    baseline::echo::ECHO,
    figure::{Baseline, Figure, Unit},
};

const ROUNDS: usize = 3;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NochangeOptions {
    /// On what.
    pub ground: Ground,
    /// Calls of a round.
    pub calls: usize,
    /// Calls in flight.
    pub in_flight: usize,
    /// People, each with a device.
    pub people: usize,
}

/// Measures, baseline and Askel in turn.
///
/// # Errors
/// What can't be started, and calls that are not answered.
pub async fn nochange(options: &NochangeOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    let echo = ServerProcess::run(&options.ground.program, [ECHO])?;
    let echo_lines = Lines::connect(&echo.url(), options.ground.connections).await?;
    let mut phones = stand.phones(options.people).await?;
    let mut rounds: Vec<(f64, Measured)> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let bare = closed(&echo_lines, queues(&stand, &mut phones, options)).await?;
        let queues = queues(&stand, &mut phones, options);
        let askel = measured(&stand, closed(&stand.lines, queues)).await?;
        let errors = (&bare.errors, &askel.sample.errors);
        anyhow::ensure!(
            errors.0.is_empty() && errors.1.is_empty(),
            "calls were refused: {errors:?}"
        );
        rounds.push((bare.per_s(bare.calls), askel));
    }
    Ok(report(options, &rounds))
}

fn queues(stand: &Stand, phones: &mut [Phone], options: &NochangeOptions) -> Vec<Vec<Call>> {
    let now = stand.now();
    let calls: Vec<Call> = phones.iter_mut().map(|phone| phone.looks(now)).collect();
    let calls = calls.into_iter().enumerate().cycle();
    dealt(calls.take(options.calls), options.in_flight)
}

fn report(options: &NochangeOptions, rounds: &[(f64, Measured)]) -> LoadReport {
    let askel = |of: fn(&Measured) -> f64| median(rounds.iter().map(|(_, askel)| of(askel)));
    let baseline = Baseline {
        name: "the same method of a bare tonic server".to_owned(),
        value: median(rounds.iter().map(|(bare, _)| *bare)),
    };
    let rate = askel(|askel| askel.sample.per_s(askel.sample.calls));
    let figure = Figure::ratio(
        "nochange_calls_per_s",
        Unit::PerSecond,
        rate,
        Some(baseline),
        0.2,
    )
    .at_least()
    .aiming(0.4)
    .beside(
        "server_cpu_ms_per_call",
        askel(|askel| askel.server_ms_per(askel.sample.calls)),
    )
    .beside(
        "database_cpu_ms_per_call",
        askel(|askel| askel.database_ms_per(askel.sample.calls)),
    )
    .beside(
        "p99_ms",
        askel(|askel| float(askel.sample.latency_us.value_at_quantile(0.99)) / 1_000.0),
    );
    let setting: [(&str, Value); 4] = [
        ("store", options.ground.store.name().into()),
        ("in_flight", options.in_flight.into()),
        ("people", options.people.into()),
        ("calls_per_round", options.calls.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    let rounds = rounds
        .iter()
        .map(|(bare, askel)| json!({ "baseline_per_s": bare, "askel": askel.to_json() }));
    LoadReport {
        what: "nochange",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: rounds.collect(),
    }
}
