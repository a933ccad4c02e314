//! Three times what the server can do: how much it still does, what it holds, how soon it is over.

use std::{collections::BTreeMap, time::Duration};

use askel_server::clock::Clock as _;
use askel_sync::{admission::Role, id::LogId};
use serde_json::{Map, Value, json};

use super::{
    arrivals::arrivals,
    count,
    crowd::{Call, Device},
    drive::{closed, dealt, float, once},
    measured::{Measured, measured},
    report::{LoadReport, median},
    stand::{Ground, Stand},
};
use crate::figure::{Baseline, Figure, Unit};

const ROUNDS: usize = 3;
/// By how much more is offered.
const TIMES: f64 = 3.0;
/// Calls in flight when the capacity is found.
const IN_FLIGHT: usize = 64;
/// A call that is answered within so many times what it took before is as before.
const RECOVERED: u32 = 2;
/// And within this always.
const QUICK: Duration = Duration::from_millis(50);
/// Between two looks, and how many of them in a row have to be quick.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 5;
/// How long is looked.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the server may hold, in bytes.
const MEMORY_BYTES_MAX: f64 = 512.0 * 1_024.0 * 1_024.0;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverloadOptions {
    /// On what.
    pub ground: Ground,
    /// Calls by which the capacity is found.
    pub calls: usize,
    /// Seconds of the overload.
    pub seconds: u64,
    /// Devices; each hands in one fact a call, each in a log of its own, so that no call waits for another.
    pub people: usize,
}

/// Finds the capacity, offers three times as much, and waits until all is as before. Who is refused does
/// not come again: people do, and that is what is offered anew all the time.
///
/// # Errors
/// What can't be started, and a server that does not recover.
pub async fn overload(options: &OverloadOptions) -> anyhow::Result<LoadReport> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        rounds.push(round(options).await?);
    }
    Ok(report(options, &rounds))
}

/// Of a server of its own: what one has held, it does not give back.
async fn round(options: &OverloadOptions) -> anyhow::Result<Found> {
    let stand = Stand::start(&options.ground, 1).await?;
    let tenant = stand.tenant()?;
    let mut devices = stand
        .enrol(tenant, Role::Participant, options.people)
        .await?;
    let warm = calls(&stand, &mut devices, options.people)?;
    closed(&stand.lines, dealt(warm, IN_FLIGHT)).await?;
    let peak = calls(&stand, &mut devices, options.calls)?;
    let peak = closed(&stand.lines, dealt(peak, IN_FLIGHT)).await?;
    anyhow::ensure!(peak.errors.is_empty(), "refused: {:?}", peak.errors);
    let usual = Duration::from_micros(peak.latency_us.value_at_quantile(0.99));
    let rate = peak.per_s(peak.calls);
    let offered = rate * TIMES;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some ten thousands"
    )]
    let number = (offered * float(options.seconds)) as usize;
    let queue = calls(&stand, &mut devices, number)?;
    let due = arrivals(number, offered, 1).into_iter().zip(queue);
    let due: Vec<(Duration, Call)> = due.map(|(due, (_, call))| (due, call)).collect();
    let last_due = due.last().map(|(due, _)| *due).unwrap_or_default();
    let during = measured(&stand, once(&stand.lines, due)).await?;
    // Nothing new has come since the last was due; what was answered after that was still the overload.
    let answering = during.sample.took.saturating_sub(last_due);
    let looking = recovered(&stand, &mut devices, usual).await?;
    Ok(Found {
        peak_per_s: rate,
        during,
        recovery: answering.saturating_add(looking),
        memory_bytes_max: stand.server.usage()?.memory_bytes_max,
    })
}

/// What came of a round.
struct Found {
    peak_per_s: f64,
    during: Measured,
    /// From the moment the last call was due.
    recovery: Duration,
    memory_bytes_max: u64,
}

