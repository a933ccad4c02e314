//! Rules: closed, typed trees over attendances and day sums. Integers only.
//!
//! A rule is parsed once, with its bounds ([`RuleError`] names the node and the bound), and then
//! evaluated in two ways that give the same result: [`evaluate`] from scratch over a folded state,
//! and [`Tracker`] incrementally over the changes of a fold. Both fill the tree's leaves with
//! values; [`progress`](Evaluation) is then one walk over the tree.
//!
//! What the tree can't express is left out on purpose: loss, ranking of persons, reward for an
//! answer, and a goal that a paper card can't reach ([`RuleFault::NotForCards`]).

mod aggregate;
mod evaluate;
mod filter;
mod parse;
mod progress;
mod reach;
mod tracker;

pub use evaluate::{contribution, evaluate};
pub use filter::Filter;
pub use parse::{RuleError, RuleFault};
pub use progress::{Evaluation, GoalProgress, StageProgress};
pub use tracker::Tracker;

use askel_proto::v1;

pub use askel_proto::v1::DistinctBy;

use crate::op::Measure;

/// A rule, within its bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// A condition with a target.
    Leaf(Leaf),
    /// Every one of these.
    All(Vec<Rule>),
    /// At least one of these.
    Any(Vec<Rule>),
    /// Stages; only at the root, because a badge hangs on each.
    Stages(Stages),
}

/// A condition and how much of it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// What is counted.
    pub condition: Condition,
    /// 1..=[`crate::limits::RULE_TARGET_MAX`].
    pub target: u64,
}

/// What a leaf counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Attendances.
    Count(Filter),
    /// Different values among attendances.
    CountDistinct(Filter, DistinctBy),
    /// The sum of the day totals of a measure.
    Sum(Measure),
    /// Days with an attendance, or with at least so many of a measure.
    DaysActive(Filter, Option<MeasureMin>),
    /// Everyone's contributions together.
    Collective(Collective),
}

/// At least so many of a measure in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureMin {
    /// Of what.
    pub measure: Measure,
    /// From 1.
    pub min: u64,
}

/// A sum of everyone's contributions; computed by the server, told by op.
#[derive(Debug, Clone, PartialEq)]
pub struct Collective {
    /// What gives points.
    pub contributions: Vec<Contribution>,
    /// No total is told below this many people.
    pub people_min: u32,
}

/// So many points for one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Of what.
    pub unit: Unit,
    /// 1..=[`crate::limits::CONTRIBUTION_POINTS_MAX`].
    pub points: u32,
}

/// What a contribution is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// One of a measure.
    Measure(Measure),
    /// One attendance.
    Attendance(Filter),
}

/// Stages of a quest.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages {
    /// Whether one waits for the one before.
    pub order: StageOrder,
    /// In their order.
    pub stages: Vec<Stage>,
}

/// Whether a stage waits for those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StageOrder {
    /// A stage counts once those before it are reached.
    Ordered,
    /// Each on its own.
    Free,
}

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// For people.
    pub name: v1::LocalizedText,
    /// Its condition.
    pub rule: Rule,
}

impl Rule {
    /// The leaves, in the order of a walk from the root, left to right.
    pub fn leaves(&self) -> Vec<&Leaf> {
        let mut leaves = Vec::new();
        self.collect_leaves(&mut leaves);
        leaves
    }

    /// The stages, if this is a rule of stages.
    pub fn stages(&self) -> Option<&Stages> {
        match self {
            Self::Stages(stages) => Some(stages),
            Self::Leaf(_) | Self::All(_) | Self::Any(_) => None,
        }
    }

    /// The collective condition, if there is one; there is at most one.
    pub fn collective(&self) -> Option<&Collective> {
        self.leaves()
            .into_iter()
            .find_map(|leaf| match &leaf.condition {
                Condition::Collective(collective) => Some(collective),
                _ => None,
            })
    }

    fn collect_leaves<'a>(&'a self, into: &mut Vec<&'a Leaf>) {
        match self {
            Self::Leaf(leaf) => into.push(leaf),
            Self::All(rules) | Self::Any(rules) => {
                for rule in rules {
                    rule.collect_leaves(into);
                }
            }
            Self::Stages(stages) => {
                for stage in &stages.stages {
                    stage.rule.collect_leaves(into);
                }
            }
        }
    }
}
