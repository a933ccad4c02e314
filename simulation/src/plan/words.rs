//! A plan in words.

use std::fmt;

use super::{Act, Event};
use crate::{cast::name, disk::Moment, link::Weather};

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
            Self::ScanUnknown { device, place } => write!(
                f,
                "{} scans a pass that the server does not know at place {place}",
                name(*device)
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
            Self::EraseMe { device } => {
                write!(f, "the person of {} asks to be erased", name(*device))
            }
            Self::Revoke { device } => write!(f, "{} is revoked", name(*device)),
            Self::LoseKey { device } => {
                write!(
                    f,
                    "the keys of {} are gone, and its person comes back",
                    name(*device)
                )
            }
            Self::HandOver { from, by, is_lost } => {
                let then = if *is_lost {
                    ", and is lost for good"
                } else {
                    ""
                };
                write!(
                    f,
                    "{} hands what it has unconfirmed to {}{then}",
                    name(*from),
                    name(*by)
                )
            }
            Self::Newer { is_known } => {
                let what = if *is_known {
                    "in a known kind"
                } else {
                    "of an unknown kind"
                };
                write!(f, "a phone of a later version says something new {what}")
            }
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
