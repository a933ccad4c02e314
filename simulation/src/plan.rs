//! What is going to happen: drawn from the seed before anything does, so that parts can be left out.

mod draw;
mod words;

pub use draw::draw;

use crate::{
    disk::Moment,
    link::{Blocked, Weather},
};

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
    /// A pass is scanned that the organisation issued and the server does not know.
    ScanUnknown { device: usize, place: u32 },
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
    /// Someone asks to be erased.
    EraseMe { device: usize },
    /// A device is ended by another of its person, or by the organiser.
    Revoke { device: usize },
    /// The keys of a phone are gone; its person comes back on it.
    LoseKey { device: usize },
    /// What a phone has unconfirmed is carried by another device; the phone may be lost after that.
    HandOver {
        from: usize,
        by: usize,
        is_lost: bool,
    },
    /// A phone of a later version says what is not known yet: a field, or a kind.
    Newer { is_known: bool },
}

/// What a world is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Events.
    pub events: usize,
    /// Whether the server is put back to backups.
    pub server_rolls_back: bool,
    /// Which faults there may be.
    pub sorts: Sorts,
}

/// Sorts of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sorts {
    /// Some of all, by the seed.
    #[default]
    BySeed,
    /// Phones are put back and copied, and nothing else.
    RollBacksAndClones,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events: 120,
            server_rolls_back: true,
            sorts: Sorts::BySeed,
        }
    }
}
