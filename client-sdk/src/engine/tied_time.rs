//! The time that may let things go: the server's, by an exchange that tied this boot to it.
//!
//! The wall clock may be off by years, and what was remembered of its offset too. A copy that a restored
//! server would want back goes by neither.

use askel_sync::{
    admission::ClockReading,
    time::{DAY_MS, Timestamp},
};

use super::{Engine, server_time::ROUND_TRIP_MS_MAX};

/// When something came whose time nobody could tell: its age is counted from the first exchange that
/// tells the time.
pub(super) const UNTOLD: Timestamp = Timestamp::from_ms(i64::MAX);
/// What came later than this after now, in milliseconds, came by a time that was not the server's.
const AHEAD_MS_MAX: i64 = DAY_MS;

impl Engine {
    /// The server's time when a clock was read; `None` in a boot that no exchange tied to it.
    pub(crate) fn tied_time(&self, read: ClockReading) -> Option<Timestamp> {
        self.tied(read).map(|tied| tied.wall)
    }

    /// When something came, for its age to be told later.
    pub(super) fn came_at(&self, read: ClockReading) -> Timestamp {
        self.tied_time(read).unwrap_or(UNTOLD)
    }
}

/// The server's time by an exchange that told it, or did not because the clock that was told is right. In
/// a boot that can't be tied it holds for the sync at hand.
pub(crate) fn told_time(
    sent: ClockReading,
    told_ms: Option<i64>,
    now: ClockReading,
) -> Option<Timestamp> {
    let way_ms = monotonic_ms(now).saturating_sub(monotonic_ms(sent));
    let is_one_boot = sent.segment.boot_id == now.segment.boot_id;
    let is_soon = is_one_boot && (0..=ROUND_TRIP_MS_MAX).contains(&way_ms);
    is_soon.then(|| told_ms.map_or(sent.wall, Timestamp::from_ms))
}

fn monotonic_ms(read: ClockReading) -> i64 {
    let wall_ms = read.wall.as_ms();
    wall_ms.saturating_sub(read.segment.wall_minus_monotonic_ms)
}

/// Whether the time at which something came is not to be believed, where the time is now `now`.
pub(super) fn is_untold(came_at: Timestamp, now: Timestamp) -> bool {
    came_at.saturating_ms_since(now) > AHEAD_MS_MAX
}
