//! What step counts come to.

use std::collections::BTreeMap;

use askel_sync::{
    admission::{AdmittedOp, Flags, Strength, counted_in},
    catalog::Catalog,
    fold::ParticipantState,
    id::StepSourceId,
    limits::{CLOCK_SKEW_TOLERATED_MS, STEPS_PER_BUCKET_MAX},
    op::{Measure, Payload, StepCount},
    time::{LocalDate, MINUTE_MS, Quarter, Timestamp},
};
use proptest::prelude::*;

use crate::{
    acts::month,
    world::{ME, admitted, catalog_with, day, hours, tuesday},
};

fn steps(source: u8, at: Timestamp, count: u32, revision: u32) -> AdmittedOp {
    let count = StepCount {
        source: StepSourceId::from_bytes([source; 16]),
        bucket: Quarter::containing(at).expect("after 1970"),
        count,
        revision,
        measure: Measure::Steps,
    };
    let sequence = u64::from(source) << 32 | u64::from(count.bucket.get() << 4 | revision);
    admitted(
        sequence,
        &Payload::StepCount(count),
        at,
        Strength::Unspecified,
    )
}

fn days(ops: &[AdmittedOp]) -> Vec<(LocalDate, u64)> {
    let catalog = catalog_with(Vec::new());
    let forwards = ParticipantState::fold(ME, ops, &catalog);
    let backwards = ParticipantState::fold(ME, ops.iter().rev(), &catalog);
    assert_eq!(forwards, backwards);
    forwards.days(Measure::Steps).collect()
}

#[test]
fn the_highest_revision_holds_and_of_equal_ones_the_larger_count() {
    let at = hours(10);
    assert_eq!(
        days(&[steps(1, at, 500, 1), steps(1, at, 300, 2)]),
        [(day(0), 300)]
    );
    assert_eq!(
        days(&[steps(1, at, 500, 1), steps(1, at, 300, 1)]),
        [(day(0), 500)]
    );
}

#[test]
fn an_hour_is_the_largest_of_its_devices_and_a_day_the_sum_of_its_hours() {
    let ops = [
        steps(1, hours(10), 700, 1),
        steps(2, tuesday(610), 300, 1),
        steps(2, tuesday(620), 350, 1),
        steps(2, hours(11), 50, 1),
        steps(1, hours(11), 40, 1),
    ];
    assert_eq!(days(&ops), [(day(0), 750)]);
}

#[test]
fn a_day_is_cut_at_local_midnight_and_a_counted_day_without_steps_stands() {
    let ops = [
        steps(1, tuesday(24 * 60 - 1), 10, 1),
        steps(1, hours(24), 20, 1),
        steps(1, hours(50), 0, 1),
    ];
    assert_eq!(days(&ops), [(day(0), 10), (day(1), 20), (day(2), 0)]);
}

/// Nobody has walked tomorrow's steps, and the register is free for whoever does.
#[test]
fn steps_of_a_quarter_that_had_not_begun_when_they_came_are_not_counted() {
    let received = |ahead_ms: i64| {
        let mut early = steps(1, hours(10), 500, 9);
        early.admission.received_at = hours(10).saturating_add_ms(-ahead_ms);
        early
    };
    let tolerated = received(CLOCK_SKEW_TOLERATED_MS);
    assert_eq!(days(&[tolerated]), [(day(0), 500)]);
    let ahead = received(CLOCK_SKEW_TOLERATED_MS + 1);
    assert_eq!(days(std::slice::from_ref(&ahead)), []);
    assert_eq!(days(&[ahead, steps(1, hours(10), 30, 1)]), [(day(0), 30)]);
}

/// As admission judges steps of a clock that was so many minutes behind.
fn corrected(mut op: AdmittedOp, behind: i64) -> AdmittedOp {
    let written = op.admission.corrected_at;
    op.admission.corrected_at = written.saturating_add_ms(behind * MINUTE_MS);
    op.admission.received_at = hours(1_000);
    op.admission.flags = Flags::CLOCK_CORRECTED;
    op
}

#[test]
fn steps_of_a_wrong_clock_count_on_the_day_they_were_walked() {
    let years = 4 * 365 * 24 * 60;
    let wrong = steps(1, tuesday(10 * 60 - years), 500, 1);
    assert_eq!(days(&[corrected(wrong.clone(), years)]), [(day(0), 500)]);
    // A later value of the same register holds, and takes the day along.
    let again = steps(1, tuesday(10 * 60 - years), 400, 2);
    let moved = corrected(again, years + 24 * 60);
    assert_eq!(days(&[corrected(wrong, years), moved]), [(day(1), 400)]);
}

#[test]
fn an_hour_holds_no_more_than_four_full_quarters_whatever_clocks_do() {
    let quarters = (0..5).map(|quarter| {
        let at = tuesday(24 * 60 * quarter);
        corrected(
            steps(1, at, STEPS_PER_BUCKET_MAX, 1),
            10 * 60 - 24 * 60 * quarter,
        )
    });
    let quarters: Vec<AdmittedOp> = quarters.collect();
    assert_eq!(days(&quarters[..4]), [(day(0), 80_000)]);
    assert_eq!(days(&quarters), [(day(0), 80_000)]);
}

/// The day sums, computed the slow way from the last registers.
fn slowly(ops: &[AdmittedOp], catalog: &Catalog) -> BTreeMap<LocalDate, u64> {
    let mut registers = BTreeMap::new();
    for op in ops {
        if let Ok(Some(Payload::StepCount(count))) = op.op.parse()
            && count.measure == Measure::Steps
            && let Some(quarter) = counted_in(&count, &op.admission)
        {
            let reading = (count.revision, count.count, quarter);
            let held = registers
                .entry((count.source, count.bucket))
                .or_insert(reading);
            *held = reading.max(*held);
        }
    }
    let mut hours: BTreeMap<_, BTreeMap<_, u64>> = BTreeMap::new();
    for ((source, _), (_, count, quarter)) in registers {
        let hour = quarter.begins_at().as_ms() / 3_600_000;
        *hours.entry(hour).or_default().entry(source).or_default() += u64::from(count);
    }
    let mut days = BTreeMap::new();
    for (hour, sources) in hours {
        let date = catalog.midnight_date(Timestamp::from_ms(hour * 3_600_000));
        *days.entry(date).or_default() += sources.values().max().copied().unwrap_or(0).min(80_000);
    }
    days
}

proptest! {
    #[test]
    fn day_sums_equal_the_slow_way(ops in month()) {
        let catalog = catalog_with(Vec::new());
        let state = ParticipantState::fold(ME, &ops, &catalog);
        prop_assert_eq!(state.day_steps(Measure::Steps), slowly(&ops, &catalog));
    }
}

#[test]
fn a_register_tells_its_revision_and_count() {
    let at = hours(10);
    let state = ParticipantState::fold(ME, &[steps(1, at, 500, 3)], &catalog_with(Vec::new()));
    let bucket = Quarter::containing(at).expect("after 1970");
    let source = |byte| StepSourceId::from_bytes([byte; 16]);
    assert_eq!(state.step_revision(source(1), Measure::Steps, bucket), 3);
    assert_eq!(
        state.step_count(source(1), Measure::Steps, bucket),
        Some(500)
    );
    assert_eq!(state.step_revision(source(2), Measure::Steps, bucket), 0);
    assert_eq!(state.step_revision(source(1), Measure::Minutes, bucket), 0);
}
