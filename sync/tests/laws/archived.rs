//! Day totals in the place of archived registers: shown, nobody can tell the difference.

use std::{collections::BTreeMap, sync::Arc};

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, Flags, Strength},
    catalog::Catalog,
    fold::{ArchivedDays, ChallengeTotals, ParticipantState, day_begins},
    id::{OpId, StepSourceId},
    op::{Evidence, Measure, Payload, StepCount},
    rule::{self, Tracker},
    time::{DAY_MS, LocalDate, MINUTE_MS, Quarter, Timestamp},
};
use proptest::{prelude::*, sample::Index};

use crate::{
    acts::month,
    rules::{any_of, count, days_active, stages, sum},
    world::{ME, admitted, bare_catalog, catalog_with, day, goal, hours, season},
};

/// Around the end of summer time, so that days are of 23, 24 and 25 hours.
const WEEKS_MINUTES: i64 = 14 * 24 * 60;

fn catalog() -> Arc<Catalog> {
    let rules = [
        any_of(vec![sum(Measure::Steps, 20_000), count(2)]),
        days_active(Some((Measure::Steps, 2_000)), 3),
        stages(
            true,
            vec![count(1), any_of(vec![sum(Measure::Steps, 9_000), count(2)])],
        ),
    ];
    let open = (1..).zip(&rules).map(|(id, rule)| goal(id, rule.clone()));
    let seasonal = (10..).zip(&rules).map(|(id, rule)| v1::Goal {
        season: season(198, 204),
        ..goal(id, rule.clone())
    });
    catalog_with(open.chain(seasonal).collect())
}

/// Steps of two weeks by clocks that are right, behind and ahead.
fn steps() -> impl Strategy<Value = AdmittedOp> {
    let clock = prop_oneof![
        20 => Just(Some(0_i64)),
        1 => prop::sample::select(vec![-40 * 24 * 60, -26 * 60, -70, 7, 24 * 60, 5 * 24 * 60])
            .prop_map(Some),
        1 => Just(None),
    ];
    let measure = prop_oneof![4 => Just(Measure::Steps), 1 => Just(Measure::Minutes)];
    // Few quarters, so that registers have several values; around midnight and noon.
    let quarter = prop::sample::select(vec![83_i64, 84, 85, 40, 41]);
    let when = (-8..8_i64, quarter).prop_map(|(day, quarter)| day * 96 + quarter);
    (0..2_u8, when, 0..3_000_u32, 1..4_u32, measure, clock).prop_map(
        |(source, quarter, count, revision, measure, clock)| {
            let at = summer_ends().saturating_add_ms(quarter * 15 * MINUTE_MS);
            let bucket = Quarter::containing(at).expect("after 1970");
            let register = StepCount {
                source: StepSourceId::from_bytes([source; 16]),
                bucket,
                count,
                revision,
                measure,
            };
            let sequence =
                u64::from(bucket.get()) << 8 | u64::from(source) << 4 | u64::from(revision);
            let mut op = admitted(
                sequence,
                &Payload::StepCount(register),
                at,
                Strength::Unspecified,
            );
            op.admission.received_at = summer_ends().saturating_add_ms(90 * DAY_MS);
            match clock {
                Some(0) => {}
                Some(behind) => {
                    op.admission.corrected_at = at.saturating_add_ms(behind * MINUTE_MS);
                    op.admission.flags = Flags::CLOCK_CORRECTED;
                }
                // Its quarter had not begun when it was received.
                None => op.admission.received_at = at.saturating_add_ms(-DAY_MS),
            }
            op
        },
    )
}

/// 30 October 2016, 01:00 UTC.
const fn summer_ends() -> Timestamp {
    Timestamp::from_ms(1_477_789_200_000)
}

fn quarter(at: Timestamp) -> Quarter {
    Quarter::containing(at).expect("after 1970")
}

fn is_apart(days: &ArchivedDays, rest: &[AdmittedOp], catalog: &Catalog) -> bool {
    rest.iter().all(|op| days.is_apart(op, catalog))
}

/// What is shown of steps: the totals and what was folded beside them.
fn shown(days: &ArchivedDays, rest: &ParticipantState) -> Vec<((Measure, LocalDate), u64)> {
    let mut all: Vec<_> = days.days().chain(rest.all_days()).collect();
    all.sort_unstable();
    all
}

