//! Evaluation from scratch: every leaf looks at all facts.

use std::collections::BTreeSet;

use super::{
    Collective, Condition, Filter, Leaf, Unit,
    aggregate::{distinct_key, length, points},
    progress::{Evaluation, evaluate_goals},
};
use crate::{
    catalog::Catalog,
    fold::{Attendance, ChallengeTotals, ParticipantState},
    goal::{Entry, Goal},
    id::GoalId,
    op::Measure,
    time::LocalDate,
};

/// Where a participant stands with every goal of a catalog, from nothing but the folded state.
pub fn evaluate(
    state: &ParticipantState,
    totals: &ChallengeTotals,
    catalog: &Catalog,
) -> Evaluation {
    evaluate_goals(
        catalog,
        state.participant(),
        state.joined(),
        totals,
        |goal| {
            let facts = Facts {
                state,
                goal,
                catalog,
            };
            goal.rule
                .leaves()
                .into_iter()
                .map(|leaf| facts.leaf(leaf))
                .collect::<Vec<_>>()
        },
    )
}

/// What a participant gives to a collective goal, in points; 0 for a goal without a collective
/// condition, or one the participant would have to join and has not.
pub fn contribution(state: &ParticipantState, goal: GoalId, catalog: &Catalog) -> u64 {
    let Some(goal) = catalog.goal(goal) else {
        return 0;
    };
    if goal.entry == Entry::JoinedOnly && !state.joined().contains(&goal.id) {
        return 0;
    }
    let facts = Facts {
        state,
        goal,
        catalog,
    };
    goal.rule
        .collective()
        .map_or(0, |collective| facts.points(collective))
}

/// The facts of a state that count for a goal.
struct Facts<'a> {
    state: &'a ParticipantState,
    goal: &'a Goal,
    catalog: &'a Catalog,
}

impl<'a> Facts<'a> {
    fn leaf(&self, leaf: &Leaf) -> u64 {
        match &leaf.condition {
            Condition::Count(filter) => length(self.attendances(filter).count()),
            Condition::CountDistinct(filter, by) => {
                let keys: BTreeSet<_> = self
                    .attendances(filter)
                    .filter_map(|attendance| distinct_key(*by, attendance, self.catalog))
                    .collect();
                length(keys.len())
            }
            Condition::Sum(measure) => self.sum(*measure),
            Condition::DaysActive(filter, min) => {
                let attended = self
                    .attendances(filter)
                    .map(|attendance| attendance.key.date);
                let measured = min.iter().flat_map(|min| {
                    self.days(min.measure)
                        .filter(|(_, sum)| *sum >= min.min)
                        .map(|(date, _)| date)
                });
                length(attended.chain(measured).collect::<BTreeSet<_>>().len())
            }
            Condition::Collective(collective) => self.points(collective),
        }
    }

    fn points(&self, collective: &Collective) -> u64 {
        let units: Vec<u64> = collective
            .contributions
            .iter()
            .map(|contribution| match &contribution.unit {
                Unit::Measure(measure) => self.sum(*measure),
                Unit::Attendance(filter) => length(self.attendances(filter).count()),
            })
            .collect();
        points(&units, collective)
    }

    fn attendances(&self, filter: &Filter) -> impl Iterator<Item = &'a Attendance> {
        let (goal, catalog) = (self.goal, self.catalog);
        self.state
            .attendances()
            .filter(|attendance| goal.is_in_season(attendance.key.date))
            .filter(move |attendance| filter.admits(attendance, catalog))
    }

    fn days(&self, measure: Measure) -> impl Iterator<Item = (LocalDate, u64)> {
        let days = self.state.days(measure);
        days.filter(|(date, _)| self.goal.is_in_season(*date))
    }

    fn sum(&self, measure: Measure) -> u64 {
        self.days(measure)
            .map(|(_, sum)| sum)
            .fold(0, u64::saturating_add)
    }
}
