//! From the values of a rule's leaves to progress and awards: the one walk that both ways of
//! evaluating share.

use std::collections::BTreeSet;

use super::{Condition, Rule, StageOrder, Stages};
use crate::{
    award::{Eligible, award_id},
    catalog::Catalog,
    fold::ChallengeTotals,
    goal::{Entry, Goal},
    id::{GoalId, ParticipantId},
};

/// Where a participant stands with every goal of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluation {
    /// One for each goal, in ascending goal id.
    pub goals: Vec<GoalProgress>,
    /// What the rules grant.
    pub eligible: BTreeSet<Eligible>,
}

/// Where a participant stands with a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalProgress {
    /// The goal.
    pub goal: GoalId,
    /// So much so far; may pass the target.
    pub current: u64,
    /// So much is asked for; from 1.
    pub target: u64,
    /// Whether the goal is reached.
    pub reached: bool,
    /// For a rule of stages, one for each stage in order.
    pub stages: Vec<StageProgress>,
}

/// Where a participant stands with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageProgress {
    /// So much so far; may pass the target.
    pub current: u64,
    /// So much is asked for; from 1.
    pub target: u64,
    /// Whether it counts as reached; in ordered stages, once those before it are.
    pub reached: bool,
}

impl Evaluation {
    /// Progress of one goal.
    pub fn goal(&self, id: GoalId) -> Option<&GoalProgress> {
        self.goals.iter().find(|progress| progress.goal == id)
    }
}

/// A node's standing.
#[derive(Clone, Copy)]
struct Standing {
    current: u64,
    target: u64,
    reached: bool,
}

/// What walks beside the tree.
struct Walk<'a, I> {
    goal: GoalId,
    totals: &'a ChallengeTotals,
    values: I,
}

/// Evaluates all goals; `values` gives, for a goal, the values of its leaves in the tree's order.
pub(super) fn evaluate_goals<V: IntoIterator<Item = u64>>(
    catalog: &Catalog,
    participant: ParticipantId,
    joined: &BTreeSet<GoalId>,
    totals: &ChallengeTotals,
    mut values: impl FnMut(&Goal) -> V,
) -> Evaluation {
    let mut evaluation = Evaluation::default();
    for goal in catalog.goals() {
        let takes_part = goal.entry == Entry::Open || joined.contains(&goal.id);
        let values = values(goal)
            .into_iter()
            .map(|value| if takes_part { value } else { 0 });
        let progress = Walk {
            goal: goal.id,
            totals,
            values,
        }
        .goal(&goal.rule);
        evaluation
            .eligible
            .extend(eligible(catalog, goal, participant, &progress));
        evaluation.goals.push(progress);
    }
    evaluation
}

fn eligible(
    catalog: &Catalog,
    goal: &Goal,
    participant: ParticipantId,
    progress: &GoalProgress,
) -> Vec<Eligible> {
    let whole = goal
        .badge
        .filter(|_| progress.reached)
        .map(|badge| (0, badge));
    let stages = (1..)
        .zip(goal.stage_badges.iter().zip(&progress.stages))
        .filter(|(_, (_, stage))| stage.reached)
        .filter_map(|(number, (badge, _))| badge.map(|badge| (number, badge)));
    whole
        .into_iter()
        .chain(stages)
        .map(|(stage, badge)| Eligible {
            award: award_id(catalog.tenant(), goal.id, stage, participant, goal.season),
            goal: goal.id,
            stage,
            badge,
        })
        .collect()
}

impl<I: Iterator<Item = u64>> Walk<'_, I> {
    fn goal(mut self, rule: &Rule) -> GoalProgress {
        let stages = match rule {
            Rule::Stages(stages) => self.stages(stages),
            Rule::Leaf(_) | Rule::All(_) | Rule::Any(_) => Vec::new(),
        };
        let standing = if rule.stages().is_some() {
            all(stages.iter().map(|stage| stage.reached))
        } else {
            self.node(rule)
        };
        GoalProgress {
            goal: self.goal,
            current: standing.current,
            target: standing.target,
            reached: standing.reached,
            stages,
        }
    }

    fn stages(&mut self, stages: &Stages) -> Vec<StageProgress> {
        let mut open = true;
        let stage = |rule: &Rule| {
            let standing = self.node(rule);
            let reached = standing.reached && open;
            open = match stages.order {
                StageOrder::Ordered => reached,
                StageOrder::Free => true,
            };
            StageProgress {
                current: standing.current,
                target: standing.target,
                reached,
            }
        };
        stages
            .stages
            .iter()
            .map(|stage| &stage.rule)
            .map(stage)
            .collect()
    }

    fn node(&mut self, rule: &Rule) -> Standing {
        match rule {
            Rule::Leaf(leaf) => {
                let own = self.values.next().unwrap_or(0);
                let current = match &leaf.condition {
                    Condition::Collective(collective) => self.together(collective.people_min),
                    _ => own,
                };
                Standing {
                    current,
                    target: leaf.target,
                    reached: own > 0 && current >= leaf.target,
                }
            }
            Rule::All(rules) => {
                let reached: Vec<bool> = rules.iter().map(|rule| self.node(rule).reached).collect();
                all(reached.into_iter())
            }
            Rule::Any(rules) => {
                let standings: Vec<Standing> = rules.iter().map(|rule| self.node(rule)).collect();
                any(&standings)
            }
            // Stages stand only at the root; a tree that says otherwise is not parsed.
            Rule::Stages(stages) => all(self.stages(stages).into_iter().map(|stage| stage.reached)),
        }
    }

    /// The total as told; nothing below the fewest people.
    fn together(&self, people_min: u32) -> u64 {
        self.totals
            .total(self.goal)
            .filter(|total| total.people >= people_min)
            .map_or(0, |total| total.total)
    }
}

/// So many of so many are reached.
fn all(reached: impl ExactSizeIterator<Item = bool>) -> Standing {
    let target = reached.len();
    let current = reached.filter(|reached| *reached).count();
    Standing {
        current: u64::try_from(current).unwrap_or(u64::MAX),
        target: u64::try_from(target).unwrap_or(u64::MAX),
        reached: current == target,
    }
}

/// The alternative that is furthest; of equals, the first.
fn any(standings: &[Standing]) -> Standing {
    let furthest = |best: Standing, next: Standing| {
        if next.is_further_than(best) {
            next
        } else {
            best
        }
    };
    let none = Standing {
        current: 0,
        target: 1,
        reached: false,
    };
    standings.iter().copied().reduce(furthest).unwrap_or(none)
}

impl Standing {
    fn is_further_than(self, other: Self) -> bool {
        let share = |of: Self, by: Self| u128::from(of.current).saturating_mul(by.target.into());
        (self.reached, share(self, other)) > (other.reached, share(other, self))
    }
}
