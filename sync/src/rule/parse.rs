//! From the wire's tree to a [`Rule`], with every bound checked once.

use std::{collections::BTreeSet, fmt};

use askel_proto::v1;

use super::{
    Collective, Condition, Contribution, Filter, Leaf, MeasureMin, Rule, Stage, StageOrder, Stages,
    Unit,
};
use crate::{
    admission::Strength,
    id::{ActivityId, PlaceId},
    limits::{
        COLLECTIVE_PEOPLE_MIN, CONTRIBUTION_POINTS_MAX, FILTER_ENTRIES_MAX, RULE_DEPTH_MAX,
        RULE_NODES_MAX, RULE_TARGET_MAX, TEXT_BYTES_MAX,
    },
    op::Measure,
};

/// A rule that is refused: which node, and which bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule node {node}: {fault}")]
pub struct RuleError {
    /// The path from the root: `root`, `root/any[1]`, `root/stages[4]/all[0]`.
    pub node: String,
    /// What is wrong with it.
    pub fault: RuleFault,
}

/// What is wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFault {
    /// No operator, or one of a later version.
    #[error("the operator is missing or not known")]
    NoOperator,
    /// Deeper than a tree may be.
    #[error("a rule has at most {RULE_DEPTH_MAX} levels")]
    TooDeep,
    /// More nodes than a tree may have.
    #[error("a rule has at most {RULE_NODES_MAX} nodes")]
    TooManyNodes,
    /// An operator without anything under it.
    #[error("an operator needs at least one rule under it")]
    Empty,
    /// Stages under another operator: no badge could hang on them.
    #[error("stages stand only at the root")]
    StagesNotAtRoot,
    /// A second collective condition: a goal has one total.
    #[error("a goal has at most one collective condition")]
    SecondCollective,
    /// A target out of its range.
    #[error("the target is 1 to {RULE_TARGET_MAX}")]
    Target,
    /// A list of a filter that is too long.
    #[error("a filter's list has at most {FILTER_ENTRIES_MAX} entries")]
    FilterTooLong,
    /// A filter that lets through less than what a card can show.
    #[error("a filter asks for at most the strength of a card")]
    StrengthAboveCard,
    /// An enum value that is missing or not known.
    #[error("the field {0} is missing or not known")]
    UnknownValue(&'static str),
    /// A minimum of a measure without the measure, or the other way round.
    #[error("a day's measure and its minimum (1 to {RULE_TARGET_MAX}) go together")]
    MeasureMin,
    /// Too few people for a collective total.
    #[error("a collective total is told for at least {COLLECTIVE_PEOPLE_MIN} people")]
    PeopleMin,
    /// Points out of their range.
    #[error("a contribution gives 1 to {CONTRIBUTION_POINTS_MAX} points")]
    Points,
    /// A text that is too long.
    #[error("a text has at most {TEXT_BYTES_MAX} bytes")]
    TextTooLong,
    /// A place or activity that the catalog does not have.
    #[error("the filter names a place or an activity that the catalog does not have")]
    UnknownReference,
    /// Nobody with only a paper card could reach it.
    #[error("a paper card can't reach it: give it an alternative by attendance")]
    NotForCards,
}

/// A node's place in the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Path(Vec<(&'static str, usize)>);

impl Path {
    pub(super) fn child(&self, operator: &'static str, index: usize) -> Self {
        let mut path = self.0.clone();
        path.push((operator, index));
        Self(path)
    }

    pub(super) fn fault(&self, fault: RuleFault) -> RuleError {
        RuleError {
            node: self.to_string(),
            fault,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("root")?;
        self.0
            .iter()
            .try_for_each(|(operator, index)| write!(f, "/{operator}[{index}]"))
    }
}

impl Rule {
    /// Parses a rule and checks all its bounds, that the catalog `knows` what its filters name, and
    /// that a paper card can reach it.
    ///
    /// # Errors
    /// [`RuleError`] for the first node that fails, from the root, left to right.
    pub(crate) fn parse(
        proto: &v1::Rule,
        knows: &dyn Fn(&Filter) -> bool,
    ) -> Result<Self, RuleError> {
        let mut parser = Parser {
            knows,
            nodes: 0,
            collectives: 0,
        };
        let rule = parser.rule(proto, &Path::default())?;
        rule.check_cards()?;
        Ok(rule)
    }
}

struct Parser<'a> {
    knows: &'a dyn Fn(&Filter) -> bool,
    nodes: usize,
    collectives: usize,
}

