//! Whether somebody with only a paper card can reach a rule.
//!
//! A card is scanned by staff: it witnesses attendances up to the strength of a card, on site or
//! in outreach, and never carries steps.

use super::{
    Condition, Filter, Rule, Unit,
    parse::{Path, RuleError, RuleFault},
};
use crate::op::Manner;

impl Rule {
    /// # Errors
    /// [`RuleFault::NotForCards`] at the node that shuts a card out.
    pub(super) fn check_cards(&self) -> Result<(), RuleError> {
        self.card_fault(&Path::default())
            .map_or(Ok(()), |path| Err(path.fault(RuleFault::NotForCards)))
    }

    /// The node that a card can't pass; `None` if it can pass all it has to.
    fn card_fault(&self, path: &Path) -> Option<Path> {
        let first_fault = |rules: &mut dyn Iterator<Item = &Rule>, operator| {
            rules
                .enumerate()
                .find_map(|(index, rule)| rule.card_fault(&path.child(operator, index)))
        };
        match self {
            Self::Leaf(leaf) => (!leaf.condition.is_open_to_cards()).then(|| path.clone()),
            Self::All(rules) => first_fault(&mut rules.iter(), "all"),
            Self::Any(rules) => {
                let open = rules.iter().any(|rule| rule.card_fault(path).is_none());
                (!open).then(|| path.clone())
            }
            Self::Stages(stages) => {
                first_fault(&mut stages.stages.iter().map(|stage| &stage.rule), "stages")
            }
        }
    }
}

impl Condition {
    fn is_open_to_cards(&self) -> bool {
        match self {
            Self::Count(filter) | Self::CountDistinct(filter, _) | Self::DaysActive(filter, _) => {
                filter.is_open_to_cards()
            }
            Self::Sum(_) => false,
            Self::Collective(collective) => collective.contributions.iter().any(|contribution| {
                matches!(&contribution.unit, Unit::Attendance(filter) if filter.is_open_to_cards())
            }),
        }
    }
}

impl Filter {
    fn is_open_to_cards(&self) -> bool {
        self.manners.is_empty()
            || self.manners.contains(&Manner::OnSite)
            || self.manners.contains(&Manner::Outreach)
    }
}
