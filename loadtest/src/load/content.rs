//! The catalog of a tenant under load: enough places and goals that rules have work.

use askel_proto::v1::{
    self, Contribution, CountDistinctRule, CountRule, DaysActiveRule, DistinctBy, contribution::Of,
    rule::Operator,
};
use askel_sync::id::TenantId;

use crate::catalog::text;

/// Places; their ids are 1 to this.
pub(crate) const PLACES: u32 = 100;
/// The only time zone, which is UTC.
const ZONE: u32 = 1;
/// The challenge that everyone gives to.
pub(crate) const TOGETHER: u32 = 100;

/// Builds it.
pub(crate) fn build(tenant: TenantId) -> v1::Catalog {
    let rules = [
        count(1),
        count(10),
        count(50),
        distinct(DistinctBy::Place, 5),
        distinct(DistinctBy::Place, 25),
        distinct(DistinctBy::Week, 8),
        Operator::DaysActive(DaysActiveRule {
            target: 20,
            ..DaysActiveRule::default()
        }),
        Operator::Any(v1::AnyRule {
            rules: vec![rule(count(100)), rule(distinct(DistinctBy::Date, 60))],
        }),
    ];
    let goals = (1..).zip(rules).map(|(id, rule)| goal(id, rule));
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
        goals: goals.chain([together()]).collect(),
        badges: (1..=8).map(badge).collect(),
        ..v1::Catalog::default()
    }
}

fn rule(operator: Operator) -> v1::Rule {
    v1::Rule {
        operator: Some(operator),
    }
}

fn count(target: u64) -> Operator {
    Operator::Count(CountRule {
        filter: None,
        target,
    })
}

fn distinct(by: DistinctBy, target: u64) -> Operator {
    Operator::CountDistinct(CountDistinctRule {
        filter: None,
        by: by.into(),
        target,
    })
}

fn goal(id: u32, operator: Operator) -> v1::Goal {
    v1::Goal {
        id,
        kind: v1::GoalKind::Badge.into(),
        name: text(&format!("Goal {id}")),
        rule_version: 1,
        rule: Some(rule(operator)),
        badge_id: id,
        ..v1::Goal::default()
    }
}

fn together() -> v1::Goal {
    let contribution = Contribution {
        of: Some(Of::Attendance(v1::AttendanceContribution::default())),
        points: 1,
    };
    v1::Goal {
        kind: v1::GoalKind::Challenge.into(),
        badge_id: 0,
        ..goal(
            TOGETHER,
            Operator::Collective(v1::CollectiveRule {
                contributions: vec![contribution],
                target: 1_000_000,
                people_min: 5,
            }),
        )
    }
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

fn badge(id: u32) -> v1::Badge {
    v1::Badge {
        id,
        name: text(&format!("Badge {id}")),
        picture: id,
        ..v1::Badge::default()
    }
}

#[cfg(test)]
mod tests {
    use askel_sync::catalog::{Catalog, encode};

    use super::*;

    #[test]
    fn the_catalog_is_within_every_bound() {
        let catalog = Catalog::parse(&encode(&build(TenantId::from_bytes([1; 16])))).unwrap();
        assert_eq!(catalog.places().len(), 100);
        assert_eq!(catalog.goals().len(), 9);
    }
}
