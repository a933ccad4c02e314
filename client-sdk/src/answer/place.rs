//! Places, and what a tablet at their door shows.

use askel_sync::{
    id::{ActivityId, OpId, PlaceId},
    op::SessionRef,
    time::{LocalDate, Timestamp},
};

/// A place of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The place.
    pub id: PlaceId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Degrees times 10^6, north and east; `None` when it has no position.
    pub position_e6: Option<(i32, i32)>,
    /// Its keywords.
    pub keywords: Vec<String>,
    /// Whether the participant marked it.
    pub favourite: bool,
}

/// A place that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The place.
    pub place: Place,
    /// The slot or session in force.
    pub session: SessionRef,
    /// What is on.
    pub activity: Option<ActivityId>,
    /// Its name.
    pub activity_name: String,
}

/// A place and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearby {
    /// The place.
    pub place: Place,
    /// As the crow flies, in metres.
    pub distance_m: u32,
}

/// What scanning a pass gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// Counted.
    Welcome {
        /// The check-in.
        op: OpId,
    },
    /// Counted already at this session, here or on another device; nothing was written.
    AlreadyHere,
}

/// The counts of a place on a day, as far as this device knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceDay {
    /// Where.
    pub place: PlaceId,
    /// The local day, which begins at 04:00.
    pub date: LocalDate,
    /// By session, in ascending order.
    pub sessions: Vec<SessionCounts>,
    /// Passes scanned, each once a session.
    pub scanned: u64,
    /// Counted without a name.
    pub anonymous: u64,
    /// Both.
    pub encounters: u64,
}

/// The counts of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCounts {
    /// Which session.
    pub session: SessionRef,
    /// Passes scanned, each once.
    pub scanned: u64,
    /// Counted without a name.
    pub anonymous: u64,
    /// Both.
    pub encounters: u64,
}

/// A scan this device made, for undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnScan {
    /// The check-in.
    pub op: OpId,
    /// Where.
    pub place: PlaceId,
    /// When, by this device's clock.
    pub at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// Whether a correction holds that voids it.
    pub voided: bool,
}
