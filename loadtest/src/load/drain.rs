//! Scans of a day without a network, handed in at once by a few scanners.

use askel_sync::{limits::OPS_PER_BATCH_MAX, op::Witness};
use serde_json::{Map, Value, json};

use super::{
    content::PLACES,
    count,
    crowd::{Call, check_in},
    drive::closed,
    measured::{Measured, measured},
    report::{LoadReport, median},
    stand::{Ground, Stand},
};
use crate::figure::{Figure, Unit};

const ROUNDS: usize = 3;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainOptions {
    /// On what.
    pub ground: Ground,
    /// Scans in all.
    pub scans: usize,
    /// Scanners.
    pub scanners: usize,
    /// People with a card.
    pub people: usize,
}

/// Measures from the first call to the last acknowledgement.
///
/// # Errors
/// What can't be started, calls that are refused, and figures that do not come to what was handed in.
pub async fn drain(options: &DrainOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    let mut scanners = stand.scanners(options.scanners).await?;
    let passes = stand.cards(&scanners, options.people).await?;
    let mut rounds: Vec<(Measured, f64)> = Vec::with_capacity(ROUNDS);
    let mut nth: usize = 0;
    for _ in 0..ROUNDS {
        let now = stand.now();
        let mut queues: Vec<Vec<Call>> = Vec::with_capacity(scanners.len());
        let each = options.scans.checked_div(scanners.len()).unwrap_or(0);
        for scanner in &mut scanners {
            let mut facts = Vec::with_capacity(each);
            for _ in 0..each {
                // Everyone at every place in turn: no two scans are of one attendance.
                let who = nth.checked_rem(passes.len()).unwrap_or(0);
                let place = nth.checked_div(passes.len()).unwrap_or(0);
                nth = nth.saturating_add(1);
                let place = u32::try_from(place)?.saturating_add(1);
                anyhow::ensure!(place <= PLACES, "too few people for so many scans");
                let pass = passes.get(who).copied();
                let witness = pass.map_or(Witness::SelfReport, Witness::PassScan);
                facts.push(check_in(place, now, witness));
            }
            let batches: Vec<_> = facts.chunks(OPS_PER_BATCH_MAX).collect();
            queues.push(vec![scanner.hands_in(&batches, now)]);
        }
        let begun = askel_server::clock::Clock::monotonic(&stand.clock);
        let measured = measured(&stand, closed(&stand.lines, queues)).await?;
        let errors = &measured.sample.errors;
        anyhow::ensure!(errors.is_empty(), "calls were refused: {errors:?}");
        stand.confirmed(stand.tenant()?, count(nth)).await?;
        let confirmed = askel_server::clock::Clock::monotonic(&stand.clock).saturating_sub(begun);
        rounds.push((measured, confirmed.as_secs_f64()));
    }
    Ok(report(options, &rounds))
}

fn report(options: &DrainOptions, rounds: &[(Measured, f64)]) -> LoadReport {
    let took = median(
        rounds
            .iter()
            .map(|(round, _)| round.sample.took.as_secs_f64()),
    );
    let figure = Figure::value("drain_ms", Unit::Milliseconds, took * 1_000.0, 4_000.0)
        .aiming(2_000.0)
        .beside(
            "confirmed_s",
            median(rounds.iter().map(|(_, confirmed)| *confirmed)),
        )
        .beside(
            "server_cpu_ms_per_op",
            median(
                rounds
                    .iter()
                    .map(|(round, _)| round.server_ms_per(round.sample.ops)),
            ),
        )
        .beside(
            "database_cpu_ms_per_op",
            median(
                rounds
                    .iter()
                    .map(|(round, _)| round.database_ms_per(round.sample.ops)),
            ),
        );
    let setting: [(&str, Value); 4] = [
        ("store", options.ground.store.name().into()),
        ("scans", options.scans.into()),
        ("scanners", options.scanners.into()),
        ("people", options.people.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    LoadReport {
        what: "drain",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: rounds
            .iter()
            .map(|(round, confirmed)| json!({ "confirmed_s": confirmed, "askel": round.to_json() }))
            .collect(),
    }
}
