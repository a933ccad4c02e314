//! A country's year, handed in as fast as it goes: every figure exact at the end.

use askel_server::clock::Clock as _;
use askel_sync::{
    admission::Role,
    op::{Payload, Witness},
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use serde_json::{Map, Value, json};

use super::{
    content::PLACES,
    count,
    crowd::{Call, check_in},
    drive::closed,
    measured::{Measured, measured},
    per_s,
    report::LoadReport,
    stand::{Ground, Stand},
};

/// Days that visits lie on.
const DAYS: usize = 363;
/// Between two visits of one person, in days; it shares no factor with the number of days.
const STRIDE: usize = 5;

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
    let (tenants, people) = (options.tenants, options.people);
    anyhow::ensure!(
        tenants > 0 && people >= tenants && options.check_ins >= people,
        "each tenant has people, and each of them checks in"
    );
    let stand = Stand::start(&options.ground, tenants).await?;
    let mut expected = vec![Expected::default(); tenants];
    let mut queues = Vec::with_capacity(tenants);
    let now = stand.now();
    for (number, tenancy) in stand.tenants.iter().enumerate() {
        let scanner = stand.enrol(tenancy, Role::Staff, 1).await?;
        let scanner = scanner.into_iter().next();
        let scanner = anyhow::Context::context(scanner, "one scanner")?;
        let mut scanner = stand.first_sync(scanner, number).await?;
        // People and check-ins are dealt out one each in turn.
        let dealt = |all: usize| (number..all).step_by(tenants);
        let own = Expected {
            people: dealt(people).count(),
            check_ins: dealt(options.check_ins).count().max(dealt(people).count()),
        };
        if let Some(slot) = expected.get_mut(number) {
            *slot = own;
        }
        let passes = stand
            .cards(std::slice::from_ref(&scanner), own.people)
            .await?;
        let facts: Vec<Payload> = (0..own.check_ins)
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
        queues.push(calls.collect::<Vec<Call>>());
    }
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
