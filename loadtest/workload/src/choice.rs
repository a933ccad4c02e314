//! What a person chooses and is given.

use std::collections::BTreeSet;

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    Act, Change, Device, Event, LANGUAGES, NOTE_CHARS, PICTURES, PLACES, QUESTS, Shape, WORDS,
    chance, within_hour,
};

/// Days of a month.
const MONTH_DAYS: u32 = 30;
/// Changes of favourites in a month.
const TOGGLES: u32 = 10;
/// Edits of the profile in a month.
const EDITS: u32 = 5;
/// Quests joined in a month.
const JOINS: u32 = 2;

/// What made-up words are made of.
const SYLLABLES: &[&str] = &[
    "ka", "va", "lo", "mi", "ne", "tu", "ri", "sa", "hel", "jo", "ki", "len", "mar", "nu", "pol",
    "ras", "si", "tam", "uu", "vil", "yk", "ko", "ta", "pe", "sun", "or", "ha", "lu", "met", "an",
    "ol", "et", "sat", "jar", "vi", "kot", "nii", "mys", "al", "puo",
];

/// Keeps in mind what was chosen before.
pub(crate) struct Choices {
    shape: Shape,
    favourites: BTreeSet<u32>,
    joined: BTreeSet<u32>,
}

impl Choices {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            favourites: BTreeSet::new(),
            joined: BTreeSet::new(),
        }
    }

    /// What the participant does on a day.
    pub(crate) fn day(&mut self, day: u32, events: &mut Vec<Event>) {
        let mut dice = chance::dice(self.shape, "choices", day);
        let mut acts = Vec::new();
        for _ in 0..due(TOGGLES, day) {
            acts.push(self.toggle(&mut dice));
        }
        for _ in 0..due(EDITS, day) {
            acts.push(edit(&mut dice));
        }
        for _ in 0..due(JOINS, day) {
            acts.extend(self.join(&mut dice));
        }
        if day % 7 == 6 {
            acts.push(Act::Badge {
                week: day.saturating_add(1) / 7,
            });
            acts.push(Act::Note(note(&mut dice)));
        }
        let mut times: Vec<i64> = acts
            .iter()
            .map(|_| {
                let hour = dice.random_range(6..=19);
                within_hour(day, hour, &mut dice)
            })
            .collect();
        times.sort_unstable();
        events.extend(times.into_iter().zip(acts).map(|(at_ms, act)| Event {
            at_ms,
            device: Device::Phone,
            act,
        }));
    }

    fn toggle(&mut self, dice: &mut ChaCha8Rng) -> Act {
        let place = dice.random_range(1..=PLACES);
        let change = if self.favourites.remove(&place) {
            Change::Removed
        } else {
            self.favourites.insert(place);
            Change::Added
        };
        Act::Favourite { place, change }
    }

    fn join(&mut self, dice: &mut ChaCha8Rng) -> Option<Act> {
        let open: Vec<u32> = (1..=QUESTS)
            .filter(|quest| !self.joined.contains(quest))
            .collect();
        let quest = *open.choose(dice)?;
        self.joined.insert(quest);
        Some(Act::JoinQuest { quest })
    }
}

/// How many of so many in a month fall on a day, spread evenly.
fn due(per_month: u32, day: u32) -> u32 {
    let before = |day: u32| per_month.saturating_mul(day) / MONTH_DAYS;
    before(day.saturating_add(1)).saturating_sub(before(day))
}

fn edit(dice: &mut ChaCha8Rng) -> Act {
    match dice.random_range(0..3_u32) {
        0 => Act::Alias {
            word: dice.random_range(1..=WORDS),
            number: dice.random_range(1..=99),
        },
        1 => Act::Picture(dice.random_range(1..=PICTURES)),
        _ => Act::Language(LANGUAGES.choose(dice).copied().unwrap_or("fi")),
    }
}

fn note(dice: &mut ChaCha8Rng) -> String {
    let mut text = String::new();
    while text.len() < NOTE_CHARS {
        if !text.is_empty() {
            text.push(' ');
        }
        for _ in 0..dice.random_range(1..=4_u32) {
            text.push_str(SYLLABLES.choose(dice).copied().unwrap_or("a"));
        }
    }
    text.truncate(NOTE_CHARS);
    text
}
