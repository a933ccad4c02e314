//! Who comes where and when, and how it is written down: by the person's phone, by a tablet at the
//! door, by both, by two tablets.

use std::collections::BTreeSet;

use askel_sync::{
    id::PlaceId,
    time::{MINUTE_MS, Timestamp},
};
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use super::{
    catalog::{BASEMENT, KIIMINKI, Opening, QUIET},
    chance,
};

/// Someone who is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A walker, by position.
    Walker(usize),
    /// The one with the paper card.
    Card,
}

/// What is done at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A walker taps "I'm here".
    Tap(usize),
    /// A tablet scans someone's pass.
    Scan {
        /// By position.
        tablet: usize,
        /// Whose pass.
        who: Who,
    },
    /// A tablet counts people without a name; less than 0 takes back.
    Count {
        /// By position.
        tablet: usize,
        /// How many.
        delta: i32,
    },
}

/// One opening with all that is done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathering {
    /// Where and when.
    pub(crate) opening: Opening,
    /// By time.
    pub(crate) acts: Vec<(Timestamp, Act)>,
    /// Who came: the truth.
    pub(crate) present: BTreeSet<Who>,
    /// How many came without a name: the truth.
    pub(crate) nameless: u32,
}

/// What the planning has to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Town {
    /// How many walkers there are.
    pub(crate) walkers: usize,
    /// The one who never goes to Kiiminki.
    pub(crate) moon: usize,
    /// Of the story.
    pub(crate) seed: u64,
}

/// The tablets at a place's door.
pub(crate) fn tablets_at(place: PlaceId) -> &'static [usize] {
    match place {
        BASEMENT => &[0, 1],
        KIIMINKI => &[2],
        QUIET => &[3],
        _ => &[],
    }
}

/// Plans every opening. The first one is the story's own and the same for every seed.
pub(crate) fn plan(openings: &[Opening], town: Town) -> Vec<Gathering> {
    let habits = habits(town);
    openings
        .iter()
        .enumerate()
        .map(|(index, opening)| match index {
            0 => first_afternoon(*opening, town.moon),
            _ => gathering(*opening, town, &habits, index),
        })
        .collect()
}

/// moon-14 with phone and tablets, birch-2 with a card, two without a name.
fn first_afternoon(opening: Opening, moon: usize) -> Gathering {
    let minute = |minutes: i64| {
        opening
            .from
            .saturating_add_ms(minutes.saturating_mul(MINUTE_MS))
    };
    let known = Who::Walker(moon);
    let acts = vec![
        (minute(20), Act::Tap(moon)),
        (
            minute(21),
            Act::Scan {
                tablet: 0,
                who: known,
            },
        ),
        (
            minute(22),
            Act::Scan {
                tablet: 1,
                who: known,
            },
        ),
        (
            minute(23),
            Act::Scan {
                tablet: 0,
                who: known,
            },
        ),
        (
            minute(40),
            Act::Scan {
                tablet: 1,
                who: Who::Card,
            },
        ),
        (
            minute(55),
            Act::Count {
                tablet: 0,
                delta: 1,
            },
        ),
        (
            minute(56),
            Act::Count {
                tablet: 1,
                delta: 1,
            },
        ),
    ];
    Gathering {
        opening,
        acts,
        present: [known, Who::Card].into(),
        nameless: 2,
    }
}

/// In how many of a hundred openings each walker comes.
fn habits(town: Town) -> Vec<u32> {
    let mut chance = chance::stream(town.seed, "habits", 0);
    (0..town.walkers)
        .map(|_| *[3, 8, 15, 30, 45].choose(&mut chance).unwrap_or(&8))
        .collect()
}

/// In how many of a hundred openings of a place the one with the card comes.
fn card_habit(place: PlaceId) -> u32 {
    match place {
        BASEMENT => 85,
        KIIMINKI => 60,
        _ => 45,
    }
}

fn gathering(opening: Opening, town: Town, habits: &[u32], index: usize) -> Gathering {
    let mut chance = chance::stream(town.seed, "gathering", index);
    let comes = |walker: &usize, habit: u32, chance: &mut ChaCha8Rng| {
        let drawn = chance.random_ratio(habit, 100);
        drawn && !(*walker == town.moon && opening.place == KIIMINKI)
    };
    let mut present: BTreeSet<Who> = (0..)
        .zip(habits)
        .filter(|(walker, habit)| comes(walker, **habit, &mut chance))
        .map(|(walker, _)| Who::Walker(walker))
        .collect();
    if chance.random_ratio(card_habit(opening.place), 100) {
        present.insert(Who::Card);
    }
    let mut acts = Vec::new();
    for who in &present {
        acts.extend(written_down(*who, opening, &mut chance));
    }
    let nameless = chance.random_range(0..=4_u32);
    acts.extend(counted(nameless, opening, &mut chance));
    acts.sort_by_key(|(at, _)| *at);
    Gathering {
        opening,
        acts,
        present,
        nameless,
    }
}

