//! Short stories that once ended badly, told in full: what is drawn from a seed changes with the plan.

use askel_simulation::{Act, Blocked, Event, Moment, Weather, play};

/// The scanners at the door and in the hall.
const DOOR: usize = 8;
const HALL: usize = 9;

/// What happens depends on the numbers too: they are those of the plan in which the story was found.
fn ends_well(seed: u64, story: impl IntoIterator<Item = (u64, Act)>) {
    let events = story.into_iter();
    let events: Vec<Event> = events.map(|(number, act)| Event { number, act }).collect();
    let outcome = play(seed, &events);
    assert!(outcome.is_well(), "{:?}", outcome.violations);
}

fn sync(device: usize, lost: u32, delay_ms: u32) -> Act {
    let weather = Weather {
        lost,
        delay_ms,
        ..Weather::default()
    };
    Act::Sync { device, weather }
}

/// A scan of an unknown pass is taken back: the correction waits. What was counted after it is lost by a
/// restored server.
fn a_correction_waits() -> Vec<(u64, Act)> {
    let (device, place) = (DOOR, 2);
    let taken_back = Act::Correct {
        device,
        place,
        nth: 0,
        void: true,
    };
    let count = Act::Tally {
        device,
        place,
        delta: 5,
    };
    vec![
        (4, Act::ScanUnknown { device, place }),
        (26, taken_back),
        (55, sync(DOOR, 4, 50)),
        (56, count),
        (78, Act::ServerBackUp),
        (79, sync(DOOR, 0, 0)),
        (85, Act::ServerRollBack),
    ]
}

#[test]
fn what_waits_does_not_hide_that_a_restored_server_lost_what_came_after_it() {
    ends_well(70_098, a_correction_waits());
}

#[test]
fn what_waits_does_not_hold_up_who_goes_on_after_a_restore() {
    let count = Act::Tally {
        device: DOOR,
        place: 2,
        delta: 5,
    };
    let goes_on = [
        (201, sync(DOOR, 0, 0)),
        (202, count),
        (203, sync(DOOR, 0, 0)),
    ];
    ends_well(70_098, a_correction_waits().into_iter().chain(goes_on));
}

/// A batch with a refused op was settled, its answer lost, and an op of it erased; the next comes with it.
#[test]
fn a_refused_op_of_a_batch_that_the_server_cannot_read_any_more_stays_refused() {
    let device = DOOR;
    let cut = Act::PowerCut {
        device,
        writes: 3,
        moment: Moment::After,
    };
    let scan = |place, pass_of| Act::Scan {
        device,
        place,
        pass_of,
    };
    let count = Act::Tally {
        device,
        place: 1,
        delta: 7,
    };
    let story = [
        (1, scan(3, 3)),
        (55, Act::EraseMe { device: 3 }),
        (58, sync(DOOR, 21, 50)),
        (140, cut),
        (144, sync(3, 0, 0)),
        (147, scan(1, 1)),
        (150, Act::ScanUnknown { device, place: 2 }),
        (161, sync(DOOR, 0, 0)),
        (162, sync(5, 21, 50)),
        (163, count),
    ];
    ends_well(60_076, story);
}

/// The answer to a correction is lost, and the check-in that it cites is erased.
#[test]
fn a_correction_of_what_was_erased_meanwhile_gives_up_no_log() {
    let (device, place) = (HALL, 1);
    let scan = Act::Scan {
        device,
        place,
        pass_of: 1,
    };
    let stands = Act::Correct {
        device,
        place,
        nth: 0,
        void: false,
    };
    let blocked = Blocked {
        up: false,
        down: true,
    };
    let story = [
        (8, scan),
        (54, stands),
        (62, Act::Partition { device, blocked }),
        (282, sync(HALL, 0, 2_336)),
        (289, Act::EraseMe { device: 0 }),
    ];
    ends_well(60_051, story);
}

/// What a tablet wrote last was about someone who is erased: the server has no id of it any more. The
/// tablet is told once, and from then on a sync with nothing new is one call again; put back, it is seen in
/// the first.
#[test]
fn an_erased_op_at_the_end_of_a_log_makes_one_sync_longer() {
    let (device, place) = (DOOR, 1);
    let idle = || sync(DOOR, 0, 0);
    let story = [
        idle(),
        sync(0, 0, 0),
        Act::BackUp { device },
        Act::Scan {
            device,
            place,
            pass_of: 0,
        },
        idle(),
        idle(),
        Act::EraseMe { device: 0 },
        sync(0, 0, 0),
        idle(),
        idle(),
        idle(),
        Act::RollBack { device },
        idle(),
        idle(),
    ];
    let events = (1..).zip(story).map(|(number, act)| Event { number, act });
    let outcome = play(1, &events.collect::<Vec<_>>());
    assert!(outcome.is_well(), "{:?}", outcome.violations);
    let calls = |line: &String| {
        let (_, synced) = line.split_once("at the door · synced: ")?;
        let calls = synced.rsplit(", ").next()?;
        Some(calls.to_owned())
    };
    let calls: Vec<String> = outcome.trace.iter().filter_map(calls).collect();
    let after: Vec<&str> = calls.iter().skip(3).take(5).map(String::as_str).collect();
    let (short, long) = ("1 calls", "2 calls");
    assert_eq!(after, [long, short, short, long, short]);
}
