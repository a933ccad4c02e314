//! The world's catalog: three places that never close, and a goal of each sort.

use askel_proto::v1;
use askel_sync::{catalog, id::TenantId};

/// Places 1 to so many.
pub(crate) const PLACES: u32 = 3;
/// One attendance.
pub(crate) const FIRST_VISIT: u32 = 1;
/// Three attendances.
pub(crate) const THREE_VISITS: u32 = 2;
/// Two attendances from joining on.
pub(crate) const QUEST: u32 = 4;

/// The catalog of a version: a later one has another text and a place more.
pub(crate) fn content(tenant: TenantId, version: u32) -> Vec<u8> {
    let places = PLACES.saturating_add(version.saturating_sub(1));
    with_places(tenant, version, places)
}

/// A catalog of so many places.
pub(crate) fn with_places(tenant: TenantId, version: u32, places: u32) -> Vec<u8> {
    let catalog = v1::Catalog {
        version,
        tenant_id: tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Europe/Helsinki".to_owned(),
            first_offset_minutes: 180,
            transitions: Vec::new(),
        }],
        organisations: vec![v1::Organisation {
            id: 1,
            name: Some(text(&"A house ".repeat(100))),
        }],
        places: (1..=places).map(place).collect(),
        goals: vec![
            goal(FIRST_VISIT, count(1), 1),
            goal(THREE_VISITS, count(3), 2),
            goal(3, steps_or_visits(), 3),
            v1::Goal {
                joined_only: true,
                badge_id: 0,
                ..goal(QUEST, count(2), 0)
            },
            v1::Goal {
                kind: v1::GoalKind::Challenge.into(),
                ..goal(5, together(), 4)
            },
        ],
        badges: (1..=4).map(badge).collect(),
        alias_words: vec![v1::AliasWord {
            id: 1,
            text: Some(text("moon")),
        }],
        ..v1::Catalog::default()
    };
    catalog::encode(&catalog)
}

fn text(words: &str) -> v1::LocalizedText {
    v1::LocalizedText {
        variants: vec![v1::TextVariant {
            language: "en".to_owned(),
            text: words.to_owned(),
        }],
    }
}

fn place(id: u32) -> v1::Place {
    let interval = |weekday: u32| v1::OpeningInterval {
        slot_id: weekday,
        weekday,
        from_minute: 0,
        until_minute: 24 * 60,
        activity_id: 0,
    };
    v1::Place {
        id,
        organisation_id: 1,
        name: Some(text("A place")),
        time_zone_id: 1,
        opening_intervals: (1..=7).map(interval).collect(),
        ..v1::Place::default()
    }
}

fn badge(id: u32) -> v1::Badge {
    v1::Badge {
        id,
        name: Some(text("A badge")),
        ..v1::Badge::default()
    }
}

fn goal(id: u32, rule: v1::Rule, badge_id: u32) -> v1::Goal {
    v1::Goal {
        id,
        kind: v1::GoalKind::Badge.into(),
        name: Some(text("A goal")),
        rule_version: 1,
        rule: Some(rule),
        badge_id,
        ..v1::Goal::default()
    }
}

fn rule(operator: v1::rule::Operator) -> v1::Rule {
    v1::Rule {
        operator: Some(operator),
    }
}

fn count(target: u64) -> v1::Rule {
    rule(v1::rule::Operator::Count(v1::CountRule {
        filter: None,
        target,
    }))
}

/// Whatever needs steps has an alternative without them.
fn steps_or_visits() -> v1::Rule {
    let steps = v1::SumRule {
        measure: v1::Measure::Steps.into(),
        target: 10_000,
    };
    let rules = vec![rule(v1::rule::Operator::Sum(steps)), count(5)];
    rule(v1::rule::Operator::Any(v1::AnyRule { rules }))
}

fn together() -> v1::Rule {
    let of = v1::contribution::Of::Attendance(v1::AttendanceContribution { filter: None });
    rule(v1::rule::Operator::Collective(v1::CollectiveRule {
        contributions: vec![v1::Contribution {
            of: Some(of),
            points: 1,
        }],
        target: 6,
        people_min: 5,
    }))
}
