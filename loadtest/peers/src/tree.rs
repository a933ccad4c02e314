//! How the participant's facts lie in a document, and documents as plain trees, which compare.

use std::collections::BTreeMap;

use askel_workload::{Act, Change, Device, Event, Expected, START_MS};

use crate::replica::{Replica, Scalar};

/// Where hourly counts lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A register an hour: a map for each phone, the hour as its key.
    Flat,
    /// A register an hour: a map for each phone, in it a map for each day.
    Days,
    /// A list of counts for each phone: no register, as it has no way to say which hour is missing and no second
    /// writer. Shown for comparison only.
    Series,
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::Flat, Self::Days, Self::Series];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Days => "days",
            Self::Series => "series",
        }
    }
}

/// A map: one at the root, or one within it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    pub(crate) root: &'a str,
    pub(crate) inner: Option<&'a str>,
}

impl<'a> Path<'a> {
    pub(crate) fn root(root: &'a str) -> Self {
        Self { root, inner: None }
    }
}

pub(crate) const MAPS: &[&str] = &["favourites", "profile", "quests", "badges"];
pub(crate) const LISTS: &[&str] = &["checkins", "notes"];
pub(crate) const STEP_MAPS: &[&str] = &["steps-phone", "steps-old"];
pub(crate) const STEP_LISTS: &[&str] = &["series-phone", "series-old"];

/// A document's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    Scalar(Scalar),
    Map(BTreeMap<String, Tree>),
    List(Vec<Tree>),
}

impl Tree {
    /// Without empty maps and lists: libraries differ in whether they show those.
    pub(crate) fn without_empty(self) -> Self {
        match self {
            Self::Map(inner) => Self::Map(
                inner
                    .into_iter()
                    .map(|(key, value)| (key, value.without_empty()))
                    .filter(|(_, value)| !value.is_empty())
                    .collect(),
            ),
            other => other,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Map(inner) => inner.is_empty(),
            Self::List(inner) => inner.is_empty(),
        }
    }

    /// What every replica must hold in the end; the scanner holds its check-ins alone.
    pub(crate) fn expected(expected: &Expected, layout: Layout, scanner: bool) -> Self {
        let mut root = BTreeMap::new();
        let mut insert = |name: &str, tree: Tree| root.insert(name.to_owned(), tree);
        let check_ins = expected.check_ins.iter();
        insert(
            "checkins",
            Self::List(
                check_ins
                    .map(|(at, place)| int(packed(*at, *place)))
                    .collect(),
            ),
        );
        if !scanner {
            let set = |ids: &mut dyn Iterator<Item = &u32>| {
                Self::Map(
                    ids.map(|id| (id.to_string(), Self::Scalar(Scalar::Set)))
                        .collect(),
                )
            };
            insert("favourites", set(&mut expected.favourites.iter()));
            insert("quests", set(&mut expected.quests.iter()));
            insert("badges", set(&mut expected.badges.iter()));
            insert("profile", profile(expected));
            let notes = expected.notes.values();
            insert("notes", Self::List(notes.map(|note| text(note)).collect()));
            for device in [Device::Phone, Device::OldPhone] {
                insert(steps_name(device, layout), steps(expected, device, layout));
            }
        }
        Self::Map(root).without_empty()
    }
}

fn int(value: i64) -> Tree {
    Tree::Scalar(Scalar::Int(value))
}

fn text(value: &str) -> Tree {
    Tree::Scalar(Scalar::Text(value.to_owned()))
}