fn report(options: &OverloadOptions, rounds: &[Found]) -> LoadReport {
    let of = |of: fn(&Found) -> f64| median(rounds.iter().map(of));
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for (why, times) in rounds.iter().flat_map(|found| &found.during.sample.errors) {
        let sum = errors.entry(why).or_default();
        *sum = sum.saturating_add(*times);
    }
    let baseline = Baseline {
        name: "its peak".to_owned(),
        value: of(|found| found.peak_per_s),
    };
    let key = "overload_goodput_per_s";
    let goodput = of(|found| found.during.sample.per_s(found.during.sample.calls));
    let goodput = Figure::ratio(key, Unit::PerSecond, goodput, Some(baseline), 0.8)
        .at_least()
        .beside(
            "offered_per_s",
            of(|found| found.during.sample.offered_per_s),
        )
        .beside(
            "generator_saturated",
            rounds
                .iter()
                .any(|found| found.during.sample.is_saturated()),
        )
        .beside("errors", json!(errors));
    let memory = Figure::value(
        "overload_memory_bytes",
        Unit::Bytes,
        of(|found| float(found.memory_bytes_max)),
        MEMORY_BYTES_MAX,
    );
    let recovery = Figure::value(
        "overload_recovery_ms",
        Unit::Milliseconds,
        of(|found| found.recovery.as_secs_f64() * 1_000.0),
        10_000.0,
    );
    let setting: [(&str, Value); 4] = [
        ("store", options.ground.store.name().into()),
        ("people", options.people.into()),
        ("calls", options.calls.into()),
        ("seconds", options.seconds.into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    LoadReport {
        what: "overload",
        setting: Map::from_iter(setting),
        figures: vec![goodput, memory, recovery],
        found: Map::new(),
        rounds: rounds.iter().map(round_json).collect(),
    }
}

fn round_json(found: &Found) -> Value {
    json!({
        "peak_per_s": found.peak_per_s,
        "recovery_ms": found.recovery.as_secs_f64() * 1_000.0,
        "memory_bytes_max": found.memory_bytes_max,
        "askel": found.during.to_json(),
    })
}

/// Calls of one fact each; each opens a log.
fn calls(
    stand: &Stand,
    devices: &mut [Device],
    number: usize,
) -> anyhow::Result<Vec<(usize, Call)>> {
    let now = stand.now();
    let mut calls = Vec::with_capacity(number);
    for nth in 0..number {
        let whose = nth.checked_rem(devices.len()).unwrap_or(0);
        if let Some(device) = devices.get_mut(whose) {
            let random = askel_server::entropy::draw(&askel_server::entropy::SystemEntropy)?;
            device.log = LogId::from_bytes(random);
            device.next = 0;
            calls.push((whose, device.visits(1, now)));
        }
    }
    debug_assert_eq!(count(calls.len()), count(number));
    Ok(calls)
}

/// How long it takes until calls are answered as before, several in a row.
async fn recovered(
    stand: &Stand,
    devices: &mut [Device],
    usual: Duration,
) -> anyhow::Result<Duration> {
    let begun = stand.clock.monotonic();
    let quick = usual.saturating_mul(RECOVERED).max(QUICK);
    let line = stand.lines.of(0);
    let mut quick_ones = 0;
    let mut since = Duration::ZERO;
    for (_, call) in calls(stand, devices, 600)? {
        let sent = stand.clock.monotonic();
        anyhow::ensure!(sent.saturating_sub(begun) < PATIENCE, "it does not recover");
        let answered = line.sync(call).await.is_ok();
        let took = stand.clock.monotonic().saturating_sub(sent);
        if answered && took <= quick {
            if quick_ones == 0 {
                since = sent.saturating_sub(begun);
            }
            quick_ones = u32::saturating_add(quick_ones, 1);
        } else {
            quick_ones = 0;
        }
        if quick_ones >= LOOKS {
            return Ok(since);
        }
        tokio::time::sleep(LOOK).await;
    }
    anyhow::bail!("it does not recover")
}