fn check(
    archive: &[AdmittedOp],
    rest: &[AdmittedOp],
    days: &ArchivedDays,
) -> Result<(), TestCaseError> {
    let catalog = catalog();
    let all: Vec<AdmittedOp> = [archive, rest].concat();
    let whole = ParticipantState::fold(ME, &all, &catalog);
    let part = ParticipantState::fold(ME, rest, &catalog);
    prop_assert_eq!(shown(days, &part), whole.all_days().collect::<Vec<_>>());
    let totals = ChallengeTotals::fold(&[]);
    let expected = rule::evaluate(&whole, &totals, &catalog);
    let by_totals = Tracker::over_archived(Arc::clone(&catalog), &part, days);
    let evaluation = by_totals.evaluation(&totals);
    prop_assert_eq!(&evaluation, &expected);
    prop_assert_eq!(
        part.awards(&evaluation.eligible),
        whole.awards(&expected.eligible)
    );
    // The rest may come one by one, after the totals.
    let mut tracker =
        Tracker::over_archived(Arc::clone(&catalog), &ParticipantState::new(ME), days);
    let mut state = ParticipantState::new(ME);
    for op in rest {
        for change in state.apply(op, &catalog) {
            tracker.apply_change(&change);
        }
    }
    prop_assert_eq!(&tracker.evaluation(&totals), &expected);
    // Loaded, it is the state of all ops, whatever was archived.
    state.apply_all(archive, &catalog);
    prop_assert_eq!(state.canonical_bytes(), whole.canonical_bytes());
    prop_assert_eq!(state, whole);
    Ok(())
}

proptest! {
    #[test]
    fn totals_show_what_a_fold_of_everything_shows(
        counted in prop::collection::vec(steps(), 1..30),
        others in month(),
        border: Index,
        left_out in prop::collection::vec(prop::bool::weighted(0.03), 30),
    ) {
        let catalog = catalog();
        let before = day_begins(quarter(border.get(&counted).admission.corrected_at), &catalog);
        // Any of those that may be archived.
        let mut left_out = left_out.into_iter();
        let (archive, mut rest): (Vec<AdmittedOp>, Vec<AdmittedOp>) =
            counted.into_iter().partition(|op| {
                ArchivedDays::takes(before, op) && !left_out.next().unwrap_or_default()
            });
        rest.extend(others);
        let days = ArchivedDays::of(ME, &archive, before, &catalog);
        prop_assert!(days.holds_under(&catalog));
        if is_apart(&days, &rest, &catalog) {
            check(&archive, &rest, &days)?;
        }
    }

    #[test]
    fn whatever_lies_after_a_midnight_is_apart(
        counted in prop::collection::vec(steps(), 1..60),
        border in -WEEKS_MINUTES..WEEKS_MINUTES,
    ) {
        let catalog = catalog();
        let at = summer_ends().saturating_add_ms(border * MINUTE_MS);
        let before = day_begins(quarter(at), &catalog);
        let (archive, mut rest): (Vec<_>, Vec<_>) =
            counted.into_iter().partition(|op| ArchivedDays::takes(before, op));
        // What a wrong clock named or counted across the border is the exception.
        rest.retain(|op| op.admission.flags != Flags::CLOCK_CORRECTED);
        let days = ArchivedDays::of(ME, &archive, before, &catalog);
        prop_assert!(is_apart(&days, &rest, &catalog));
        check(&archive, &rest, &days)?;
    }
}

fn counted(source: u8, at: Timestamp, revision: u32) -> AdmittedOp {
    let count = StepCount {
        source: StepSourceId::from_bytes([source; 16]),
        bucket: quarter(at),
        count: 500,
        revision,
        measure: Measure::Steps,
    };
    let sequence =
        u64::from(count.bucket.get()) << 8 | u64::from(source) << 4 | u64::from(revision);
    admitted(
        sequence,
        &Payload::StepCount(count),
        at,
        Strength::Unspecified,
    )
}

