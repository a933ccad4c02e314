//! How syncing stands.

use askel_sync::time::{BootTime, ClockSegment, Timestamp};

use crate::NoticeKind;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Attempt {
    /// Failed attempts since the last success.
    pub(crate) failures: u32,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) last_reason: Option<String>,
    /// The server's clock minus this device's, in milliseconds.
    pub(crate) server_offset_ms: i64,
    /// New logs opened because this writer may have forgotten.
    pub(crate) healed: u32,
    /// Streams pulled again because their sum was wrong.
    pub(crate) mismatches: u32,
    /// When the last attempt ended, by this device's clock.
    pub(crate) at: Option<Timestamp>,
    /// What the person should be told.
    pub(crate) notice: Option<NoticeKind>,
    /// What the server's time was in this boot and in those that own ops were written in, the newest
    /// last.
    pub(crate) boots: Vec<BootTime>,
    /// The clock segment that the server was told, and when, by the server's time.
    pub(crate) clock_told: Option<(ClockSegment, Timestamp)>,
    /// When the sums of all streams were told and compared, by the server's time.
    pub(crate) sums_told_at: Option<Timestamp>,
    /// What the next request may hand in at most, in bytes, after one that did not arrive.
    pub(crate) request_room: Option<u32>,
    /// The carried frames that the server can't take yet.
    pub(crate) frames_later: Vec<FrameLater>,
}

/// A carried frame that waits for what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameLater {
    /// The number of the frame's row.
    pub(crate) number: u32,
    pub(crate) later: Later,
}

/// What did not go through and is tried again after a longer wait each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later {
    /// How often it was tried.
    pub(crate) times: u32,
    /// When it is tried again, by this device's clock.
    pub(crate) until: Timestamp,
}
