//! A country's year, handed in as fast as it goes: every figure exact at the end.

use anyhow::Context as _;
use askel_server::clock::Clock as _;
use askel_sync::{
    admission::Role,
    op::{Payload, Witness},
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value, json};

use super::{
    content::PLACES,
    count,
    crowd::{Call, check_in},
    drive::closed,
    known::Phone,
    measured::{Measured, measured},
    per_s,
    report::LoadReport,
    stand::{Ground, Stand, Tenancy},
};

/// Days that visits lie on.
const DAYS: usize = 363;
/// Between two visits of one person, in days; it shares no factor with the number of days.
const STRIDE: usize = 5;

/// Tenants that are set up at a time: the audit log of each takes one entry after the other. Fewer than
/// would fill the server's line of calls.
const SET_UP_AT_ONCE: usize = 4;

/// How much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearOptions {
    /// On what.
    pub ground: Ground,
    /// Tenants.
    pub tenants: usize,
    /// People, at least one in each tenant.
    pub people: usize,
    /// Check-ins, at least one of each person.
    pub check_ins: usize,
    /// Ops of one call.
    pub batch: usize,
}

/// What a tenant's figures have to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Expected {
    people: usize,
    check_ins: usize,
}

/// Hands a year in, with a scanner a tenant, and compares every tenant's figures.
///
/// # Errors
/// What can't be started, calls that are refused, and a figure that is not exact.
pub async fn year(options: &YearOptions) -> anyhow::Result<LoadReport> {
    let tenants = options.tenants;
    anyhow::ensure!(
        tenants > 0 && options.people >= tenants && options.check_ins >= options.people,
        "each tenant has people, and each of them checks in"
    );
    let stand = Stand::start(&options.ground, tenants).await?;
    let own = stand.tenants.iter().enumerate();
    let own = own.map(|(number, tenancy)| queue(&stand, options, (number, tenancy)));
    let own: Vec<(Expected, Queue)> = stream::iter(own)
        .buffered(SET_UP_AT_ONCE)
        .try_collect()
        .await?;
    let (expected, queues): (Vec<Expected>, Vec<Queue>) = own.into_iter().unzip();
    let now = stand.now();
    let queues = queues.into_iter().map(|queue| queue.signed(now)).collect();
    let before = stand.clock.monotonic();
    let measured = measured(&stand, closed(&stand.lines, queues)).await?;
    let errors = &measured.sample.errors;
    anyhow::ensure!(errors.is_empty(), "calls were refused: {errors:?}");
    for (tenancy, expected) in stand.tenants.iter().zip(&expected) {
        stand.confirmed(tenancy, count(expected.check_ins)).await?;
        let told = stand.figures(tenancy).await?;
        anyhow::ensure!(
            told.people == Some(count(expected.people)),
            "{:?} people are told of and {} came",
            told.people,
            expected.people
        );
    }
    let confirmed = stand.clock.monotonic().saturating_sub(before);
    let ops = measured.sample.ops;
    anyhow::ensure!(ops == count(options.check_ins), "{ops} were taken in");
    Ok(report(
        options,
        &measured,
        confirmed.as_secs_f64(),
        per_s(ops, confirmed),
    ))
}

/// Registers a tenant's people, and signs what its scanner hands in.
async fn queue(
    stand: &Stand,
    options: &YearOptions,
    (number, tenancy): (usize, &Tenancy),
) -> anyhow::Result<(Expected, Queue)> {
    let scanner = stand.enrol(tenancy, Role::Staff, 1).await?;
    let scanner = scanner.into_iter().next().context("one scanner")?;
    let mut scanner = stand.first_sync(scanner, number).await?;
    // People and check-ins are dealt out one each in turn.
    let dealt = |all: usize| (number..all).step_by(options.tenants).count();
    let expected = Expected {
        people: dealt(options.people),
        check_ins: dealt(options.check_ins),
    };
    let staff = std::slice::from_ref(&scanner);
    let passes = stand.cards(staff, expected.people).await?;
    let now = stand.now();
    let facts: Vec<Payload> = (0..expected.check_ins)
        .map(|nth| {
            let who = nth.checked_rem(passes.len()).unwrap_or(0);
            let round = nth.checked_div(passes.len()).unwrap_or(0);
            let pass = passes.get(who).copied();
            let witness = pass.map_or(Witness::SelfReport, Witness::PassScan);
            let place = u32::try_from(who).unwrap_or(0).rem_euclid(PLACES);
            check_in(place.saturating_add(1), day(who, round, now), witness)
        })
        .collect();
    let calls = facts.chunks(options.batch.max(1));
    let calls = calls.map(|facts| scanner.hands_in(&[facts], now));
    let calls = calls.collect();
    Ok((expected, Queue { scanner, calls }))
}

/// What a scanner hands in.
struct Queue {
    scanner: Phone,
    calls: Vec<Call>,
}

impl Queue {
    /// With credentials of this moment: setting all up may have taken longer than they are good.
    fn signed(self, now: Timestamp) -> Vec<Call> {
        let credential = self.scanner.device.credential(now);
        let calls = self.calls.into_iter();
        let calls = calls.map(|call| Call {
            credential: credential.clone(),
            ..call
        });
        calls.collect()
    }
}

/// A day of its own for each visit of a person.
fn day(who: usize, round: usize, now: Timestamp) -> Timestamp {
    let nth = who.saturating_add(round.saturating_mul(STRIDE));
    let days = i64::try_from(nth.checked_rem(DAYS).unwrap_or(0)).unwrap_or(0);
    let ago_ms = days.saturating_mul(DAY_MS).saturating_add(HOUR_MS);
    now.saturating_add_ms(ago_ms.saturating_neg())
}

fn report(options: &YearOptions, measured: &Measured, seconds: f64, rate: f64) -> LoadReport {
    let setting: [(&str, Value); 5] = [
        ("store", options.ground.store.name().into()),
        ("tenants", options.tenants.into()),
        ("people", options.people.into()),
        ("check_ins", options.check_ins.into()),
        ("ops_per_call", options.batch.into()),
    ];
    let found: [(&str, Value); 6] = [
        ("exact", true.into()),
        ("confirmed_s", seconds.into()),
        ("confirmed_ops_per_s", rate.into()),
        ("taken_in_s", measured.sample.took.as_secs_f64().into()),
        (
            "server_cpu_ms_per_op",
            measured.server_ms_per(measured.sample.ops).into(),
        ),
        (
            "database_cpu_ms_per_op",
            measured.database_ms_per(measured.sample.ops).into(),
        ),
    ];
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    LoadReport {
        what: "year",
        setting: Map::from_iter(setting.map(named)),
        figures: Vec::new(),
        found: Map::from_iter(found.map(named)),
        rounds: vec![json!({ "askel": measured.to_json() })],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_visits_of_a_person_are_on_one_day() {
        let now = Timestamp::from_ms(1_767_225_600_000);
        for who in [0, 1, 17] {
            let days: BTreeSet<_> = (0..DAYS).map(|round| day(who, round, now)).collect();
            assert_eq!(days.len(), DAYS);
        }
    }
}
