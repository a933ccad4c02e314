//! Evaluation by changes: each fact touches the leaves it counts for, and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Leaf,
    aggregate::{Aggregate, DayChange, Sign},
    progress::{Evaluation, evaluate_goals},
};
use crate::{
    catalog::Catalog,
    fold::{ArchivedDays, Attendance, ChallengeTotals, FactChange, ParticipantState},
    goal::Goal,
    id::{GoalId, ParticipantId},
    op::Measure,
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
        Self::over_days(catalog, state, state.all_days())
    }

    /// The same for a state without its archived steps, of which the totals are known.
    pub fn over_archived(
        catalog: Arc<Catalog>,
        state: &ParticipantState,
        archived: &ArchivedDays,
    ) -> Self {
        Self::over_days(catalog, state, state.all_days().chain(archived.days()))
    }

    fn over_days(
        catalog: Arc<Catalog>,
        state: &ParticipantState,
        days: impl Iterator<Item = ((Measure, LocalDate), u64)>,
    ) -> Self {
        let mut attendances: Vec<&Attendance> = state.attendances().collect();
        attendances.sort_by_key(|attendance| attendance.key.date);
        let mut days: Vec<DayChange> = days
            .map(|((measure, date), after)| DayChange {
                measure,
                date,
                before: 0,
                after,
            })
            .collect();
        days.sort_by_key(|day| day.date);
        let aggregates = |goal: &Goal| {
            let attended = in_season(&attendances, goal, |attendance| attendance.key.date);
            let counted = in_season(&days, goal, |day| day.date);
            let aggregate = |leaf: &Leaf| {
                let mut aggregate = Aggregate::empty(&leaf.condition);
                for attendance in attended {
                    aggregate.attendance(&leaf.condition, attendance, Sign::In, &catalog);
                }
                for day in counted {
                    aggregate.day(&leaf.condition, *day);
                }
                aggregate
            };
            goal.rule.leaves().into_iter().map(aggregate).collect()
        };
        Self {
            goals: catalog
                .goals()
                .map(|goal| (goal.id, aggregates(goal)))
                .collect(),
            participant: state.participant(),
            joined: state.joined().clone(),
            catalog,
        }
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

    fn attendance(&mut self, attendance: &Attendance, sign: Sign) {
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

/// Of facts in the order of their days, those in a goal's season.
fn in_season<'f, T>(facts: &'f [T], goal: &Goal, date: impl Fn(&T) -> LocalDate) -> &'f [T] {
    let Some(season) = goal.season else {
        return facts;
    };
    let from = facts.partition_point(|fact| date(fact) < season.first);
    let rest = facts.get(from..).unwrap_or_default();
    let until = rest.partition_point(|fact| date(fact) <= season.last);
    rest.get(..until).unwrap_or_default()
}

fn empty(goal: &Goal) -> Vec<Aggregate> {
    goal.rule
        .leaves()
        .into_iter()
        .map(|leaf| Aggregate::empty(&leaf.condition))
        .collect()
}
