//! Evaluation by changes: each fact touches the leaves it counts for, and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    aggregate::{Aggregate, DayChange, Sign},
    progress::{Evaluation, evaluate_goals},
};
use crate::{
    catalog::Catalog,
    fold::{ChallengeTotals, FactChange, ParticipantState},
    goal::Goal,
    id::{GoalId, ParticipantId},
    time::LocalDate,
};

/// The partial states of all goals of one catalog for one participant.
///
/// Feed it every [`FactChange`] of the fold in their order; [`Self::evaluation`] then equals
/// [`super::evaluate`] of the fold's state. With a new catalog, start again with [`Self::over`].
#[derive(Debug, Clone)]
pub struct Tracker {
    catalog: Arc<Catalog>,
    participant: ParticipantId,
    /// For each goal, its leaves' states in the tree's order.
    goals: BTreeMap<GoalId, Vec<Aggregate>>,
    joined: BTreeSet<GoalId>,
}

impl Tracker {
    /// Without any fact.
    pub fn new(catalog: Arc<Catalog>, participant: ParticipantId) -> Self {
        let goals = catalog.goals().map(|goal| (goal.id, empty(goal))).collect();
        Self {
            catalog,
            participant,
            goals,
            joined: BTreeSet::new(),
        }
    }

    /// With the facts of a state that was folded with the same catalog.
    pub fn over(catalog: Arc<Catalog>, state: &ParticipantState) -> Self {
        let mut tracker = Self::new(catalog, state.participant());
        for change in state.as_changes() {
            tracker.apply_change(&change);
        }
        tracker
    }

    /// Takes in one change of the fold.
    pub fn apply_change(&mut self, change: &FactChange) {
        match change {
            FactChange::AttendanceAdded(attendance) => {
                self.attendance(attendance, Sign::In);
            }
            FactChange::AttendanceRemoved(attendance) => {
                self.attendance(attendance, Sign::Out);
            }
            FactChange::DaySteps {
                measure,
                date,
                before,
                after,
            } => self.day(DayChange {
                measure: *measure,
                date: *date,
                before: *before,
                after: *after,
            }),
            FactChange::QuestJoined(goal) => {
                self.joined.insert(*goal);
            }
            FactChange::QuestLeft(goal) => {
                self.joined.remove(goal);
            }
            FactChange::Profile
            | FactChange::Favourites
            | FactChange::AwardConfirmed(_)
            | FactChange::AwardWithdrawn(_) => {}
        }
    }

    /// Where the participant stands.
    pub fn evaluation(&self, totals: &ChallengeTotals) -> Evaluation {
        evaluate_goals(
            &self.catalog,
            self.participant,
            &self.joined,
            totals,
            |goal| {
                let aggregates = self.goals.get(&goal.id).map_or(&[][..], Vec::as_slice);
                let leaves = goal.rule.leaves().into_iter();
                leaves
                    .zip(aggregates)
                    .map(|(leaf, aggregate)| aggregate.value(&leaf.condition))
                    .collect::<Vec<_>>()
            },
        )
    }

    fn attendance(&mut self, attendance: &crate::fold::Attendance, sign: Sign) {
        let catalog = Arc::clone(&self.catalog);
        self.each_leaf(attendance.key.date, |aggregate, condition| {
            aggregate.attendance(condition, attendance, sign, &catalog);
        });
    }

    fn day(&mut self, change: DayChange) {
        self.each_leaf(change.date, |aggregate, condition| {
            aggregate.day(condition, change);
        });
    }

    /// The leaves of goals whose season has the day.
    fn each_leaf(
        &mut self,
        date: LocalDate,
        mut change: impl FnMut(&mut Aggregate, &super::Condition),
    ) {
        for goal in self.catalog.goals().filter(|goal| goal.is_in_season(date)) {
            let aggregates = self.goals.entry(goal.id).or_default();
            for (leaf, aggregate) in goal.rule.leaves().into_iter().zip(aggregates) {
                change(aggregate, &leaf.condition);
            }
        }
    }
}

fn empty(goal: &Goal) -> Vec<Aggregate> {
    goal.rule
        .leaves()
        .into_iter()
        .map(|leaf| Aggregate::empty(&leaf.condition))
        .collect()
}
