//! What an op costs when there are many already, beside what it costs when there are few.

use askel_private_services::Postgres;
use askel_sync::admission::Role;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::{
    count,
    crowd::{Call, Device},
    drive::{closed, dealt, progress},
    measured::{Measured, measured},
    report::{LoadReport, median},
    sql,
    stand::{Ground, Stand},
};
use crate::figure::{Baseline, Figure, Unit};

const ROUNDS: usize = 3;
/// Calls in flight.
const IN_FLIGHT: usize = 64;
/// Ops of one statement that fills.
const CHUNK: u64 = 200_000;

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeOptions {
    /// On what; `PostgreSQL` alone.
    pub ground: Ground,
    /// Ops in the store for the first measurement.
    pub few: u64,
    /// And for the second.
    pub many: u64,
    /// Ops of one call.
    pub batch: u64,
    /// Calls of a round.
    pub calls: usize,
    /// People who hand in.
    pub people: usize,
}

/// Fills the store, measures, fills it up, and measures again.
///
/// # Errors
/// What can't be started, and figures that do not come to what was handed in.
pub async fn size(options: &SizeOptions) -> anyhow::Result<LoadReport> {
    let stand = Stand::start(&options.ground, 1).await?;
    let tenant = stand.tenant()?;
    let mut people = stand
        .enrol(tenant, Role::Participant, options.people)
        .await?;
    let mut handed_in = 0;
    let mut filled = 0;
    let mut sizes = Vec::with_capacity(2);
    for ops in [options.few, options.many] {
        let postgres = stand.postgres.as_ref();
        let postgres = anyhow::Context::context(postgres, "only PostgreSQL is filled")?;
        fill(postgres, tenant.keys.id.as_bytes(), filled, ops)?;
        filled = ops;
        let mut rounds = Vec::with_capacity(ROUNDS);
        // One more, which fills caches and is not measured.
        for _ in 0..=ROUNDS {
            let calls = sign(&stand, &mut people, options);
            let round = measured(&stand, closed(&stand.lines, dealt(calls, IN_FLIGHT))).await?;
            let errors = &round.sample.errors;
            anyhow::ensure!(errors.is_empty(), "calls were refused: {errors:?}");
            handed_in = u64::saturating_add(handed_in, round.sample.ops);
            stand.confirmed(tenant, handed_in).await?;
            rounds.push(round);
        }
        sizes.push(rounds.split_off(1));
    }
    Ok(report(options, &sizes))
}

fn sign(stand: &Stand, people: &mut [Device], options: &SizeOptions) -> Vec<(usize, Call)> {
    let now = stand.now();
    let mut calls = Vec::with_capacity(options.calls);
    for number in 0..options.calls {
        let whose = number.checked_rem(people.len()).unwrap_or(0);
        let device = people.get_mut(whose);
        calls.extend(device.map(|device| (whose, device.visits(options.batch, now))));
    }
    calls
}

/// Rows as check-ins have them, of people who never come again: a hundred of each, long ago.
fn fill(postgres: &Postgres, tenant: &[u8], from: u64, to: u64) -> anyhow::Result<()> {
    let tenant = HEXLOWER.encode(tenant);
    let mut from = from;
    let bar = progress(usize::try_from(to.saturating_sub(from))?);
    while from < to {
        let until = from.saturating_add(CHUNK).min(to);
        sql(postgres, &statement(&tenant, from, until.saturating_sub(1)))?;
        bar.inc(until.saturating_sub(from));
        from = until;
    }
    bar.finish_and_clear();
    sql(postgres, "ANALYZE")
}

fn statement(tenant: &str, first: u64, last: u64) -> String {
    format!(
        "CREATE TEMPORARY TABLE act ON COMMIT DROP AS
         SELECT '\\x{tenant}'::bytea AS tenant, n % 100 AS nth, n / 100 AS person,
                decode(md5('op ' || n), 'hex') AS op,
                decode(md5('log ' || n / 100), 'hex') AS log,
                decode(md5('who ' || n / 100), 'hex') AS who
         FROM generate_series({first}::bigint, {last}::bigint) AS n;
         INSERT INTO op (tenant, op, origin_log, origin_sequence, kind, payload, corrected_at_ms,
                         received_at_ms, subject, strength, flags, author_role)
         SELECT tenant, op, log, nth, 1, decode(repeat('ab', 30), 'hex'), 86400000000, 86400000000,
                who, 2, 0, 1 FROM act;
         INSERT INTO log (tenant, log, device, next_sequence, opened_at_ms)
         SELECT tenant, log, log, 100, 86400000000 FROM act WHERE nth = 0;
         INSERT INTO log_entry (tenant, log, sequence, op, outcome, settled_at_ms, carried)
         SELECT tenant, log, nth, op, 1, 86400000000, false FROM act;
         INSERT INTO stream (tenant, stream, handle, head, sum)
         SELECT tenant, '\\x01'::bytea || who, decode(md5('handle ' || person), 'hex'), 100, 0
         FROM act WHERE nth = 0;
         INSERT INTO stream_op (tenant, stream, position, op, live)
         SELECT tenant, '\\x01'::bytea || who, nth + 1, op, true FROM act;
         INSERT INTO attendance (tenant, place, date, session_kind, session, participant)
         SELECT tenant, 1 + person % 100, 1000 + nth, 0, 0, who FROM act"
    )
}

fn report(options: &SizeOptions, sizes: &[Vec<Measured>]) -> LoadReport {
    let cost = |rounds: &Vec<Measured>| {
        median(rounds.iter().map(|round| {
            let ops = round.sample.ops;
            round.server_ms_per(ops) + round.database_ms_per(ops)
        }))
    };
    let mut costs = sizes.iter().map(cost);
    let (few, many) = (costs.next().unwrap_or(0.0), costs.next().unwrap_or(0.0));
    let baseline = Baseline {
        name: format!("the same with {} ops", options.few),
        value: few,
    };
    let figure = Figure::ratio(
        "size_cpu_ms_per_op",
        Unit::Milliseconds,
        many,
        Some(baseline),
        1.5,
    )
    .aiming(1.2);
    let setting: [(&str, Value); 6] = [
        ("store", options.ground.store.name().into()),
        ("few", options.few.into()),
        ("many", options.many.into()),
        ("ops_per_call", options.batch.into()),
        ("calls_per_round", options.calls.into()),
        ("people", count(options.people.min(options.calls)).into()),
    ];
    let setting = setting.map(|(name, value)| (name.to_owned(), value));
    let rounds = sizes.iter().flatten();
    LoadReport {
        what: "size",
        setting: Map::from_iter(setting),
        figures: vec![figure],
        found: Map::new(),
        rounds: rounds
            .map(|round| json!({ "askel": round.to_json() }))
            .collect(),
    }
}
