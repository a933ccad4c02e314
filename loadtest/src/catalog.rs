//! The catalog of the year: fifty places, a badge for each week, quests that nobody finishes.

use askel_proto::v1;
use askel_sync::{
    id::{GoalId, TenantId},
    time::{DAY_MS, LocalDate},
};
use askel_workload::{PLACES, QUESTS, START_MS, WORDS};
use v1::rule::Operator;

/// Goals of weeks have their week's number plus this; those of quests their own.
const WEEK_GOALS: u32 = 1_000;
/// Weeks that have a badge; a longer run goes on without.
pub(crate) const WEEKS: u32 = 52;
/// More visits than anyone makes.
const NEVER: u64 = 1_000_000;
/// The only time zone, which is UTC.
const ZONE: u32 = 1;

/// Builds it.
pub(crate) fn build(tenant: TenantId) -> v1::Catalog {
    v1::Catalog {
        version: 1,
        tenant_id: tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: ZONE,
            name: "UTC".to_owned(),
            ..v1::TimeZone::default()
        }],
        organisations: vec![v1::Organisation {
            id: 1,
            name: text("The town"),
        }],
        places: (1..=PLACES).map(place).collect(),
        goals: (1..=QUESTS)
            .map(quest)
            .chain((1..=WEEKS).map(week))
            .collect(),
        badges: (1..=WEEKS).map(badge).collect(),
        alias_words: (1..=WORDS).map(word).collect(),
        ..v1::Catalog::default()
    }
}

/// The week of a goal, if it is one of a week.
pub(crate) fn week_of(goal: GoalId) -> Option<u32> {
    goal.get().checked_sub(WEEK_GOALS)
}

fn place(id: u32) -> v1::Place {
    v1::Place {
        id,
        organisation_id: 1,
        name: text(&format!("Place {id}")),
        time_zone_id: ZONE,
        ..v1::Place::default()
    }
}

fn quest(id: u32) -> v1::Goal {
    v1::Goal {
        joined_only: true,
        ..goal(id, &format!("Quest {id}"), visits(NEVER))
    }
}

fn week(week: u32) -> v1::Goal {
    let start_day = i32::try_from(START_MS / DAY_MS).unwrap_or(i32::MAX);
    let days = i32::try_from(week.saturating_sub(1).saturating_mul(7)).unwrap_or(i32::MAX);
    let first = LocalDate::from_days(start_day.saturating_add(days));
    v1::Goal {
        badge_id: week,
        season: Some(v1::Season {
            first_date: first.as_days(),
            last_date: first.as_days().saturating_add(6),
            time_zone_id: ZONE,
        }),
        ..goal(
            WEEK_GOALS.saturating_add(week),
            &format!("Week {week}"),
            visits(1),
        )
    }
}

fn goal(id: u32, name: &str, rule: v1::Rule) -> v1::Goal {
    v1::Goal {
        id,
        kind: v1::GoalKind::Badge.into(),
        name: text(name),
        rule_version: 1,
        rule: Some(rule),
        ..v1::Goal::default()
    }
}

fn visits(target: u64) -> v1::Rule {
    v1::Rule {
        operator: Some(Operator::Count(v1::CountRule {
            filter: None,
            target,
        })),
    }
}

fn badge(id: u32) -> v1::Badge {
    v1::Badge {
        id,
        name: text(&format!("Week {id}")),
        picture: id,
        ..v1::Badge::default()
    }
}

fn word(id: u32) -> v1::AliasWord {
    v1::AliasWord {
        id,
        text: text(&format!("word{id}")),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
/// Words in English alone.
pub(crate) fn text(words: &str) -> Option<v1::LocalizedText> {
    let variant = v1::TextVariant {
        language: "en".to_owned(),
        text: words.to_owned(),
    };
    Some(v1::LocalizedText {
        variants: vec![variant],
    })
}

#[cfg(test)]
mod tests {
    use askel_sync::catalog::{Catalog, encode};

    use super::*;

    #[test]
    fn the_catalog_is_within_every_bound() {
        let catalog = Catalog::parse(&encode(&build(TenantId::from_bytes([1; 16])))).unwrap();
        assert_eq!(catalog.places().len(), 50);
        assert_eq!(catalog.goals().len(), 30 + 52);
    }
}
