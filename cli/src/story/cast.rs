//! Who is in the story.

use askel_sync::op::Alias;

use super::{catalog::AliasWord, walking::Walking};

/// The three whom the story follows, and everyone's alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cast {
    /// moon-14, who loses a phone.
    pub(crate) moon: usize,
    /// moss-7, who has no data plan.
    pub(crate) moss: usize,
    /// Of each walker, in their order.
    pub(crate) aliases: Vec<Alias>,
}

/// What is written on the paper card of birch-2.
pub(crate) const BIRCH: Alias = Alias {
    word: AliasWord::BIRCH.0,
    number: 2,
};
const MOON: Alias = Alias {
    word: AliasWord::MOON.0,
    number: 14,
};
const MOSS: Alias = Alias {
    word: AliasWord::MOSS.0,
    number: 7,
};
/// The numbers of everyone else begin here, so that no two aliases are alike.
const FIRST_NUMBER: u32 = 20;

impl Cast {
    /// Gives the leading parts to the two walkers with the most counted hours: their counters are
    /// worn to the end.
    pub(crate) fn of(walking: &Walking) -> Self {
        let mut by_hours: Vec<usize> = (0..walking.walkers.len()).collect();
        let hours = |index: &usize| walking.walkers.get(*index).map_or(0, |w| w.hours.len());
        by_hours.sort_by_key(|index| std::cmp::Reverse(hours(index)));
        let part = |position: usize| by_hours.get(position).copied().unwrap_or_default();
        let (moon, moss) = (part(0), part(1));
        let alias = |index: usize| match index {
            _ if index == moon => MOON,
            _ if index == moss => MOSS,
            other => extra(other),
        };
        Self {
            moon,
            moss,
            aliases: (0..walking.walkers.len()).map(alias).collect(),
        }
    }
}

/// Words go round, numbers rise.
fn extra(index: usize) -> Alias {
    let index = u32::try_from(index).unwrap_or_default();
    let words = AliasWord::COUNT.saturating_sub(AliasWord::BIRCH.0);
    let word = index.checked_rem(words).unwrap_or_default();
    Alias {
        word: AliasWord::BIRCH.0.saturating_add(1).saturating_add(word),
        number: FIRST_NUMBER.saturating_add(index),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::story::{generated_month, helsinki::Helsinki};

    #[test]
    fn everyone_has_an_alias_of_their_own() {
        let walking = generated_month::make(&Helsinki::open().unwrap()).unwrap();
        let cast = Cast::of(&walking);
        assert_ne!(cast.moon, cast.moss);
        let all: BTreeSet<_> = cast.aliases.iter().map(|a| (a.word, a.number)).collect();
        assert_eq!(all.len(), 33);
        assert_eq!(cast.aliases[cast.moon], MOON);
        assert!(
            cast.aliases
                .iter()
                .all(|a| (1..=AliasWord::COUNT).contains(&a.word))
        );
    }
}