/// At least once, at most five times.
fn written_down(who: Who, opening: Opening, chance: &mut ChaCha8Rng) -> Vec<(Timestamp, Act)> {
    let mut at = arrival(opening, chance);
    let mut acts = Vec::new();
    let mut act = |act: Act| {
        acts.push((at, act));
        at = at.saturating_add_ms(MINUTE_MS);
    };
    let tapped = match who {
        Who::Walker(walker) if chance.random_ratio(7, 10) => {
            act(Act::Tap(walker));
            true
        }
        _ => false,
    };
    let tablets = tablets_at(opening.place);
    if let Some(tablet) = tablets.choose(chance).copied()
        && (!tapped || chance.random_ratio(8, 10))
    {
        act(Act::Scan { tablet, who });
        if chance.random_ratio(1, 10) {
            act(Act::Scan { tablet, who });
        }
        if chance.random_ratio(1, 5) {
            tablets
                .iter()
                .filter(|other| **other != tablet)
                .for_each(|other| {
                    act(Act::Scan {
                        tablet: *other,
                        who,
                    });
                });
        }
    }
    acts
}

/// One by one, and now and then one too many and taken back.
fn counted(nameless: u32, opening: Opening, chance: &mut ChaCha8Rng) -> Vec<(Timestamp, Act)> {
    let mut acts = Vec::new();
    let Some(tablet) = tablets_at(opening.place).first().copied() else {
        return acts;
    };
    for _ in 0..nameless {
        let at = arrival(opening, chance);
        acts.push((at, Act::Count { tablet, delta: 1 }));
        if chance.random_ratio(1, 8) {
            let moments = [at, at.saturating_add_ms(MINUTE_MS)];
            acts.extend(
                moments
                    .into_iter()
                    .zip([1, -1])
                    .map(|(at, delta)| (at, Act::Count { tablet, delta })),
            );
        }
    }
    acts
}

/// Early enough to be written down five times before closing.
fn arrival(opening: Opening, chance: &mut ChaCha8Rng) -> Timestamp {
    let last = opening
        .until
        .saturating_add_ms(MINUTE_MS.saturating_mul(-6));
    let span_ms = last.saturating_ms_since(opening.from).max(MINUTE_MS);
    opening
        .from
        .saturating_add_ms(chance.random_range(MINUTE_MS..=span_ms))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::story::{
        catalog::{SeasonDates, openings},
        helsinki::Helsinki,
    };

    const TOWN: Town = Town {
        walkers: 33,
        moon: 4,
        seed: 7,
    };

    fn planned(town: Town) -> Vec<Gathering> {
        let [first, last] =
            [date(2016, 4, 12), date(2016, 5, 12)].map(askel_sync::time::LocalDate::from_civil);
        let season = SeasonDates { first, last };
        plan(&openings(season, &Helsinki::open().unwrap()).unwrap(), town)
    }

    #[test]
    fn everyone_present_is_written_down_while_the_place_is_open_and_nobody_else() {
        for gathering in planned(TOWN) {
            let written: BTreeSet<Who> = gathering
                .acts
                .iter()
                .filter_map(|(_, act)| match act {
                    Act::Tap(walker) => Some(Who::Walker(*walker)),
                    Act::Scan { who, .. } => Some(*who),
                    Act::Count { .. } => None,
                })
                .collect();
            assert_eq!(written, gathering.present);
            let open = gathering.opening.from..gathering.opening.until;
            assert!(gathering.acts.iter().all(|(at, _)| open.contains(at)));
            assert!(gathering.acts.is_sorted_by_key(|(at, _)| *at));
        }
    }

    #[test]
    fn counts_add_up_to_those_without_a_name() {
        for gathering in planned(TOWN) {
            let sum: i32 = gathering
                .acts
                .iter()
                .filter_map(|(_, act)| match act {
                    Act::Count { delta, .. } => Some(*delta),
                    _ => None,
                })
                .sum();
            assert_eq!(u32::try_from(sum).unwrap(), gathering.nameless);
        }
    }

    #[test]
    fn the_first_afternoon_is_the_same_for_every_seed_and_the_others_are_not() {
        let one = planned(TOWN);
        let other = planned(Town { seed: 8, ..TOWN });
        assert_eq!(one[0], other[0]);
        assert_ne!(one[1..], other[1..]);
        assert_eq!(one, planned(TOWN));
    }

    #[test]
    fn moon_never_goes_to_kiiminki_of_their_own_will() {
        let there = planned(TOWN)
            .into_iter()
            .filter(|g| g.opening.place == KIIMINKI);
        assert!(
            there
                .into_iter()
                .all(|g| !g.present.contains(&Who::Walker(TOWN.moon)))
        );
    }
}
