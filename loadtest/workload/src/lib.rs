//! The participant-year: what the three devices of one participant do in a year, as a list of
//! events by time. Askel and its peers are fed the same list, so that their bytes compare. Pure: the
//! same [`Shape`] gives the same list on every machine.
//!
//! What the workload says and its one sentence leaves open, decided here once:
//!
//! - The **phone** counts sixteen waking hours a day. Each hour's count is written down two to four
//!   times, three on average, the last time within two minutes after the hour. The **old phone** counts eight hours a
//!   day, once each, when the hour is over. Coalescing, the value that stands when the device syncs
//!   and none before it, is left to the reader: Askel's SDK does it by itself, and the peers get
//!   [`Workload::coalesced`].
//! - The **scanner** writes nothing but check-ins about the participant: none to three a day with
//!   equal odds, each at another one of the fifty places.
//! - What a person **chooses** happens on the phone: ten favourite toggles, five profile edits (alias,
//!   picture, language) and two quest joins in each month of thirty days. Two devices that set one
//!   field at once would measure each system's rule for that, not its bytes.
//! - Each seventh day has a **badge**, which follows from the week's check-ins (a week without one
//!   gets one), and a **note** of eighty ASCII characters in made-up words.
//! - Each device **syncs** once a day at an hour of its own with a minute that varies, the old phone
//!   not at all in the two stretches of thirty days. The last day ends with a sync of every device in
//!   an order that lets all of them see everything.
//! - Times are whole milliseconds, as clocks give them. Days are days of UTC.

mod chance;
mod choice;
mod expected;
mod steps;

use std::collections::BTreeSet;

use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

pub use expected::Expected;

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// The first instant, 2026-01-01T00:00:00Z, in milliseconds since 1970.
pub const START_MS: i64 = 1_767_225_600_000;
/// How many places there are; their ids are 1 to this.
pub const PLACES: u32 = 50;
/// How many quests there are; their ids are 1 to this.
pub const QUESTS: u32 = 30;
/// How many words aliases are made of; their ids are 1 to this.
pub const WORDS: u32 = 40;
/// How many drawings there are; their ids are 1 to this.
pub const PICTURES: u32 = 24;
/// The languages a profile may name.
pub const LANGUAGES: &[&str] = &["fi", "sv", "en"];
/// Characters of a note.
pub const NOTE_CHARS: usize = 80;

/// When the old phone has no network: from a day up to, but not including, another.
const OFFLINE: &[(u32, u32)] = &[(60, 90), (200, 230)];

/// How long, and by which dice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 365 for the year.
    pub days: u32,
    /// Another seed is another person.
    pub seed: u64,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    /// The participant's phone.
    Phone,
    /// Their old phone.
    OldPhone,
    /// The tablet at the doors they go through.
    Scanner,
}

impl Device {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Phone, Self::OldPhone, Self::Scanner];
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// Where.
    pub device: Device,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The sensor's count of an hour so far.
    Steps {
        /// Hours since 1970-01-01T00:00:00Z.
        hour: u32,
        /// At least 1.
        count: u32,
    },
    /// The participant is scanned.
    CheckIn {
        /// From 1.
        place: u32,
    },
    /// A favourite is set or taken away; it was the other before.
    Favourite {
        /// From 1.
        place: u32,
        /// What it is from now on.
        change: Change,
    },
    /// The name that is shown: a word and a number.
    Alias {
        /// From 1.
        word: u32,
        /// 1 to 99.
        number: u32,
    },
    /// The drawing that is shown, from 1.
    Picture(u32),
    /// One of [`LANGUAGES`].
    Language(&'static str),
    /// A quest is joined for the first time.
    JoinQuest {
        /// From 1.
        quest: u32,
    },
    /// The badge of a week.
    Badge {
        /// From 1.
        week: u32,
    },
    /// A note of [`NOTE_CHARS`] characters.
    Note(String),
    /// The device exchanges with the server what each lacks.
    Sync,
}