#[test]
fn an_op_is_apart_unless_it_is_named_before_the_border_or_counts_on_an_archived_day() {
    let catalog = catalog();
    let border = quarter(hours(24));
    let days = ArchivedDays::of(ME, &[counted(1, hours(10), 1)], border, &catalog);
    let one_earlier = hours(24).saturating_add_ms(-15 * MINUTE_MS);
    assert!(days.is_apart(&counted(1, hours(24), 1), &catalog));
    assert!(!days.is_apart(&counted(1, one_earlier, 1), &catalog));
    assert!(days.is_named_apart(&counted(1, hours(24), 1).op));
    assert!(!days.is_named_apart(&counted(2, one_earlier, 1).op));
    // Named after the border by a clock that was ahead, and counted before.
    let mut ahead = counted(1, hours(30), 1);
    ahead.admission.received_at = hours(100);
    ahead.admission.corrected_at = hours(23);
    ahead.admission.flags = Flags::CLOCK_CORRECTED;
    assert!(!days.is_apart(&ahead, &catalog));
    assert!(!ArchivedDays::takes(border, &ahead));
    // Named before it by a clock that was behind, and counted after.
    let mut behind = counted(1, hours(5), 2);
    behind.admission.received_at = hours(100);
    behind.admission.corrected_at = hours(40);
    behind.admission.flags = Flags::CLOCK_CORRECTED;
    assert!(!days.is_apart(&behind, &catalog));
    assert!(!ArchivedDays::takes(border, &behind));
    // What counts nowhere is not archived, and does no harm.
    let mut nowhere = counted(1, hours(10), 9);
    nowhere.admission.received_at = hours(0);
    assert!(days.is_apart(&nowhere, &catalog));
    assert!(!ArchivedDays::takes(border, &nowhere));
}

#[test]
fn an_evidence_may_be_archived_at_any_time_and_adds_nothing() {
    let catalog = catalog();
    let evidence = Payload::Evidence(Evidence {
        check_in: OpId::from_bytes([9; 16]),
        code: b"a code".to_vec(),
    });
    let evidence = admitted(7, &evidence, hours(10), Strength::Unspecified);
    let border = quarter(hours(24));
    assert!(ArchivedDays::takes(border, &evidence));
    let days = ArchivedDays::of(
        ME,
        &[evidence.clone(), counted(1, hours(10), 1)],
        border,
        &catalog,
    );
    assert_eq!(
        days,
        ArchivedDays::of(ME, &[counted(1, hours(10), 1)], border, &catalog)
    );
    assert!(days.is_apart(&evidence, &catalog) && days.is_named_apart(&evidence.op));
    let check_in = crate::world::check_in(0, hours(10), crate::world::LUNCH);
    assert!(!ArchivedDays::takes(border, &check_in));
}

#[test]
fn totals_hold_under_a_catalog_whose_zone_goes_on_and_not_under_another_past() {
    let catalog = catalog();
    let days = ArchivedDays::of(
        ME,
        &[counted(1, hours(10), 1)],
        quarter(hours(24)),
        &catalog,
    );
    let with = |change: &dyn Fn(&mut v1::TimeZone)| {
        let mut proto = bare_catalog();
        change(&mut proto.time_zones[0]);
        Catalog::parse(&askel_sync::catalog::encode(&proto)).expect("a catalog")
    };
    let goes_on = with(&|zone| {
        zone.transitions.push(v1::Transition {
            at_s: 1_490_490_000,
            offset_minutes: 180,
        });
    });
    assert!(days.holds_under(&goes_on));
    assert!(!days.holds_under(&with(&|zone| zone.first_offset_minutes = 60)));
    assert!(!days.holds_under(&with(&|zone| zone.transitions[0].offset_minutes = 240)));
    assert!(!days.holds_under(&with(&|zone| zone.transitions[0].at_s += 900)));
}

#[test]
fn a_day_begins_at_its_local_midnight() {
    let catalog = catalog();
    for minutes in [0, 15, 600, 24 * 60 - 15] {
        let at = hours(0).saturating_add_ms(minutes * MINUTE_MS);
        assert_eq!(day_begins(quarter(at), &catalog), quarter(hours(0)));
    }
    assert_eq!(day_begins(quarter(hours(24)), &catalog), quarter(hours(24)));
    // The day of 25 hours.
    let late = summer_ends().saturating_add_ms(DAY_MS - 5 * 60 * MINUTE_MS);
    let midnight = summer_ends().saturating_add_ms(-4 * 60 * MINUTE_MS);
    assert_eq!(day_begins(quarter(late), &catalog), quarter(midnight));
    assert_eq!(day_begins(Quarter::new(0), &catalog), Quarter::new(0));
}

#[test]
fn totals_are_the_same_again_from_what_is_kept_of_them() {
    let catalog = catalog();
    let ops = [counted(1, hours(10), 1), counted(2, hours(60), 1)];
    let days = ArchivedDays::of(ME, &ops, quarter(hours(96)), &catalog);
    let again = ArchivedDays::from_parts(days.before(), days.zone(), days.days());
    assert_eq!(again, days);
    let of_steps: BTreeMap<LocalDate, u64> = days.days_of(Measure::Steps).collect();
    assert_eq!(of_steps, BTreeMap::from([(day(0), 500), (day(2), 500)]));
    assert_eq!(days.days_of(Measure::Minutes).count(), 0);
}
