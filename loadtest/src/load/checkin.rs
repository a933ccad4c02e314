//! Live check-ins at doors, at a steady rate: from the moment someone is due to the answer.

use std::{collections::BTreeSet, time::Duration};

use askel_sync::op::Witness;
use serde_json::{Map, Value, json};

use super::{
    arrivals::arrivals,
    content::PLACES,
    count,
    crowd::{Call, check_in},
    drive::{float, open},
    known::Phone,
    measured::{Measured, measured},
    report::{LoadReport, median},
    stand::{Ground, Stand},
};
use crate::figure::{Figure, Unit};

const ROUNDS: usize = 3;
/// Between two people at one door, as they are dealt out.
const STRIDE: usize = 7_919;

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckinOptions {
    /// On what.
    pub ground: Ground,
    /// Calls a second that are due.
    pub rate: f64,
    /// Seconds of a round.
    pub seconds: u64,
    /// Scanners.
    pub scanners: usize,
    /// People with a card.
    pub people: usize,
}

/// Measures; each call hands in one scan, in the short form.
///
/// # Errors
/// What can't be started, calls that are refused, and figures that do not come to what was handed in.
pub async fn checkin(options: &CheckinOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    let mut scanners = stand.scanners(options.scanners).await?;
    let passes = stand.cards(&scanners, options.people).await?;
    let mut seen = BTreeSet::new();
    let mut doors = Doors {
        stand: &stand,
        scanners: &mut scanners,
        passes: &passes,
        handed_in: 0,
        seen: &mut seen,
    };
    // The first seconds fill caches and statements, and are not measured.
    doors.round(options.rate, 2).await?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(doors.round(options.rate, options.seconds).await?);
    }
    Ok(report(options, &rounds))
}

struct Doors<'a> {
    stand: &'a Stand,
    scanners: &'a mut [Phone],
    passes: &'a [askel_sync::id::PassTag],
    handed_in: usize,
    /// Who was where: so many attendances there have to be.
    seen: &'a mut BTreeSet<(usize, u32)>,
}

impl Doors<'_> {
    async fn round(&mut self, rate: f64, seconds: u64) -> anyhow::Result<Measured> {
        let calls = float(seconds) * rate;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some thousands"
        )]
        let due = arrivals(calls as usize, rate, count(self.handed_in));
        let mut queues: Vec<Vec<(Duration, Call)>> = vec![Vec::new(); self.scanners.len()];
        let now = self.stand.now();
        for due in due {
            let (door, call) = self.scan(now);
            if let Some(queue) = queues.get_mut(door) {
                queue.push((due, call));
            }
        }
        let stand = self.stand;
        let measured = measured(stand, open(&stand.lines, queues)).await?;
        let errors = &measured.sample.errors;
        anyhow::ensure!(errors.is_empty(), "calls were refused: {errors:?}");
        let expected = count(self.seen.len());
        stand.confirmed(stand.tenant()?, expected).await?;
        Ok(measured)
    }

    fn scan(&mut self, now: askel_sync::time::Timestamp) -> (usize, Call) {
        let number = self.handed_in;
        self.handed_in = number.saturating_add(1);
        let door = number.checked_rem(self.scanners.len()).unwrap_or(0);
        let who = number.saturating_mul(STRIDE).checked_rem(self.passes.len());
        let who = who.unwrap_or(0);
        let place = u32::try_from(door)
            .unwrap_or(0)
            .rem_euclid(PLACES)
            .saturating_add(1);
        self.seen.insert((who, place));
        let pass = self.passes.get(who).copied();
        let witness = pass.map_or(Witness::SelfReport, Witness::PassScan);
        let fact = check_in(place, now, witness);
        let scanner = self.scanners.get_mut(door);
        let call = scanner.map(|scanner| scanner.hands_in(&[&[fact]], now));
        (door, call.unwrap_or_default())
    }
}

fn report(options: &CheckinOptions, rounds: &[Measured]) -> LoadReport {
    let of = |of: fn(&Measured) -> f64| median(rounds.iter().map(of));
    let latency =
        |round: &Measured, q: f64| float(round.sample.latency_us.value_at_quantile(q)) / 1_000.0;
    let p99 = median(rounds.iter().map(|round| latency(round, 0.99)));
    let offered = of(|round| round.sample.offered_per_s);
    let late = Figure::value("checkin_p99_ms", Unit::Milliseconds, p99, 50.0)
        .aiming(20.0)
        .beside(
            "p50_ms",
            median(rounds.iter().map(|round| latency(round, 0.5))),
        )
        .beside(
            "p999_ms",
            median(rounds.iter().map(|round| latency(round, 0.999))),
        )
        .beside("offered_per_s", offered)
        .beside(
            "achieved_per_s",
            of(|round| round.sample.per_s(round.sample.calls)),
        )
        .beside(
            "generator_saturated",
            rounds.iter().any(|round| round.sample.is_saturated()),
        );
    let server = of(|round| round.server_ms_per(round.sample.calls));
    let database = of(|round| round.database_ms_per(round.sample.calls));
    let both = of(|round| {
        let calls = round.sample.calls;
        round.server_ms_per(calls) + round.database_ms_per(calls)
    });
    let cpu = Figure::value("checkin_cpu_ms", Unit::Milliseconds, both, 1.0)
        .aiming(0.3)
        .beside("server_ms", server)
        .beside("database_ms", database);
    let setting: [(&str, Value); 5] = [
        ("store", options.ground.store.name().into()),
        ("rate_per_s", options.rate.into()),
        ("seconds", options.seconds.into()),
        ("scanners", options.scanners.into()),
        ("people", options.people.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    LoadReport {
        what: "checkin",
        setting: Map::from_iter(setting),
        figures: vec![late, cpu],
        found: Map::new(),
        rounds: rounds
            .iter()
            .map(|round| json!({ "askel": round.to_json() }))
            .collect(),
    }
}
