//! What every replica must know in the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Act, Change, Device, Event};

/// The state that the events lead to, whoever computes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Counts by device and hour since 1970.
    pub steps: BTreeMap<(Device, u32), u32>,
    /// Time in milliseconds since 1970, and place.
    pub check_ins: BTreeSet<(i64, u32)>,
    /// Places.
    pub favourites: BTreeSet<u32>,
    /// Word and number.
    pub alias: Option<(u32, u32)>,
    /// The drawing.
    pub picture: Option<u32>,
    /// The language.
    pub language: Option<String>,
    /// Quests joined.
    pub quests: BTreeSet<u32>,
    /// Weeks with a badge.
    pub badges: BTreeSet<u32>,
    /// Notes by the time they were written.
    pub notes: BTreeMap<i64, String>,
}

impl Expected {
    /// Plays the events.
    pub fn of(events: &[Event]) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    fn apply(&mut self, event: &Event) {
        match &event.act {
            Act::Steps { hour, count } => {
                self.steps.insert((event.device, *hour), *count);
            }
            Act::CheckIn { place } => {
                self.check_ins.insert((event.at_ms, *place));
            }
            Act::Favourite { place, change } => match change {
                Change::Added => {
                    self.favourites.insert(*place);
                }
                Change::Removed => {
                    self.favourites.remove(place);
                }
            },
            Act::Alias { word, number } => self.alias = Some((*word, *number)),
            Act::Picture(picture) => self.picture = Some(*picture),
            Act::Language(language) => self.language = Some((*language).to_owned()),
            Act::JoinQuest { quest } => {
                self.quests.insert(*quest);
            }
            Act::Badge { week } => {
                self.badges.insert(*week);
            }
            Act::Note(text) => {
                self.notes.insert(event.at_ms, text.clone());
            }
            Act::Sync => {}
        }
    }
}
