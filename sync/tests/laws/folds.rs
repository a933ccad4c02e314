//! Folds and what is derived of them know neither order nor repetition nor split; by changes comes
//! to the same as from scratch.

use std::sync::Arc;

use askel_proto::v1::{self, rule::Operator};
use askel_sync::{
    admission::{AdmittedOp, Strength},
    award,
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState},
    id::{GoalId, StepSourceId},
    op::{ChallengeTotal, Measure, Op, Payload, StepCount},
    rule::{self, Evaluation, Tracker},
    time::Quarter,
};
use proptest::prelude::*;

use crate::{
    acts::{delivered, month},
    rules::{any_of, collective, count, count_distinct, days_active, stages, sum},
    world::{ME, admitted, catalog_with, goal, season, tuesday},
};

/// Every operator, with and without a season, open and for those who joined.
fn catalog() -> Arc<Catalog> {
    let steps = |target| any_of(vec![sum(Measure::Steps, target), count(2)]);
    let rules = [
        count(2),
        count_distinct(v1::DistinctBy::Place, 2),
        count_distinct(v1::DistinctBy::Week, 2),
        count_distinct(v1::DistinctBy::ActivityKind, 2),
        steps(20_000),
        days_active(Some((Measure::Steps, 5_000)), 2),
        stages(true, vec![count(1), steps(9_000), count(3)]),
        stages(false, vec![count(3), count(1)]),
        collective(1_000, 5),
    ];
    let open = (1..).zip(&rules).map(|(id, rule)| v1::Goal {
        stage_badge_ids: match &rule.operator {
            Some(Operator::Stages(stages)) => (2..).take(stages.stages.len()).collect(),
            _ => Vec::new(),
        },
        ..goal(id, rule.clone())
    });
    let seasonal = (10..).zip(&rules).map(|(id, rule)| v1::Goal {
        season: season(1, 1),
        joined_only: true,
        badge_id: 0,
        ..goal(id, rule.clone())
    });
    catalog_with(open.chain(seasonal).collect())
}

fn totals() -> ChallengeTotals {
    let total = |goal, total, people, revision| {
        let goal = GoalId::new(goal);
        let occurred_at = tuesday(0);
        let total = ChallengeTotal {
            goal,
            total,
            people,
            revision,
            occurred_at,
        };
        admitted(
            revision.into(),
            &Payload::ChallengeTotal(total),
            occurred_at,
            Strength::Unspecified,
        )
    };
    ChallengeTotals::fold(&[total(9, 2_000, 5, 1), total(18, 999, 9, 2)])
}

fn by_changes(ops: &[AdmittedOp], catalog: &Arc<Catalog>) -> Evaluation {
    let mut state = ParticipantState::new(ME);
    let mut tracker = Tracker::new(Arc::clone(catalog), ME);
    for op in ops {
        for change in state.apply(op, catalog) {
            tracker.apply_change(&change);
        }
    }
    tracker.evaluation(&totals())
}

