//! What the erased leave in totals: counts of nobody.

use std::collections::BTreeMap;

use askel_sync::{
    id::{GoalId, PlaceId},
    op::SessionRef,
    time::LocalDate,
};

use crate::ChallengeSum;

/// A session as counts name it: its place, the local day, which of that day.
pub type SessionName = (PlaceId, LocalDate, SessionRef);

/// Counts of all who are erased, together. They only ever grow. Several people's can't be told apart in
/// them; while one alone is erased they are that person's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frozen {
    /// What they gave to collective challenges.
    pub points: BTreeMap<GoalId, ChallengeSum>,
    /// How many of them were at each session.
    pub people: BTreeMap<SessionName, u64>,
}

impl Frozen {
    /// Adds what one person gave to a challenge.
    pub(crate) fn give(&mut self, goal: GoalId, points: u64) {
        let sum = self.points.entry(goal).or_default();
        sum.total = sum.total.saturating_add(points);
        sum.people = sum.people.saturating_add(1);
    }

    /// Adds one person to a session.
    pub(crate) fn attend(&mut self, session: SessionName) {
        let people = self.people.entry(session).or_default();
        *people = people.saturating_add(1);
    }

    /// Of each count the greater of what stands and what is told: told twice, late or in parts, it
    /// comes to the same.
    pub fn raise(&mut self, told: &Self) {
        for (goal, told) in &told.points {
            let sum = self.points.entry(*goal).or_default();
            sum.total = sum.total.max(told.total);
            sum.people = sum.people.max(told.people);
        }
        for (session, told) in &told.people {
            let people = self.people.entry(*session).or_default();
            *people = (*people).max(*told);
        }
    }

    /// The same in parts of at most so many counts; none if there is nothing.
    pub fn parts(&self, counts_max: usize) -> Vec<Self> {
        let points = self.points.iter().map(|(goal, sum)| Self {
            points: BTreeMap::from([(*goal, *sum)]),
            ..Self::default()
        });
        let people = self.people.iter().map(|(session, people)| Self {
            people: BTreeMap::from([(*session, *people)]),
            ..Self::default()
        });
        let mut parts: Vec<Self> = Vec::new();
        for (index, count) in points.chain(people).enumerate() {
            if index.checked_rem(counts_max).unwrap_or(0) == 0 {
                parts.push(Self::default());
            }
            if let Some(last) = parts.last_mut() {
                last.points.extend(count.points);
                last.people.extend(count.people);
            }
        }
        parts
    }
}

/// What becomes of the counts of someone who is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TheirCounts {
    /// They are added to those of the erased.
    Added,
    /// They go: the journal tells what those of the erased come to with them.
    Told,
}
