//! The workload from outside: it is the same each time, and it is what its description says.

use std::collections::BTreeMap;

use askel_workload::{Act, DAY_MS, Device, NOTE_CHARS, START_MS, Shape, Workload};

const YEAR: Shape = Shape { days: 365, seed: 1 };

fn count(workload: &Workload, wanted: impl Fn(&Act) -> bool) -> usize {
    let events = workload.events.iter();
    events.filter(|event| wanted(&event.act)).count()
}

#[test]
fn the_same_seed_is_the_same_person() {
    assert_eq!(Workload::new(YEAR), Workload::new(YEAR));
    assert_ne!(
        Workload::new(YEAR),
        Workload::new(Shape { seed: 2, ..YEAR })
    );
}

#[test]
fn a_year_holds_what_it_promises() {
    let year = Workload::new(YEAR);
    assert_eq!(year.expected.steps.len(), 365 * (16 + 8));
    let updates = count(&year, |act| matches!(act, Act::Steps { .. }));
    let phone_updates = updates - 365 * 8;
    let of_three = phone_updates * 100 / (365 * 16 * 3);
    assert!((97..=103).contains(&of_three), "{of_three} %");
    assert_eq!(
        count(&year, |act| matches!(act, Act::Favourite { .. })),
        121
    );
    let edits = |act: &Act| matches!(act, Act::Alias { .. } | Act::Picture(_) | Act::Language(_));
    assert_eq!(count(&year, edits), 60);
    assert_eq!(count(&year, |act| matches!(act, Act::JoinQuest { .. })), 24);
    assert_eq!(year.expected.badges.len(), 52);
    assert_eq!(year.expected.notes.len(), 52);
    assert!(
        year.expected
            .notes
            .values()
            .all(|note| note.len() == NOTE_CHARS)
    );
    let daily = year.expected.check_ins.len() * 10 / 365;
    assert!((14..=17).contains(&daily), "{daily} in ten days");
}

#[test]
fn devices_sync_daily_and_the_old_phone_misses_two_months() {
    let year = Workload::new(YEAR);
    let mut days: BTreeMap<Device, Vec<i64>> = BTreeMap::new();
    for event in year.events.iter().filter(|event| event.act == Act::Sync) {
        let day = (event.at_ms - START_MS) / DAY_MS;
        days.entry(event.device).or_default().push(day);
    }
    assert_eq!(days[&Device::Phone].len(), 366);
    assert_eq!(days[&Device::Scanner].len(), 367);
    assert_eq!(days[&Device::OldPhone].len(), 365 - 60 + 2);
    let longest = days[&Device::OldPhone]
        .windows(2)
        .map(|two| two[1] - two[0])
        .max();
    assert_eq!(longest, Some(31));
}

#[test]
fn coalescing_keeps_what_stands_at_each_sync() {
    let year = Workload::new(YEAR);
    let coalesced = year.coalesced();
    let kept = coalesced
        .iter()
        .filter(|event| matches!(event.act, Act::Steps { .. }))
        .count();
    // Each hour once, and once more the hour in which a day's sync fell.
    assert!((8_760..8_760 + 366).contains(&kept), "{kept}");
    assert_eq!(askel_workload::Expected::of(&coalesced), year.expected);
}

#[test]
fn every_week_has_the_check_in_that_its_badge_wants() {
    let year = Workload::new(YEAR);
    for week in 0..52 {
        let days = START_MS + week * 7 * DAY_MS..START_MS + (week + 1) * 7 * DAY_MS;
        assert!(
            year.expected
                .check_ins
                .iter()
                .any(|(at, _)| days.contains(at))
        );
    }
}
