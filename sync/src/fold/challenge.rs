//! The sums of collective challenges, as the server tells them.

use std::collections::BTreeMap;

use crate::{
    admission::AdmittedOp,
    id::GoalId,
    op::{ChallengeTotal, Payload},
};

/// The newest total of each challenge: the highest revision holds; of equal ones the larger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChallengeTotals(BTreeMap<GoalId, ChallengeTotal>);

impl ChallengeTotals {
    /// Without any total.
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds ops.
    pub fn fold<'a>(ops: impl IntoIterator<Item = &'a AdmittedOp>) -> Self {
        let mut totals = Self::new();
        for op in ops {
            totals.apply(op);
        }
        totals
    }

    /// Takes in an op; returns the challenge whose total changed. Other kinds change nothing.
    pub fn apply(&mut self, admitted: &AdmittedOp) -> Option<GoalId> {
        let Ok(Some(Payload::ChallengeTotal(total))) = admitted.op.parse() else {
            return None;
        };
        let held = self.0.get(&total.goal);
        if held.is_some_and(|held| rank(held) >= rank(&total)) {
            return None;
        }
        self.0.insert(total.goal, total);
        Some(total.goal)
    }

    /// The newest total of a challenge.
    pub fn total(&self, goal: GoalId) -> Option<ChallengeTotal> {
        self.0.get(&goal).copied()
    }
}

fn rank(total: &ChallengeTotal) -> impl Ord + use<> {
    (total.revision, total.total, total.people, total.occurred_at)
}