fn profile(expected: &Expected) -> Tree {
    let alias = expected
        .alias
        .map(|alias| ("alias", text(&alias_text(alias))));
    let picture = expected
        .picture
        .map(|picture| ("picture", int(picture.into())));
    let language = expected
        .language
        .as_ref()
        .map(|language| ("language", text(language)));
    Tree::Map(
        [alias, picture, language]
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

fn steps(expected: &Expected, device: Device, layout: Layout) -> Tree {
    let counts = expected.steps.iter().filter(|((of, _), _)| *of == device);
    let counts = counts.map(|((_, hour), count)| (*hour, int((*count).into())));
    match layout {
        Layout::Flat => Tree::Map(
            counts
                .map(|(hour, count)| (base36(since_start(hour)), count))
                .collect(),
        ),
        Layout::Series => Tree::List(counts.map(|(_, count)| count).collect()),
        Layout::Days => {
            let mut days: BTreeMap<String, BTreeMap<String, Tree>> = BTreeMap::new();
            for (hour, count) in counts {
                let (day, of_day) = day_and_hour(hour);
                days.entry(day).or_default().insert(of_day, count);
            }
            Tree::Map(
                days.into_iter()
                    .map(|(day, inner)| (day, Tree::Map(inner)))
                    .collect(),
            )
        }
    }
}

/// Writes an event into a device's document.
pub(crate) fn write<R: Replica>(
    replica: &mut R,
    event: &Event,
    layout: Layout,
) -> anyhow::Result<()> {
    match &event.act {
        Act::Steps { hour, count } => write_steps(replica, event.device, (*hour, *count), layout),
        Act::CheckIn { place } => {
            replica.push("checkins", &Scalar::Int(packed(event.at_ms, *place)))
        }
        Act::Favourite { place, change } => {
            let favourites = Path::root("favourites");
            match change {
                Change::Added => replica.put(favourites, &place.to_string(), &Scalar::Set),
                Change::Removed => replica.remove(favourites, &place.to_string()),
            }
        }
        Act::Alias { word, number } => {
            let alias = Scalar::Text(alias_text((*word, *number)));
            replica.put(Path::root("profile"), "alias", &alias)
        }
        Act::Picture(picture) => replica.put(
            Path::root("profile"),
            "picture",
            &Scalar::Int((*picture).into()),
        ),
        Act::Language(language) => {
            let language = Scalar::Text((*language).to_owned());
            replica.put(Path::root("profile"), "language", &language)
        }
        Act::JoinQuest { quest } => {
            replica.put(Path::root("quests"), &quest.to_string(), &Scalar::Set)
        }
        Act::Badge { week } => replica.put(Path::root("badges"), &week.to_string(), &Scalar::Set),
        Act::Note(note) => replica.push("notes", &Scalar::Text(note.clone())),
        Act::Sync => Ok(()),
    }
}

fn write_steps<R: Replica>(
    replica: &mut R,
    device: Device,
    (hour, count): (u32, u32),
    layout: Layout,
) -> anyhow::Result<()> {
    let root = steps_name(device, layout);
    let count = Scalar::Int(count.into());
    match layout {
        Layout::Flat => replica.put(Path::root(root), &base36(since_start(hour)), &count),
        Layout::Days => {
            let (day, of_day) = day_and_hour(hour);
            let inner = Some(&*day);
            replica.put(Path { root, inner }, &of_day, &count)
        }
        Layout::Series => {
            // The first counted hour of a day, and how many a day has.
            let (first, per_day) = if device == Device::Phone {
                (5, 16)
            } else {
                (8, 8)
            };
            let since = since_start(hour);
            let index = since / 24 * per_day + since % 24 - first;
            replica.set_at(root, usize::try_from(index)?, &count)
        }
    }
}

fn steps_name(device: Device, layout: Layout) -> &'static str {
    match (device, layout) {
        (Device::Phone, Layout::Series) => "series-phone",
        (_, Layout::Series) => "series-old",
        (Device::Phone, _) => "steps-phone",
        _ => "steps-old",
    }
}

/// Time and place in one integer: the shortest form a list can hold.
fn packed(at_ms: i64, place: u32) -> i64 {
    (at_ms - START_MS) * 64 + i64::from(place)
}

fn alias_text((word, number): (u32, u32)) -> String {
    format!("{word}-{number}")
}

fn since_start(hour: u32) -> u32 {
    hour.saturating_sub(u32::try_from(START_MS / askel_workload::HOUR_MS).unwrap_or(0))
}

fn day_and_hour(hour: u32) -> (String, String) {
    let since = since_start(hour);
    (base36(since / 24), base36(since % 24))
}

/// Short keys.
fn base36(mut number: u32) -> String {
    let mut text = Vec::new();
    loop {
        text.extend(char::from_digit(number % 36, 36));
        number /= 36;
        if number == 0 {
            return text.into_iter().rev().collect();
        }
    }
}
