//! Goals and their rules.

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;

use super::{
    super::{Catalog, CatalogError, EntryFault, Form},
    entries, known, named, reference, text,
};
use crate::{
    goal::{Entry, Goal, Season},
    id::{BadgeId, GoalId, TimeZoneId},
    rule::{Filter, Rule},
    time::LocalDate,
};

impl Catalog {
    /// Goals, and those of a later version, which are left out.
    pub(super) fn goal_entries(
        &self,
        form: &Form,
    ) -> Result<(BTreeMap<GoalId, Goal>, BTreeSet<GoalId>), CatalogError> {
        let protos = &self.proto.goals;
        entries("goal", protos, |goal| goal.id, |_| Ok(()))?;
        let (mut goals, mut unavailable) = (BTreeMap::new(), BTreeSet::new());
        for (index, proto) in protos.iter().enumerate() {
            let id = GoalId::new(proto.id);
            match (self.checked_goal(proto), form) {
                (Ok(goal), Form::Later { known }) if known.get(index) == Some(&true) => {
                    goals.insert(id, goal);
                }
                (Ok(goal), Form::Own) => {
                    goals.insert(id, goal);
                }
                // A later version may also have wider bounds.
                (Ok(_) | Err(_), Form::Later { .. }) => {
                    unavailable.insert(id);
                }
                (Err(error), Form::Own) => return Err(error),
            }
        }
        Ok((goals, unavailable))
    }

    /// A goal; its rule fails with an error of its own.
    fn checked_goal(&self, goal: &v1::Goal) -> Result<Goal, CatalogError> {
        let no_rule = v1::Rule { operator: None };
        let rule = goal.rule.as_ref().unwrap_or(&no_rule);
        let rule = Rule::parse(rule, &|filter| self.knows(filter)).map_err(|error| {
            CatalogError::Rule {
                goal: goal.id,
                node: error.node,
                fault: error.fault,
            }
        })?;
        self.goal_entry(goal, rule)
            .map_err(|fault| CatalogError::Entry {
                entry: "goal",
                id: goal.id,
                fault,
            })
    }

    fn knows(&self, filter: &Filter) -> bool {
        filter.places.iter().all(|id| self.places.contains_key(id))
            && filter
                .activities
                .iter()
                .all(|id| self.activities.contains_key(id))
    }

    fn goal_entry(&self, proto: &v1::Goal, rule: Rule) -> Result<Goal, EntryFault> {
        let badge = |id, field| {
            reference(id, field, |id| {
                Some(BadgeId::new(id)).filter(|id| self.badges.contains_key(id))
            })
        };
        let stages = rule.stages().map_or(0, |stages| stages.stages.len());
        if proto.stage_badge_ids.len() > stages {
            return Err(EntryFault::OutOfBounds("stage_badge_ids"));
        }
        let stage_badges: Result<Vec<_>, _> = proto
            .stage_badge_ids
            .iter()
            .map(|id| badge(*id, "stage_badge_ids"))
            .collect();
        let mut stage_badges = stage_badges?;
        stage_badges.resize(stages, None);
        let goal = Goal {
            id: GoalId::new(proto.id),
            kind: known(proto.kind, "kind")?,
            name: named(proto.name.as_ref())?,
            description: text(proto.description.as_ref())?,
            rule_version: proto.rule_version,
            rule,
            season: proto
                .season
                .as_ref()
                .map(|season| self.season(season))
                .transpose()?,
            badge: badge(proto.badge_id, "badge_id")?,
            stage_badges,
            entry: if proto.joined_only {
                Entry::JoinedOnly
            } else {
                Entry::Open
            },
        };
        let has_badge = goal.badge.is_some() || goal.stage_badges.iter().any(Option::is_some);
        if goal.entry == Entry::JoinedOnly && has_badge {
            return Err(EntryFault::NotForCards);
        }
        Ok(goal)
    }

    fn season(&self, proto: &v1::Season) -> Result<Season, EntryFault> {
        let zone = TimeZoneId::new(proto.time_zone_id);
        if !self.zones.contains_key(&zone) {
            return Err(EntryFault::UnknownReference("time_zone_id"));
        }
        if proto.last_date < proto.first_date {
            return Err(EntryFault::OutOfBounds("last_date"));
        }
        Ok(Season {
            first: LocalDate::from_days(proto.first_date),
            last: LocalDate::from_days(proto.last_date),
            zone,
        })
    }
}
