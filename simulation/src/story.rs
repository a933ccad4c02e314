//! From a failing plan to the few events that matter.

use std::fmt::Write as _;

use crate::{
    link::Weather,
    plan::{Act, Event},
    run::{Outcome, play},
};

/// The sort of a violation: its words without what changes from run to run.
fn sort(outcome: &Outcome) -> Option<String> {
    let first = outcome.violations.first()?;
    let words = first.split_whitespace();
    let words = words.filter(|word| word.chars().all(|c| c.is_alphabetic() || c == '\''));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Leaves out events, and calms syncs, as long as a violation of the same sort remains; at most so
/// many plays.
pub fn shrink(seed: u64, events: &[Event], plays_max: usize) -> Vec<Event> {
    let mut left = plays_max;
    let Some(wanted) = sort(&play(seed, events)) else {
        return events.to_vec();
    };
    let mut fails = |events: &[Event]| {
        if left == 0 {
            return false;
        }
        left -= 1;
        // Any violation will do when the words are many: the first one names a device.
        sort(&play(seed, events)).is_some_and(|sort| alike(&sort, &wanted))
    };
    let mut kept = events.to_vec();
    let mut part = kept.len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        let before = kept.len();
        while from < kept.len() {
            let until = (from + part).min(kept.len());
            let without: Vec<Event> = [&kept[..from], &kept[until..]].concat();
            if fails(&without) {
                kept = without;
            } else {
                from = until;
            }
        }
        // Once more with single events as long as that helps.
        part = if part == 1 && kept.len() < before {
            1
        } else {
            part / 2
        };
    }
    for index in 0..kept.len() {
        let mut calmer = kept.clone();
        if let Act::Sync { weather, .. } = &mut calmer[index].act
            && *weather != Weather::default()
        {
            *weather = Weather::default();
            if fails(&calmer) {
                kept = calmer;
            }
        }
    }
    kept
}

fn alike(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (words(one), words(other));
    let same = one.iter().filter(|word| other.contains(word)).count();
    same * 3 >= one.len().max(other.len()) * 2
}

/// The story of a failure, for people.
pub fn tell(seed: u64, events: &[Event]) -> String {
    let outcome = play(seed, events);
    let mut story = String::new();
    let _ = writeln!(story, "seed {seed}, {} events:", events.len());
    for event in events {
        let _ = writeln!(story, "  {event}");
    }
    for violation in outcome.violations.iter().take(5) {
        let _ = writeln!(story, "  => {violation}");
    }
    story
}
