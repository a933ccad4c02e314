//! Drawing a plan from a seed.

use super::{Act, Event, Options, Sorts};
use crate::{
    cast::Cast,
    catalog::PLACES,
    chance::Chance,
    disk::Moment,
    link::{Blocked, Weather},
};

/// What a seed likes: each world has its own mix, so that some faults come often together.
struct Taste {
    cast: Cast,
    /// In a hundred events, those that are faults.
    faults: u32,
    /// Fault sorts of this world.
    sorts: Vec<usize>,
    weather: Weather,
    /// The longest pause, in milliseconds.
    pause_ms: i64,
}

/// Sorts of faults.
const SORTS: usize = 17;
/// Phones are backed up and put back.
const ROLL_BACKS: usize = 3;
/// Phones are copied.
const CLONES: usize = 4;

impl Taste {
    fn draw(chance: &mut Chance) -> Self {
        let sorts: Vec<usize> = (0..SORTS).filter(|_| chance.percent(45)).collect();
        let mut rate = |most: usize| {
            if chance.percent(50) {
                u32::try_from(chance.below(most)).unwrap_or(0)
            } else {
                0
            }
        };
        let weather = Weather {
            lost: rate(30),
            doubled: rate(40),
            unanswered: rate(30),
            cut: rate(40),
            delay_ms: 50 + rate(3_000),
        };
        Self {
            cast: Cast::small(),
            faults: 10 + u32::try_from(chance.below(30)).unwrap_or(0),
            sorts,
            weather,
            pause_ms: *chance.pick(&[3_000, 600_000, 7_200_000, 86_400_000]),
        }
    }
}

/// Draws what happens in a world.
pub fn draw(seed: u64, options: Options) -> Vec<Event> {
    let mut chance = Chance::of(seed, "plan", 0);
    let mut taste = Taste::draw(&mut chance);
    if options.sorts == Sorts::RollBacksAndClones {
        taste.sorts = vec![ROLL_BACKS, CLONES];
        taste.faults = 30;
    }
    let mut events = Vec::new();
    for number in 0..options.events {
        let act = draw_act(&mut chance, &taste, options);
        events.push(Event {
            number: u64::try_from(number).unwrap_or(0),
            act,
        });
    }
    events
}

fn draw_act(chance: &mut Chance, taste: &Taste, options: Options) -> Act {
    if !taste.sorts.is_empty() && chance.percent(taste.faults) {
        let sort = *chance.pick(&taste.sorts);
        return draw_fault(chance, sort, &taste.cast, options);
    }
    if chance.percent(30) {
        let device = chance.below(taste.cast.devices());
        let calm = chance.percent(25);
        return Act::Sync {
            device,
            weather: if calm {
                Weather::default()
            } else {
                taste.weather
            },
        };
    }
    if chance.percent(15) {
        return Act::Pass(chance.between(1, taste.pause_ms));
    }
    if chance.percent(5) {
        return Act::Settle;
    }
    draw_life(chance, &taste.cast)
}

fn draw_life(chance: &mut Chance, cast: &Cast) -> Act {
    let place = 1 + u32::try_from(chance.below(PLACES as usize)).unwrap_or(0);
    if chance.percent(25) {
        let device = cast.first_scanner() + chance.below(cast.scanners());
        return match chance.below(10) {
            0 => Act::ScanUnknown { device, place },
            1..5 => Act::Scan {
                device,
                place,
                pass_of: chance.below(cast.phones()),
            },
            5..8 => Act::Tally {
                device,
                place,
                delta: i32::try_from(chance.between(1, 9)).unwrap_or(1),
            },
            _ => Act::Correct {
                device,
                place,
                nth: chance.below(4),
                void: chance.percent(70),
            },
        };
    }
    let device = chance.below(cast.first_scanner());
    match chance.below(10) {
        0..3 => Act::CheckIn { device, place },
        3..6 => Act::Walk {
            device,
            hours_ago: chance.between(0, 30),
            count: u32::try_from(chance.between(0, 4_000)).unwrap_or(0),
        },
        6 => Act::Favourite {
            device,
            place,
            on: chance.percent(60),
        },
        7 => Act::Join {
            device,
            on: chance.percent(70),
        },
        8 => Act::Picture {
            device,
            picture: u32::try_from(chance.below(64)).unwrap_or(0),
        },
        _ => Act::Language {
            device,
            nth: chance.below(5),
        },
    }
}

fn draw_fault(chance: &mut Chance, sort: usize, cast: &Cast, options: Options) -> Act {
    let device = chance.below(cast.devices());
    let phone = chance.below(cast.first_scanner());
    match sort {
        0 => Act::Restart { device },
        1 => Act::PowerCut {
            device,
            writes: u32::try_from(chance.below(6)).unwrap_or(0),
            moment: *chance.pick(&[Moment::Before, Moment::After]),
        },
        2 => Act::DiskFull {
            device,
            writes: 1 + u32::try_from(chance.below(4)).unwrap_or(0),
        },
        ROLL_BACKS => {
            if chance.percent(50) {
                Act::BackUp { device }
            } else {
                Act::RollBack { device }
            }
        }
        CLONES => Act::Clone { device: phone },
        5 => draw_clock(chance, device),
        6 => Act::Reboot { device },
        7 => Act::Partition {
            device,
            blocked: Blocked {
                up: chance.percent(40),
                down: chance.percent(40),
            },
        },
        8 => Act::Replay {
            device,
            nth: chance.below(16),
        },
        9 => Act::Hostile {
            trick: chance.below(crate::hostile::TRICKS),
        },
        10 => {
            if chance.percent(50) {
                Act::ServerCrash {
                    away_ms: chance.between(0, 20_000),
                }
            } else {
                Act::StoreFault {
                    calls: u32::try_from(chance.below(12)).unwrap_or(0),
                    after: chance.percent(50),
                }
            }
        }
        12..17 => draw_end(chance, sort, cast),
        _ if options.server_rolls_back && chance.percent(70) => {
            if chance.percent(55) {
                Act::ServerBackUp
            } else {
                Act::ServerRollBack
            }
        }
        _ => Act::Publish,
    }
}

/// Ends are for good: of each sort a world has a few.
fn draw_end(chance: &mut Chance, sort: usize, cast: &Cast) -> Act {
    let phone = chance.below(cast.first_scanner());
    let original = chance.below(cast.phones());
    let device = chance.below(cast.devices());
    match sort {
        12 if chance.percent(20) => Act::EraseMe { device: phone },
        13 if chance.percent(25) => Act::Revoke {
            // Of the people only the first has two phones.
            device: *chance.pick(&[1, cast.copy(1), cast.devices() - 1]),
        },
        14 if chance.percent(40) => Act::LoseKey { device: original },
        15 => Act::HandOver {
            from: phone,
            by: device,
            is_lost: chance.percent(20),
        },
        16 => Act::Newer {
            is_known: chance.percent(60),
        },
        _ => Act::Restart { device },
    }
}

fn draw_clock(chance: &mut Chance, device: usize) -> Act {
    const MINUTE_MS: i64 = 60_000;
    const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
    if chance.percent(40) {
        return Act::ClockRight { device };
    }
    let ms = match chance.below(4) {
        0 => chance.between(-10 * MINUTE_MS, 10 * MINUTE_MS),
        1 => chance.between(-DAY_MS, DAY_MS),
        2 => chance.between(-40 * DAY_MS, 40 * DAY_MS),
        _ => chance.between(-6, 83) * 365 * DAY_MS,
    };
    Act::ClockJump { device, ms }
}
