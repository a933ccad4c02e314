//! What rules come to. Also the builders of rules for other tests.

use std::sync::Arc;

use askel_proto::v1::{self, rule::Operator};
use askel_sync::{
    admission::{AdmittedOp, Strength},
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState},
    id::{GoalId, StepSourceId},
    op::{ChallengeTotal, Manner, Measure, Payload, QuestJoined, QuestLeft, StepCount},
    rule::{self, Evaluation, GoalProgress},
    time::{Quarter, Timestamp},
};

use crate::world::{
    EVENING, LUNCH, ME, OUTSIDE, admitted, catalog_with, check_in, check_in_at, correction, goal,
    hours, season, text,
};

fn rule(operator: Operator) -> v1::Rule {
    v1::Rule {
        operator: Some(operator),
    }
}

pub(crate) fn count(target: u64) -> v1::Rule {
    count_of(v1::Filter::default(), target)
}

pub(crate) fn count_of(filter: v1::Filter, target: u64) -> v1::Rule {
    rule(Operator::Count(v1::CountRule {
        filter: Some(filter),
        target,
    }))
}

pub(crate) fn count_distinct(by: v1::DistinctBy, target: u64) -> v1::Rule {
    rule(Operator::CountDistinct(v1::CountDistinctRule {
        filter: None,
        by: by.into(),
        target,
    }))
}

pub(crate) fn sum(measure: Measure, target: u64) -> v1::Rule {
    rule(Operator::Sum(v1::SumRule {
        measure: measure.into(),
        target,
    }))
}

pub(crate) fn days_active(least: Option<(Measure, u64)>, target: u64) -> v1::Rule {
    let (measure, measure_min) = least.unwrap_or_default();
    let measure = measure.into();
    rule(Operator::DaysActive(v1::DaysActiveRule {
        filter: None,
        measure,
        measure_min,
        target,
    }))
}

pub(crate) fn all_of(rules: Vec<v1::Rule>) -> v1::Rule {
    rule(Operator::All(v1::AllRule { rules }))
}

pub(crate) fn any_of(rules: Vec<v1::Rule>) -> v1::Rule {
    rule(Operator::Any(v1::AnyRule { rules }))
}

pub(crate) fn stages(ordered: bool, rules: Vec<v1::Rule>) -> v1::Rule {
    let stage = |rule| v1::Stage {
        name: text("a stage"),
        rule: Some(rule),
    };
    let stages = rules.into_iter().map(stage).collect();
    rule(Operator::Stages(v1::StagesRule { ordered, stages }))
}

/// One point for a step, a hundred for an attendance.
pub(crate) fn collective(target: u64, people_min: u32) -> v1::Rule {
    use v1::contribution::Of;
    let attendance = v1::AttendanceContribution { filter: None };
    let contributions = vec![
        v1::Contribution {
            of: Some(Of::Measure(Measure::Steps.into())),
            points: 1,
        },
        v1::Contribution {
            of: Some(Of::Attendance(attendance)),
            points: 100,
        },
    ];
    rule(Operator::Collective(v1::CollectiveRule {
        contributions,
        target,
        people_min,
    }))
}

fn evaluate(catalog: &Arc<Catalog>, ops: &[AdmittedOp]) -> Evaluation {
    let state = ParticipantState::fold(ME, ops, catalog);
    rule::evaluate(&state, &ChallengeTotals::fold(ops), catalog)
}

/// Progress of one goal with this rule.
fn progress(rule: v1::Rule, ops: &[AdmittedOp]) -> GoalProgress {
    let evaluation = evaluate(&catalog_with(vec![goal(1, rule)]), ops);
    evaluation.goals.into_iter().next().expect("one goal")
}

fn steps(at: Timestamp, count: u32) -> AdmittedOp {
    let bucket = Quarter::containing(at).expect("after 1970");
    let count = StepCount {
        source: StepSourceId::from_bytes([1; 16]),
        bucket,
        count,
        revision: 1,
        measure: Measure::Steps,
    };
    let sequence = u64::from(bucket.get());
    admitted(
        sequence,
        &Payload::StepCount(count),
        at,
        Strength::Unspecified,
    )
}

fn total(total: u64, people: u32) -> AdmittedOp {
    let goal = GoalId::new(1);
    let total = ChallengeTotal {
        goal,
        total,
        people,
        revision: 1,
        occurred_at: hours(0),
    };
    admitted(
        900,
        &Payload::ChallengeTotal(total),
        hours(0),
        Strength::Unspecified,
    )
}