/// What became of a favourite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is one.
    Added,
    /// It is none.
    Removed,
}

/// What happens, by time, and what must be known everywhere in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// By time.
    pub events: Vec<Event>,
    /// The end.
    pub expected: Expected,
}

impl Workload {
    /// Throws the dice.
    pub fn new(shape: Shape) -> Self {
        let mut events = Vec::new();
        let mut choices = choice::Choices::new(shape);
        for day in 0..shape.days {
            steps::day(shape, day, &mut events);
            check_ins(shape, day, &mut events);
            choices.day(day, &mut events);
            syncs(shape, day, &mut events);
        }
        events.sort_by_key(|event| event.at_ms);
        events.extend(last_syncs(shape));
        let expected = Expected::of(&events);
        Self { events, expected }
    }

    /// The same without those step counts that another one overwrites before the device syncs.
    #[must_use]
    pub fn coalesced(&self) -> Vec<Event> {
        let mut overwritten = BTreeSet::new();
        let mut kept: Vec<Event> = self
            .events
            .iter()
            .rev()
            .filter(|event| match event.act {
                Act::Sync => {
                    overwritten.retain(|(device, _)| *device != event.device);
                    true
                }
                Act::Steps { hour, .. } => overwritten.insert((event.device, hour)),
                _ => true,
            })
            .cloned()
            .collect();
        kept.reverse();
        kept
    }
}

/// When a day begins.
pub(crate) fn day_start(day: u32) -> i64 {
    START_MS.saturating_add(DAY_MS.saturating_mul(i64::from(day)))
}

/// An instant of a day: an hour, and anything up to an hour more.
pub(crate) fn within_hour(day: u32, hour: i64, dice: &mut ChaCha8Rng) -> i64 {
    day_start(day)
        .saturating_add(HOUR_MS.saturating_mul(hour))
        .saturating_add(dice.random_range(0..HOUR_MS))
}

/// Where and when the participant is scanned on a day.
fn check_ins(shape: Shape, day: u32, events: &mut Vec<Event>) {
    let mut dice = chance::dice(shape, "check-ins", day);
    let mut places: Vec<u32> = (1..=PLACES).collect();
    places.shuffle(&mut dice);
    // The week's badge wants one check-in, so the first day of a week has at least one.
    let fewest = usize::from(day.is_multiple_of(7));
    let count = dice.random_range(0..=3usize).max(fewest);
    for place in places.into_iter().take(count) {
        let hour = dice.random_range(9..=19);
        events.push(Event {
            at_ms: within_hour(day, hour, &mut dice),
            device: Device::Scanner,
            act: Act::CheckIn { place },
        });
    }
}

/// The day's syncs.
fn syncs(shape: Shape, day: u32, events: &mut Vec<Event>) {
    let mut dice = chance::dice(shape, "syncs", day);
    let is_offline = OFFLINE
        .iter()
        .any(|(from, until)| (*from..*until).contains(&day));
    for (device, hour) in [
        (Device::Phone, dice.random_range(8..=20)),
        (Device::OldPhone, dice.random_range(10..=21)),
        (Device::Scanner, dice.random_range(20..=21)),
    ] {
        let at_ms = within_hour(day, hour, &mut dice);
        if device != Device::OldPhone || !is_offline {
            events.push(Event {
                at_ms,
                device,
                act: Act::Sync,
            });
        }
    }
}

/// After the last day, five minutes apart: first everyone hands in, then those look again who have not seen
/// everything.
fn last_syncs(shape: Shape) -> impl Iterator<Item = Event> {
    let end = day_start(shape.days);
    [
        Device::Scanner,
        Device::OldPhone,
        Device::Phone,
        Device::OldPhone,
        Device::Scanner,
    ]
    .into_iter()
    .zip(1_i64..)
    .map(move |(device, minutes)| Event {
        at_ms: end.saturating_add(minutes.saturating_mul(MINUTE_MS).saturating_mul(5)),
        device,
        act: Act::Sync,
    })
}
