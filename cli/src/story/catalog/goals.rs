//! What can be reached: a dozen badges, a step quest with five stages, one challenge. A paper card
//! reaches all of it: whatever needs steps counts visits as well.

use askel_proto::v1;
use askel_sync::id::GoalId;
use v1::rule::Operator;

use super::{
    BASEMENT, KIIMINKI, QUIET, SeasonDates, ZONE,
    places::WALKING_GROUP,
    words::{Pick, Words},
};

/// The badge of a visit to Kiiminki.
pub(crate) const BADGE_TO_KIIMINKI: GoalId = GoalId::new(6);
/// "Five million together".
pub(crate) const CHALLENGE: GoalId = GoalId::new(30);
/// Its target: steps count 1 each.
const CHALLENGE_TARGET: u64 = 5_000_000;

const QUEST: u32 = 20;
const VISIT_POINTS: u32 = 2_000;
const MINUTE_POINTS: u32 = 100;

/// The dozen, by goal and badge number from 1.
fn badge_rules() -> [(Pick, v1::Rule); 12] {
    [
        (|text| &text.badges.first_visit, visits(1)),
        (|text| &text.badges.third_visit, visits(3)),
        (|text| &text.badges.ten_visits, visits(10)),
        (
            |text| &text.badges.three_places,
            distinct(v1::DistinctBy::Place, 3),
        ),
        (
            |text| &text.badges.four_weeks,
            distinct(v1::DistinctBy::Week, 4),
        ),
        (|text| &text.badges.kiiminki, visits_to(KIIMINKI.get(), 1)),
        (|text| &text.badges.group, count(group(), 3)),
        (|text| &text.badges.outing, count(outing(), 1)),
        (|text| &text.badges.quiet, visits_to(QUIET.get(), 2)),
        (|text| &text.badges.ten_days, days_active(5_000, 10)),
        (
            |text| &text.badges.long_way,
            any(vec![steps(100_000), minutes(600), visits(8)]),
        ),
        (
            |text| &text.badges.town_and_village,
            all(vec![
                visits_to(BASEMENT.get(), 2),
                visits_to(KIIMINKI.get(), 1),
            ]),
        ),
    ]
}

/// Each stage by steps or by visits.
fn stage_rules() -> [(Pick, v1::Rule); 5] {
    let stage = |step_target, visit_target| any(vec![steps(step_target), visits(visit_target)]);
    [
        (|text| &text.quest.stages.market, stage(20_000, 2)),
        (|text| &text.quest.stages.bridges, stage(50_000, 4)),
        (|text| &text.quest.stages.delta, stage(90_000, 6)),
        (|text| &text.quest.stages.ferry, stage(140_000, 8)),
        (|text| &text.quest.stages.lighthouse, stage(200_000, 10)),
    ]
}

pub(super) fn goals(words: &Words, season: SeasonDates) -> Vec<v1::Goal> {
    let mut goals: Vec<v1::Goal> = (1..)
        .zip(badge_rules())
        .map(|(id, (pick, rule))| v1::Goal {
            id,
            kind: v1::GoalKind::Badge.into(),
            badge_id: id,
            ..goal(words.described(pick), rule, season)
        })
        .collect();
    let quest_words = (
        words.text(|text| text.quest.name.clone()),
        words.text(|text| text.quest.description.clone()),
    );
    goals.push(v1::Goal {
        id: QUEST,
        kind: v1::GoalKind::StepQuest.into(),
        stage_badge_ids: (QUEST.saturating_add(1)..=QUEST.saturating_add(5)).collect(),
        ..goal(quest_words, quest_rule(words), season)
    });
    let challenge_words = (
        words.text(|text| text.challenge.name.clone()),
        words.text(|text| text.challenge.description.clone()),
    );
    goals.push(v1::Goal {
        id: CHALLENGE.get(),
        kind: v1::GoalKind::Challenge.into(),
        badge_id: CHALLENGE.get(),
        ..goal(challenge_words, challenge_rule(), season)
    });
    goals
}