impl Parser<'_> {
    fn rule(&mut self, proto: &v1::Rule, path: &Path) -> Result<Rule, RuleError> {
        use v1::rule::Operator;
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > RULE_NODES_MAX {
            return Err(path.fault(RuleFault::TooManyNodes));
        }
        if path.0.len() >= RULE_DEPTH_MAX {
            return Err(path.fault(RuleFault::TooDeep));
        }
        let operator = proto.operator.as_ref();
        Ok(
            match operator.ok_or_else(|| path.fault(RuleFault::NoOperator))? {
                Operator::All(all) => Rule::All(self.rules(&all.rules, path, "all")?),
                Operator::Any(any) => Rule::Any(self.rules(&any.rules, path, "any")?),
                Operator::Stages(stages) => Rule::Stages(self.stages(stages, path)?),
                leaf => Rule::Leaf(self.leaf(leaf).map_err(|fault| path.fault(fault))?),
            },
        )
    }

    fn rules(
        &mut self,
        rules: &[v1::Rule],
        path: &Path,
        operator: &'static str,
    ) -> Result<Vec<Rule>, RuleError> {
        if rules.is_empty() {
            return Err(path.fault(RuleFault::Empty));
        }
        rules
            .iter()
            .enumerate()
            .map(|(index, rule)| self.rule(rule, &path.child(operator, index)))
            .collect()
    }

    fn stages(&mut self, proto: &v1::StagesRule, path: &Path) -> Result<Stages, RuleError> {
        if !path.0.is_empty() {
            return Err(path.fault(RuleFault::StagesNotAtRoot));
        }
        if proto.stages.is_empty() {
            return Err(path.fault(RuleFault::Empty));
        }
        let stage = |(index, stage): (usize, &v1::Stage)| {
            let path = path.child("stages", index);
            let name = stage.name.clone().unwrap_or_default();
            if name
                .variants
                .iter()
                .any(|variant| variant.text.len() > TEXT_BYTES_MAX)
            {
                return Err(path.fault(RuleFault::TextTooLong));
            }
            let rule = stage
                .rule
                .as_ref()
                .ok_or_else(|| path.fault(RuleFault::NoOperator))?;
            Ok(Stage {
                name,
                rule: self.rule(rule, &path)?,
            })
        };
        let stages: Result<_, RuleError> = proto.stages.iter().enumerate().map(stage).collect();
        let order = if proto.ordered {
            StageOrder::Ordered
        } else {
            StageOrder::Free
        };
        Ok(Stages {
            order,
            stages: stages?,
        })
    }

    fn leaf(&mut self, operator: &v1::rule::Operator) -> Result<Leaf, RuleFault> {
        use v1::rule::Operator;
        let (condition, target) = match operator {
            Operator::Count(count) => (
                Condition::Count(self.filter(count.filter.as_ref())?),
                count.target,
            ),
            Operator::CountDistinct(count) => {
                let by = known(count.by, "by")?;
                let filter = self.filter(count.filter.as_ref())?;
                (Condition::CountDistinct(filter, by), count.target)
            }
            Operator::Sum(sum) => (Condition::Sum(known(sum.measure, "measure")?), sum.target),
            Operator::DaysActive(days) => {
                let filter = self.filter(days.filter.as_ref())?;
                (
                    Condition::DaysActive(filter, measure_min(days)?),
                    days.target,
                )
            }
            Operator::Collective(collective) => {
                self.collectives = self.collectives.saturating_add(1);
                if self.collectives > 1 {
                    return Err(RuleFault::SecondCollective);
                }
                (
                    Condition::Collective(self.collective(collective)?),
                    collective.target,
                )
            }
            Operator::All(_) | Operator::Any(_) | Operator::Stages(_) => {
                return Err(RuleFault::NoOperator);
            }
        };
        if !(1..=RULE_TARGET_MAX).contains(&target) {
            return Err(RuleFault::Target);
        }
        Ok(Leaf { condition, target })
    }

    fn collective(&self, proto: &v1::CollectiveRule) -> Result<Collective, RuleFault> {
        if proto.contributions.is_empty() {
            return Err(RuleFault::Empty);
        }
        if proto.contributions.len() > FILTER_ENTRIES_MAX {
            return Err(RuleFault::FilterTooLong);
        }
        if proto.people_min < COLLECTIVE_PEOPLE_MIN {
            return Err(RuleFault::PeopleMin);
        }
        let contributions: Result<_, RuleFault> = proto
            .contributions
            .iter()
            .map(|one| self.contribution(one))
            .collect();
        Ok(Collective {
            contributions: contributions?,
            people_min: proto.people_min,
        })
    }

    fn contribution(&self, proto: &v1::Contribution) -> Result<Contribution, RuleFault> {
        use v1::contribution::Of;
        if !(1..=CONTRIBUTION_POINTS_MAX).contains(&proto.points) {
            return Err(RuleFault::Points);
        }
        let unit = match proto.of.as_ref().ok_or(RuleFault::UnknownValue("of"))? {
            Of::Measure(measure) => Unit::Measure(known(*measure, "measure")?),
            Of::Attendance(attendance) => {
                Unit::Attendance(self.filter(attendance.filter.as_ref())?)
            }
        };
        Ok(Contribution {
            unit,
            points: proto.points,
        })
    }

    fn filter(&self, proto: Option<&v1::Filter>) -> Result<Filter, RuleFault> {
        let Some(proto) = proto else {
            return Ok(Filter::default());
        };
        let lengths = [
            proto.place_ids.len(),
            proto.activity_ids.len(),
            proto.activity_kinds.len(),
            proto.keywords.len(),
            proto.manners.len(),
        ];
        if lengths
            .into_iter()
            .any(|length| length > FILTER_ENTRIES_MAX)
        {
            return Err(RuleFault::FilterTooLong);
        }
        let strength_min = Strength::try_from(proto.strength_min)
            .map_err(|_| RuleFault::UnknownValue("strength_min"))?;
        if strength_min > Strength::Card {
            return Err(RuleFault::StrengthAboveCard);
        }
        let kinds: Result<BTreeSet<_>, RuleFault> = proto
            .activity_kinds
            .iter()
            .map(|kind| known(*kind, "activity_kinds"))
            .collect();
        let manners: Result<BTreeSet<_>, RuleFault> = proto
            .manners
            .iter()
            .map(|manner| known(*manner, "manners"))
            .collect();
        let filter = Filter {
            places: proto.place_ids.iter().copied().map(PlaceId::new).collect(),
            activities: proto
                .activity_ids
                .iter()
                .copied()
                .map(ActivityId::new)
                .collect(),
            kinds: kinds?,
            keywords: proto.keywords.iter().cloned().collect(),
            strength_min,
            manners: manners?,
        };
        if (self.knows)(&filter) {
            Ok(filter)
        } else {
            Err(RuleFault::UnknownReference)
        }
    }
}

fn measure_min(days: &v1::DaysActiveRule) -> Result<Option<MeasureMin>, RuleFault> {
    let measure =
        Measure::try_from(days.measure).map_err(|_| RuleFault::UnknownValue("measure"))?;
    match (measure, days.measure_min) {
        (Measure::Unspecified, 0) => Ok(None),
        (Measure::Unspecified, _) => Err(RuleFault::MeasureMin),
        (measure, min @ 1..=RULE_TARGET_MAX) => Ok(Some(MeasureMin { measure, min })),
        (_, _) => Err(RuleFault::MeasureMin),
    }
}

/// An enum value of this version, not the unspecified one.
fn known<E: TryFrom<i32> + Default + PartialEq>(
    value: i32,
    field: &'static str,
) -> Result<E, RuleFault> {
    E::try_from(value)
        .ok()
        .filter(|known| *known != E::default())
        .ok_or(RuleFault::UnknownValue(field))
}
