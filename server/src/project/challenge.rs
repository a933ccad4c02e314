//! Totals of collective challenges: when they are told, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use askel_store::{ChallengeSum, JobLease, Projection};
use askel_sync::{
    catalog::Catalog,
    fold::ChallengeTotals,
    goal::Goal,
    id::{GoalId, TenantId},
    op::{ChallengeTotal, Payload},
    rule::{Condition, Rule},
    stream::StreamKey,
    time::Timestamp,
};

use super::Desk;
use crate::{
    app::AppError,
    limits::CHALLENGE_TOTAL_EVERY_MS,
    server_log::{Beside, Draft},
};

/// What a collective challenge asks for; `None` for a rule that has no collective condition. Of
/// several targets, as stages have, the largest.
pub(crate) fn collective_target(rule: &Rule) -> Option<u64> {
    targets(rule).max()
}

fn targets(rule: &Rule) -> impl Iterator<Item = u64> {
    rule.leaves()
        .into_iter()
        .filter(|leaf| matches!(leaf.condition, Condition::Collective(_)))
        .map(|leaf| leaf.target)
}

/// The totals told so far, and the challenges that may have more to tell.
#[derive(Default)]
pub(super) struct Challenges {
    pub(super) totals: ChallengeTotals,
    touched: BTreeSet<GoalId>,
    /// Whether their last total was told is not known.
    unsure: BTreeSet<GoalId>,
    /// What their sums come to at most, since they were last added up: adding up reads everyone's row,
    /// and is not done again before there is something to tell.
    at_most: BTreeMap<GoalId, u64>,
}

impl Challenges {
    /// Reads what was told before; everything may have changed since.
    pub(super) async fn load(
        desk: &Desk,
        tenant: TenantId,
        catalog: &Catalog,
    ) -> Result<Self, AppError> {
        let mut challenges = Self::default();
        for goal in catalog
            .goals()
            .filter(|goal| goal.rule.collective().is_some())
        {
            challenges.reload(desk, tenant, goal.id).await?;
            challenges.touched.insert(goal.id);
        }
        Ok(challenges)
    }

    /// Someone's contribution changed, by at most so much upwards.
    pub(super) fn grow(&mut self, goal: GoalId, more: u64) {
        self.touched.insert(goal);
        if let Some(sum) = self.at_most.get_mut(&goal) {
            *sum = sum.saturating_add(more);
        }
    }

    async fn reload(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        goal: GoalId,
    ) -> Result<(), AppError> {
        let store = &desk.components.store;
        let key = StreamKey::Challenge(goal);
        for head in store.lookup_streams(tenant, &[key]).await? {
            for told in store
                .read_stream(tenant, key, head.head.saturating_sub(1), 1)
                .await?
            {
                self.totals.apply(&told.admitted);
            }
        }
        self.unsure.remove(&goal);
        Ok(())
    }

    /// Tells the totals that are due. Returns whether any was told.
    pub(super) async fn tell(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        catalog: &Catalog,
        under: Option<JobLease>,
    ) -> Result<bool, AppError> {
        let mut told = false;
        for goal_id in self.touched.clone() {
            let goal = catalog.goal(goal_id);
            let Some(goal) = goal.filter(|goal| goal.rule.collective().is_some()) else {
                self.touched.remove(&goal_id);
                continue;
            };
            told |= self.tell_one(desk, tenant, goal, under).await?;
        }
        Ok(told)
    }

    async fn tell_one(
        &mut self,
        desk: &Desk,
        tenant: TenantId,
        goal: &Goal,
        under: Option<JobLease>,
    ) -> Result<bool, AppError> {
        let store = &desk.components.store;
        if self.unsure.contains(&goal.id) {
            self.reload(desk, tenant, goal.id).await?;
        }
        let now = desk.components.clock.now();
        let last = self.totals.total(goal.id);
        let at_most = self.at_most.get(&goal.id).copied().unwrap_or(u64::MAX);
        if is_recent(last, now) && !reaches(goal, last, at_most) {
            return Ok(false);
        }
        let sum = store.sum_challenge(tenant, goal.id).await?;
        self.at_most.insert(goal.id, sum.total);
        match decide(goal, sum, last, now) {
            Telling::Nothing => {
                self.touched.remove(&goal.id);
                Ok(false)
            }
            Telling::Later => Ok(false),
            Telling::Now { reached } => {
                let total = ChallengeTotal {
                    goal: goal.id,
                    total: sum.total,
                    people: sum.people,
                    revision: last.map_or(1, |last| last.revision.saturating_add(1)),
                    occurred_at: now,
                };
                let mut projection = Projection::default();
                if reached {
                    projection.dirty = store.list_contributors(tenant, goal.id).await?;
                }
                let to = StreamKey::Challenge(goal.id);
                let draft = Draft::new(&Payload::ChallengeTotal(total), to);
                let beside = Beside {
                    projection,
                    under,
                    ..Beside::default()
                };
                self.unsure.insert(goal.id);
                desk.server_log.write(tenant, &[draft], beside).await?;
                self.touched.remove(&goal.id);
                self.reload(desk, tenant, goal.id).await?;
                Ok(true)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Nothing new, or too few people.
    Nothing,
    /// Something new, and the last telling is too recent.
    Later,
    Now {
        /// Whether a target was passed, so that awards may have come within reach.
        reached: bool,
    },
}

fn decide(goal: &Goal, sum: ChallengeSum, last: Option<ChallengeTotal>, now: Timestamp) -> Telling {
    let people_min = goal
        .rule
        .collective()
        .map_or(u32::MAX, |collective| collective.people_min);
    let told = last.map_or((0, 0), |last| (last.total, last.people));
    if sum.people < people_min || told == (sum.total, sum.people) {
        return Telling::Nothing;
    }
    let reached = reaches(goal, last, sum.total);
    if is_recent(last, now) && !reached {
        Telling::Later
    } else {
        Telling::Now { reached }
    }
}

/// A telling of the future was by a clock that was ahead: what is new does not wait for it.
fn is_recent(last: Option<ChallengeTotal>, now: Timestamp) -> bool {
    last.is_some_and(|last| {
        let age_ms = now.saturating_ms_since(last.occurred_at);
        (0..CHALLENGE_TOTAL_EVERY_MS).contains(&age_ms)
    })
}

/// Whether a sum passes a target that what was told last did not.
fn reaches(goal: &Goal, last: Option<ChallengeTotal>, sum: u64) -> bool {
    let told = last.map_or(0, |last| last.total);
    targets(&goal.rule).any(|target| told < target && target <= sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telling_is_recent_for_an_hour_and_never_one_of_the_future() {
        let now = Timestamp::from_ms(10_000_000_000);
        let told = |age_ms: i64| {
            let last = ChallengeTotal {
                goal: GoalId::new(1),
                total: 5,
                people: 5,
                revision: 1,
                occurred_at: now.saturating_add_ms(age_ms.saturating_neg()),
            };
            is_recent(Some(last), now)
        };
        assert!(!is_recent(None, now));
        assert!(told(0) && told(CHALLENGE_TOTAL_EVERY_MS - 1));
        assert!(!told(CHALLENGE_TOTAL_EVERY_MS));
        // By a clock that was ahead, by a moment or by years.
        assert!(!told(-1) && !told(-CHALLENGE_TOTAL_EVERY_MS * 9_000));
    }
}