#[test]
fn each_operator_counts_what_it_says() {
    let ops = [
        check_in(1, hours(12), LUNCH),
        check_in(2, hours(13), LUNCH),
        check_in(3, hours(18), EVENING),
        check_in_at(4, crate::world::LIBRARY, hours(24 + 10), LUNCH),
        steps(hours(9), 3_000),
        steps(hours(48 + 9), 6_000),
    ];
    let check = |rule: v1::Rule, current: u64, target: u64, reached: bool| {
        let found = progress(rule, &ops);
        assert_eq!(
            (found.current, found.target, found.reached),
            (current, target, reached)
        );
    };
    check(count(3), 3, 3, true);
    check(count(4), 3, 4, false);
    check(count_distinct(v1::DistinctBy::Place, 2), 2, 2, true);
    check(count_distinct(v1::DistinctBy::Date, 3), 2, 3, false);
    check(count_distinct(v1::DistinctBy::Week, 1), 1, 1, true);
    check(count_distinct(v1::DistinctBy::Activity, 1), 1, 1, true);
    check(days_active(None, 2), 2, 2, true);
    check(days_active(Some((Measure::Steps, 6_000)), 3), 3, 3, true);
    check(days_active(Some((Measure::Steps, 6_001)), 3), 2, 3, false);
    check(
        any_of(vec![sum(Measure::Steps, 10_000), count(30)]),
        9_000,
        10_000,
        false,
    );
    check(
        any_of(vec![sum(Measure::Steps, 10_000), count(3)]),
        3,
        3,
        true,
    );
    check(all_of(vec![count(1), count(9)]), 1, 2, false);
}

#[test]
fn a_filter_looks_at_place_activity_kind_keyword_and_manner() {
    let ops = [
        check_in(1, hours(12), LUNCH),
        check_in(2, hours(16), OUTSIDE),
        check_in_at(
            3,
            crate::world::LIBRARY,
            hours(24 + 18),
            crate::world::OUTING,
        ),
    ];
    let check = |filter: v1::Filter, expected: u64| {
        assert_eq!(
            progress(count_of(filter.clone(), 9), &ops).current,
            expected,
            "{filter:?}"
        );
    };
    let none = v1::Filter::default;
    check(none(), 3);
    check(
        v1::Filter {
            place_ids: vec![1],
            ..none()
        },
        2,
    );
    check(
        v1::Filter {
            activity_ids: vec![1],
            ..none()
        },
        1,
    );
    check(
        v1::Filter {
            activity_kinds: vec![v1::ActivityKind::Outing.into()],
            ..none()
        },
        1,
    );
    check(
        v1::Filter {
            keywords: vec!["downstairs".to_owned()],
            ..none()
        },
        2,
    );
    check(
        v1::Filter {
            keywords: vec!["forest".to_owned()],
            ..none()
        },
        1,
    );
    check(
        v1::Filter {
            strength_min: Strength::Card.into(),
            ..none()
        },
        3,
    );
    check(
        v1::Filter {
            manners: vec![Manner::Outreach.into()],
            ..none()
        },
        0,
    );
}

#[test]
fn a_filter_by_strength_leaves_a_self_report_out() {
    let mut weak = check_in(1, hours(12), LUNCH);
    weak.admission.strength = Strength::SelfReport;
    let card = v1::Filter {
        strength_min: Strength::Card.into(),
        ..v1::Filter::default()
    };
    assert_eq!(progress(count_of(card, 9), &[weak]).current, 0);
}

#[test]
fn an_ordered_stage_waits_for_those_before_it_and_a_free_one_does_not() {
    let ops = [
        check_in(1, hours(12), LUNCH),
        check_in(2, hours(18), EVENING),
    ];
    let rules = || vec![count(1), count(3), count(2)];
    let reached = |ordered| {
        let found = progress(stages(ordered, rules()), &ops);
        (
            found
                .stages
                .iter()
                .map(|stage| stage.reached)
                .collect::<Vec<_>>(),
            found.current,
        )
    };
    assert_eq!(reached(true), (vec![true, false, false], 1));
    assert_eq!(reached(false), (vec![true, false, true], 2));
}

