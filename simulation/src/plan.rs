//! What is going to happen: drawn from the seed before anything does, so that parts can be left out.

use std::fmt;

use crate::{
    catalog::PLACES,
    chance::Chance,
    disk::Moment,
    link::{Blocked, Weather},
};

/// Phones that people have from the beginning; each may get a copy of itself later.
pub(crate) const PHONES: usize = 4;
/// Whose phone each is: the first two are one person's.
pub(crate) const OWNERS: [usize; PHONES] = [0, 0, 1, 2];
/// The first device that is a scanner: after the phones and their copies.
pub(crate) const FIRST_SCANNER: usize = 2 * PHONES;
/// Scanners.
pub(crate) const SCANNERS: usize = 2;
/// All devices.
pub(crate) const DEVICES: usize = FIRST_SCANNER + SCANNERS;

/// A thing that happens, with its number in the first plan: what is drawn while it happens depends on
/// the number and not on what was left out before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// In the first plan.
    pub number: u64,
    /// What happens.
    pub act: Act,
}

/// What can happen; a device is named by its number, a place by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what the variants' words say")]
pub enum Act {
    /// Milliseconds pass.
    Pass(i64),
    /// Someone says "I'm here".
    CheckIn { device: usize, place: u32 },
    /// Steps were counted in an hour before now.
    Walk {
        device: usize,
        hours_ago: i64,
        count: u32,
    },
    /// A place is marked, or unmarked.
    Favourite { device: usize, place: u32, on: bool },
    /// The quest is joined, or left.
    Join { device: usize, on: bool },
    /// A picture is chosen.
    Picture { device: usize, picture: u32 },
    /// A language is chosen.
    Language { device: usize, nth: usize },
    /// A pass is scanned.
    Scan {
        device: usize,
        place: u32,
        pass_of: usize,
    },
    /// People are counted.
    Tally {
        device: usize,
        place: u32,
        delta: i32,
    },
    /// A scan is taken back, or let stand again.
    Correct {
        device: usize,
        place: u32,
        nth: usize,
        void: bool,
    },
    /// A device syncs.
    Sync { device: usize, weather: Weather },
    /// All that is under way ends.
    Settle,
    /// A device is started again, whatever it is doing.
    Restart { device: usize },
    /// Its power goes at a coming write.
    PowerCut {
        device: usize,
        writes: u32,
        moment: Moment,
    },
    /// Its disk is full for some writes.
    DiskFull { device: usize, writes: u32 },
    /// A copy of its database is kept.
    BackUp { device: usize },
    /// It is put back to that copy.
    RollBack { device: usize },
    /// Its database and keys are copied to another phone, and both are used.
    Clone { device: usize },
    /// Its wall clock jumps by so many milliseconds.
    ClockJump { device: usize, ms: i64 },
    /// Its wall clock is set right.
    ClockRight { device: usize },
    /// It is switched off and on: a new boot.
    Reboot { device: usize },
    /// Messages don't get out, or in, until further notice.
    Partition { device: usize, blocked: Blocked },
    /// An old request of its arrives again.
    Replay { device: usize, nth: usize },
    /// Someone hostile sends something.
    Hostile { trick: usize },
    /// The server's process is killed and started again.
    ServerCrash { away_ms: i64 },
    /// One of the server's coming store calls fails.
    StoreFault { calls: u32, after: bool },
    /// A backup of the server is made.
    ServerBackUp,
    /// The server is put back to its last backup.
    ServerRollBack,
    /// A new version of the catalog is published.
    Publish,
}

/// Names of the devices, by number.
const NAMES: [&str; DEVICES] = [
    "Aino's phone",
    "Aino's tablet",
    "Bo's phone",
    "Cai's phone",
    "the copy of Aino's phone",
    "the copy of Aino's tablet",
    "the copy of Bo's phone",
    "the copy of Cai's phone",
    "the scanner at the door",
    "the scanner in the hall",
];

/// A device's name.
pub(crate) fn name(device: usize) -> &'static str {
    NAMES.get(device).copied().unwrap_or("a device")
}

/// What a world is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Events.
    pub events: usize,
    /// Whether the server is put back to backups.
    pub server_rolls_back: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events: 120,
            server_rolls_back: false,
        }
    }
}

/// What a seed likes: each world has its own mix, so that some faults come often together.
struct Taste {
    /// In a hundred events, those that are faults.
    faults: u32,
    /// Fault sorts of this world.
    sorts: Vec<usize>,
    weather: Weather,
    /// The longest pause, in milliseconds.
    pause_ms: i64,
}

/// Sorts of faults.
const SORTS: usize = 12;

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
    let taste = Taste::draw(&mut chance);
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
        return draw_fault(chance, sort, options);
    }
    if chance.percent(30) {
        let device = chance.below(DEVICES);
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
    draw_life(chance)
}

