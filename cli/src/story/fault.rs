//! What did not end as it should: told in the end, and the demo fails.

use std::collections::BTreeSet;

use super::text::FaultText;

/// A comparison that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Kept steps are not the walked ones.
    Steps,
    /// Kept encounters are not those that happened.
    Encounters,
    /// Phones and server show other badges.
    Badges,
    /// The card's badges are not those its visits earned.
    Card,
    /// The killed server lost or doubled something.
    Crash,
    /// The new phone did not bring everything back.
    Recovery,
    /// The voided scan did not end as it should.
    Void,
}

/// All that failed.
#[derive(Debug, Default)]
pub(crate) struct Faults(BTreeSet<Fault>);

impl Faults {
    /// Notes a fault unless the comparison holds.
    pub(crate) fn expect(&mut self, fault: Fault, holds: bool) {
        if !holds {
            self.0.insert(fault);
        }
    }

    /// Whether a comparison failed.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    /// Fails with a sentence for each.
    pub(crate) fn check(&self, text: &FaultText) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sentences: Vec<&str> = self.0.iter().map(|fault| sentence(*fault, text)).collect();
        anyhow::bail!("{}", sentences.join(" "))
    }
}

fn sentence(fault: Fault, text: &FaultText) -> &str {
    match fault {
        Fault::Steps => text.steps.plain(),
        Fault::Encounters => text.encounters.plain(),
        Fault::Badges => text.badges.plain(),
        Fault::Card => text.card.plain(),
        Fault::Crash => text.crash.plain(),
        Fault::Recovery => text.recovery.plain(),
        Fault::Void => text.void.plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::text::{Language, Text};

    #[test]
    fn a_comparison_that_fails_is_told_and_one_that_holds_is_not() {
        let text = Text::of(Language::En).unwrap().faults;
        let mut faults = Faults::default();
        faults.expect(Fault::Steps, true);
        assert!(faults.check(&text).is_ok());
        faults.expect(Fault::Card, false);
        assert!(faults.has(Fault::Card) && !faults.has(Fault::Steps));
        assert_eq!(
            faults.check(&text).unwrap_err().to_string(),
            text.card.plain()
        );
    }
}