#[test]
fn stages_and_the_goal_give_a_badge_each() {
    let quest = v1::Goal {
        stage_badge_ids: vec![2, 0, 3],
        ..goal(1, stages(true, vec![count(1), count(2), count(3)]))
    };
    let catalog = catalog_with(vec![quest]);
    let visit = |days: i64| check_in(days.unsigned_abs(), hours(days * 24 + 12), LUNCH);
    let badges = |days: i64| {
        let ops: Vec<_> = (0..days).map(visit).collect();
        let eligible = evaluate(&catalog, &ops).eligible;
        let mut found: Vec<_> = eligible
            .iter()
            .map(|one| (one.stage, one.badge.get()))
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(badges(1), [(1, 2)]);
    assert_eq!(badges(2), [(1, 2)]);
    assert_eq!(badges(3), [(0, 1), (1, 2), (3, 3)]);
}

#[test]
fn a_collective_goal_needs_the_total_the_people_and_an_own_contribution() {
    let own = check_in(1, hours(12), LUNCH);
    let check = |ops: &[AdmittedOp], current: u64, reached: bool| {
        let found = progress(collective(1_000, 5), ops);
        assert_eq!((found.current, found.reached), (current, reached));
    };
    check(&[own.clone(), total(1_000, 5)], 1_000, true);
    check(&[own.clone(), total(999, 5)], 999, false);
    check(&[own.clone(), total(1_000, 4)], 0, false);
    check(&[total(1_000, 5)], 1_000, false);
    let catalog = catalog_with(vec![goal(1, collective(1_000, 5))]);
    let state = ParticipantState::fold(ME, &[own, steps(hours(9), 30)], &catalog);
    assert_eq!(rule::contribution(&state, GoalId::new(1), &catalog), 130);
    assert_eq!(rule::contribution(&state, GoalId::new(2), &catalog), 0);
}

#[test]
fn only_days_of_the_season_count_both_ends_included() {
    let seasonal = v1::Goal {
        season: season(0, 1),
        ..goal(1, count(9))
    };
    let catalog = catalog_with(vec![seasonal]);
    let ops = [
        check_in(1, hours(3), OUTSIDE),
        check_in(2, hours(4), OUTSIDE),
        check_in(3, hours(51), OUTSIDE),
        check_in(4, hours(52), OUTSIDE),
    ];
    assert_eq!(
        evaluate(&catalog, &ops)
            .goals
            .first()
            .map(|goal| goal.current),
        Some(2)
    );
}

#[test]
fn a_goal_for_those_who_joined_counts_while_they_have() {
    let joined_only = v1::Goal {
        joined_only: true,
        badge_id: 0,
        ..goal(1, count(1))
    };
    let catalog = catalog_with(vec![joined_only]);
    let at = hours(10);
    let (goal, occurred_at) = (GoalId::new(1), at);
    let join = Payload::QuestJoined(QuestJoined { goal, occurred_at });
    let join = admitted(7, &join, at, Strength::Unspecified);
    let leave = Payload::QuestLeft(QuestLeft {
        goal,
        occurred_at,
        joined: vec![join.id()],
    });
    let leave = admitted(8, &leave, at, Strength::Unspecified);
    let visit = check_in(1, hours(12), LUNCH);
    let reached = |ops: &[AdmittedOp]| evaluate(&catalog, ops).goals.first().expect("one").reached;
    assert!(!reached(std::slice::from_ref(&visit)));
    assert!(reached(&[visit.clone(), join.clone()]));
    assert!(!reached(&[visit, leave, join]));
}

#[test]
fn a_void_takes_progress_back_and_no_confirmed_award() {
    let catalog = catalog_with(vec![goal(1, count(1))]);
    let visit = check_in(1, hours(12), LUNCH);
    let visited = evaluate(&catalog, std::slice::from_ref(&visit));
    let award = visited.eligible.first().expect("eligible").award;
    let confirmed = askel_sync::op::AwardConfirmed {
        award,
        goal: GoalId::new(1),
        stage: 0,
        rule_version: 1,
        catalog_hash: catalog.hash().to_vec(),
        occurred_at: hours(13),
    };
    let confirmed = admitted(
        2,
        &Payload::AwardConfirmed(confirmed),
        hours(13),
        Strength::Unspecified,
    );
    let void = correction(3, visit.id(), 1, askel_sync::op::Verdict::Void);
    let state = ParticipantState::fold(ME, &[visit, confirmed, void], &catalog);
    let evaluation = rule::evaluate(&state, &ChallengeTotals::new(), &catalog);
    assert!(evaluation.eligible.is_empty());
    assert_eq!(state.awards(&evaluation.eligible).shown(), [award].into());
}