proptest! {
    #[test]
    fn order_repetition_and_split_change_nothing((written, delivered) in delivered(), cut: usize) {
        let catalog = catalog();
        let expected = ParticipantState::fold(ME, &written, &catalog);
        let at = cut % delivered.len();
        let (first, second) = delivered.split_at(at);
        let mut state = ParticipantState::fold(ME, first, &catalog);
        for op in second {
            state.apply(op, &catalog);
        }
        prop_assert_eq!(&state, &expected);
        prop_assert_eq!(state.canonical_bytes(), expected.canonical_bytes());
    }

    #[test]
    fn many_at_once_are_as_one_by_one((written, delivered) in delivered(), cut: usize) {
        let catalog = catalog();
        let mut expected = ParticipantState::new(ME);
        for op in &written {
            expected.apply(op, &catalog);
        }
        let (first, second) = delivered.split_at(cut % delivered.len());
        let mut state = ParticipantState::new(ME);
        state.apply_all(first, &catalog);
        // A copy shares what is large, and changes by itself.
        let copy = state.clone();
        state.apply_all(second, &catalog);
        prop_assert_eq!(&state, &expected);
        prop_assert_eq!(state.canonical_bytes(), expected.canonical_bytes());
        prop_assert_eq!(copy, ParticipantState::fold(ME, first, &catalog));
    }

    #[test]
    fn attendances_days_and_awards_are_the_same_in_any_order((written, delivered) in delivered()) {
        let catalog = catalog();
        let one = ParticipantState::fold(ME, &written, &catalog);
        let other = ParticipantState::fold(ME, &delivered, &catalog);
        prop_assert!(one.attendances().eq(other.attendances()));
        prop_assert_eq!(one.day_steps(Measure::Steps), other.day_steps(Measure::Steps));
        prop_assert_eq!(one.favourites(), other.favourites());
        prop_assert_eq!(one.joined(), other.joined());
        prop_assert_eq!(one.profile(), other.profile());
        let shown = |state: &ParticipantState| {
            let evaluation = rule::evaluate(state, &totals(), &catalog);
            let shown = state.awards(&evaluation.eligible).shown();
            award::set_hash(shown.into_iter().map(|award| (ME, award)))
        };
        prop_assert_eq!(shown(&one), shown(&other));
    }

    #[test]
    fn by_changes_and_from_scratch_evaluate_alike((written, delivered) in delivered()) {
        let catalog = catalog();
        let state = ParticipantState::fold(ME, &written, &catalog);
        let from_scratch = rule::evaluate(&state, &totals(), &catalog);
        prop_assert_eq!(&by_changes(&written, &catalog), &from_scratch);
        prop_assert_eq!(&by_changes(&delivered, &catalog), &from_scratch);
        let over = Tracker::over(Arc::clone(&catalog), &state).evaluation(&totals());
        prop_assert_eq!(&over, &from_scratch);
    }

    #[test]
    fn contributions_are_what_a_collective_goal_sees(ops in month()) {
        let catalog = catalog();
        let state = ParticipantState::fold(ME, &ops, &catalog);
        let contributes = rule::contribution(&state, GoalId::new(9), &catalog) > 0;
        let evaluation = rule::evaluate(&state, &totals(), &catalog);
        let reached = evaluation.goal(GoalId::new(9)).is_some_and(|goal| goal.reached);
        prop_assert_eq!(reached, contributes);
    }

    #[test]
    fn a_new_catalog_derives_the_same_as_folding_with_it_from_the_start(ops in month()) {
        let (old, new) = (catalog_with(Vec::new()), catalog());
        let mut state = ParticipantState::fold(ME, &ops, &old);
        state.rebase(&new);
        prop_assert_eq!(state, ParticipantState::fold(ME, &ops, &new));
    }

    #[test]
    fn an_unknown_kind_changes_nothing(ops in month(), payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let catalog = catalog();
        let mut state = ParticipantState::fold(ME, &ops, &catalog);
        let before = state.clone();
        let mut unknown = ops.first().expect("one at least").clone();
        unknown.op = Op { kind: 9_999, payload: payload.into(), ..unknown.op };
        prop_assert!(state.apply(&unknown, &catalog).is_empty());
        prop_assert_eq!(state, before);
    }
}

#[test]
fn of_two_admissions_of_one_op_the_greater_holds_in_any_order() {
    let catalog = catalog();
    let early = crate::world::check_in(0, tuesday(750), crate::world::LUNCH);
    let mut late = early.clone();
    late.admission.corrected_at = tuesday(30 * 60);
    let one = ParticipantState::fold(ME, [&early, &late], &catalog);
    assert_eq!(one, ParticipantState::fold(ME, [&late, &early], &catalog));
    assert_eq!(one, ParticipantState::fold(ME, [&late], &catalog));
}

#[test]
fn an_op_about_someone_else_changes_nothing() {
    let catalog = catalog();
    let mut foreign = crate::world::check_in(0, tuesday(750), crate::world::LUNCH);
    foreign.admission.subject = Some(askel_sync::id::ParticipantId::from_bytes([0xff; 16]));
    let mut state = ParticipantState::new(ME);
    assert!(state.apply(&foreign, &catalog).is_empty());
    assert_eq!(state.attendances().len(), 0);
}

#[test]
fn the_highest_revision_of_a_total_holds_in_any_order() {
    let total = |revision: u32, total| {
        let goal = GoalId::new(9);
        let total = ChallengeTotal {
            goal,
            total,
            people: 5,
            revision,
            occurred_at: tuesday(0),
        };
        let payload = Payload::ChallengeTotal(total);
        admitted(revision.into(), &payload, tuesday(0), Strength::Unspecified)
    };
    let (older, newer) = (total(1, 500), total(2, 400));
    for order in [[&older, &newer], [&newer, &older]] {
        let totals = ChallengeTotals::fold(order);
        assert_eq!(
            totals.total(GoalId::new(9)).map(|total| total.total),
            Some(400)
        );
    }
}

#[test]
fn a_lowered_count_takes_an_active_day_back_by_changes_too() {
    let catalog = catalog_with(vec![goal(1, days_active(Some((Measure::Steps, 5_000)), 1))]);
    let counted = |count, revision| {
        let count = StepCount {
            source: StepSourceId::from_bytes([1; 16]),
            bucket: Quarter::new(1_700_000),
            count,
            revision,
            measure: Measure::Steps,
        };
        admitted(
            revision.into(),
            &Payload::StepCount(count),
            count.bucket.begins_at(),
            Strength::Unspecified,
        )
    };
    let current = |ops: &[AdmittedOp]| {
        let evaluation = by_changes(ops, &catalog);
        evaluation.goal(GoalId::new(1)).map(|goal| goal.current)
    };
    assert_eq!(current(&[counted(5_000, 1)]), Some(1));
    assert_eq!(current(&[counted(5_000, 1), counted(4_999, 2)]), Some(0));
}