fn goal(
    (name, description): (v1::LocalizedText, v1::LocalizedText),
    rule: v1::Rule,
    season: SeasonDates,
) -> v1::Goal {
    v1::Goal {
        name: Some(name),
        description: Some(description),
        rule_version: 1,
        rule: Some(rule),
        season: Some(v1::Season {
            first_date: season.first.as_days(),
            last_date: season.last.as_days(),
            time_zone_id: ZONE,
        }),
        ..v1::Goal::default()
    }
}

pub(super) fn badges(words: &Words) -> Vec<v1::Badge> {
    let badge = |id: u32, (name, description)| v1::Badge {
        id,
        name: Some(name),
        description: Some(description),
        picture: id,
    };
    let dozen = (1..)
        .zip(badge_rules())
        .map(|(id, (pick, _))| badge(id, words.described(pick)));
    let stages = (QUEST.saturating_add(1)..)
        .zip(stage_rules())
        .map(|(id, (pick, _))| badge(id, words.described(pick)));
    let together = badge(
        CHALLENGE.get(),
        words.described(|text| &text.challenge.badge),
    );
    dozen.chain(stages).chain([together]).collect()
}

fn quest_rule(words: &Words) -> v1::Rule {
    let stages = stage_rules()
        .into_iter()
        .map(|(pick, rule)| v1::Stage {
            name: Some(words.described(pick).0),
            rule: Some(rule),
        })
        .collect();
    rule(Operator::Stages(v1::StagesRule {
        ordered: true,
        stages,
    }))
}

fn challenge_rule() -> v1::Rule {
    use v1::contribution::Of;
    let contribution = |of, points| v1::Contribution {
        of: Some(of),
        points,
    };
    let visit = v1::AttendanceContribution { filter: None };
    rule(Operator::Collective(v1::CollectiveRule {
        contributions: vec![
            contribution(Of::Measure(v1::Measure::Steps.into()), 1),
            contribution(Of::Measure(v1::Measure::Minutes.into()), MINUTE_POINTS),
            contribution(Of::Attendance(visit), VISIT_POINTS),
        ],
        target: CHALLENGE_TARGET,
        people_min: 5,
    }))
}

fn rule(operator: Operator) -> v1::Rule {
    v1::Rule {
        operator: Some(operator),
    }
}

fn count(filter: v1::Filter, target: u64) -> v1::Rule {
    rule(Operator::Count(v1::CountRule {
        filter: Some(filter),
        target,
    }))
}

fn visits(target: u64) -> v1::Rule {
    rule(Operator::Count(v1::CountRule {
        filter: None,
        target,
    }))
}

fn visits_to(place: u32, target: u64) -> v1::Rule {
    count(
        v1::Filter {
            place_ids: vec![place],
            ..v1::Filter::default()
        },
        target,
    )
}

fn group() -> v1::Filter {
    v1::Filter {
        activity_ids: vec![WALKING_GROUP],
        ..v1::Filter::default()
    }
}

fn outing() -> v1::Filter {
    v1::Filter {
        activity_kinds: vec![v1::ActivityKind::Outing.into()],
        ..v1::Filter::default()
    }
}

fn distinct(by: v1::DistinctBy, target: u64) -> v1::Rule {
    rule(Operator::CountDistinct(v1::CountDistinctRule {
        filter: None,
        by: by.into(),
        target,
    }))
}

fn days_active(measure_min: u64, target: u64) -> v1::Rule {
    rule(Operator::DaysActive(v1::DaysActiveRule {
        filter: None,
        measure: v1::Measure::Steps.into(),
        measure_min,
        target,
    }))
}

fn steps(target: u64) -> v1::Rule {
    rule(Operator::Sum(v1::SumRule {
        measure: v1::Measure::Steps.into(),
        target,
    }))
}

fn minutes(target: u64) -> v1::Rule {
    rule(Operator::Sum(v1::SumRule {
        measure: v1::Measure::Minutes.into(),
        target,
    }))
}

fn any(rules: Vec<v1::Rule>) -> v1::Rule {
    rule(Operator::Any(v1::AnyRule { rules }))
}

fn all(rules: Vec<v1::Rule>) -> v1::Rule {
    rule(Operator::All(v1::AllRule { rules }))
}