fn draw_life(chance: &mut Chance) -> Act {
    let place = 1 + u32::try_from(chance.below(PLACES as usize)).unwrap_or(0);
    if chance.percent(25) {
        let device = FIRST_SCANNER + chance.below(SCANNERS);
        return match chance.below(10) {
            0..5 => Act::Scan {
                device,
                place,
                pass_of: chance.below(PHONES),
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
    let device = chance.below(FIRST_SCANNER);
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

fn draw_fault(chance: &mut Chance, sort: usize, options: Options) -> Act {
    let device = chance.below(DEVICES);
    let phone = chance.below(FIRST_SCANNER);
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
        3 => {
            if chance.percent(50) {
                Act::BackUp { device }
            } else {
                Act::RollBack { device }
            }
        }
        4 => Act::Clone { device: phone },
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
        _ if options.server_rolls_back => {
            if chance.percent(60) {
                Act::ServerBackUp
            } else {
                Act::ServerRollBack
            }
        }
        _ => Act::Publish,
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}. {}", self.number, self.act)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(ms) => write!(f, "{} pass", span(*ms)),
            Self::CheckIn { device, place } => {
                write!(f, "{} checks in at place {place}", name(*device))
            }
            Self::Walk {
                device,
                hours_ago,
                count,
            } => write!(
                f,
                "{} counts {count} steps in the hour {hours_ago} h ago",
                name(*device)
            ),
            Self::Favourite { device, place, on } => {
                let verb = if *on { "marks" } else { "unmarks" };
                write!(f, "{} {verb} place {place}", name(*device))
            }
            Self::Join { device, on } => {
                let verb = if *on { "joins" } else { "leaves" };
                write!(f, "{} {verb} the quest", name(*device))
            }
            Self::Picture { device, picture } => {
                write!(f, "{} chooses picture {picture}", name(*device))
            }
            Self::Language { device, nth } => {
                write!(f, "{} chooses language {nth}", name(*device))
            }
            Self::Scan {
                device,
                place,
                pass_of,
            } => write!(
                f,
                "{} scans the pass of {} at place {place}",
                name(*device),
                name(*pass_of)
            ),
            Self::Tally {
                device,
                place,
                delta,
            } => write!(
                f,
                "{} counts {delta} people at place {place}",
                name(*device)
            ),
            Self::Correct {
                device,
                place,
                nth,
                void,
            } => {
                let verb = if *void { "takes back" } else { "reinstates" };
                write!(f, "{} {verb} scan {nth} at place {place}", name(*device))
            }
            Self::Sync { device, weather } if *weather == Weather::default() => {
                write!(f, "{} syncs", name(*device))
            }
            Self::Sync { device, weather } => write!(
                f,
                "{} syncs in bad weather (lost {} %, twice {} %, unanswered {} %, cut {} %, up to {} ms)",
                name(*device),
                weather.lost,
                weather.doubled,
                weather.unanswered,
                weather.cut,
                weather.delay_ms
            ),
            other => other.tell_fault(f),
        }
    }
}

impl Act {
    fn tell_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart { device } => write!(f, "{} is started again", name(*device)),
            Self::PowerCut {
                device,
                writes,
                moment,
            } => {
                let moment = match moment {
                    Moment::Before => "before",
                    Moment::After => "just after",
                };
                write!(
                    f,
                    "{} loses power {moment} its write {} from now",
                    name(*device),
                    writes + 1
                )
            }
            Self::DiskFull { device, writes } => {
                write!(
                    f,
                    "the disk of {} is full for {writes} writes",
                    name(*device)
                )
            }
            Self::BackUp { device } => write!(f, "{} is backed up", name(*device)),
            Self::RollBack { device } => write!(f, "{} is put back to its backup", name(*device)),
            Self::Clone { device } => write!(f, "{} is copied, and both are used", name(*device)),
            Self::ClockJump { device, ms } => {
                write!(f, "the clock of {} jumps by {}", name(*device), span(*ms))
            }
            Self::ClockRight { device } => {
                write!(f, "the clock of {} is set right", name(*device))
            }
            Self::Reboot { device } => write!(f, "{} is switched off and on", name(*device)),
            Self::Partition { device, blocked } => {
                let what = match (blocked.up, blocked.down) {
                    (true, true) => "is cut off",
                    (true, false) => "can only receive",
                    (false, true) => "can only send",
                    (false, false) => "has its network back",
                };
                write!(f, "{} {what}", name(*device))
            }
            Self::Replay { device, nth } => {
                write!(f, "request {nth} of {} comes again", name(*device))
            }
            Self::Hostile { trick } => {
                write!(f, "Mallory {}", crate::hostile::describe(*trick))
            }
            Self::ServerCrash { away_ms } => {
                write!(
                    f,
                    "the server is killed and is back after {}",
                    span(*away_ms)
                )
            }
            Self::StoreFault { calls, after } => {
                let when = if *after { "after" } else { "before" };
                write!(f, "store call {} fails {when} its effect", calls + 1)
            }
            Self::ServerBackUp => f.write_str("the server is backed up"),
            Self::ServerRollBack => f.write_str("the server is restored from its backup"),
            Self::Publish => f.write_str("a new catalog is published"),
            _ => f.write_str("all that is under way ends"),
        }
    }
}

/// Milliseconds in words.
fn span(ms: i64) -> String {
    let words = match ms.saturating_abs() {
        0..1_000 => return format!("{ms} ms"),
        1_000..120_000 => (ms / 1_000, "s"),
        120_000..7_200_000 => (ms / 60_000, "min"),
        7_200_000..172_800_000 => (ms / 3_600_000, "h"),
        _ => (ms / 86_400_000, "days"),
    };
    format!("{} {}", words.0, words.1)
}
