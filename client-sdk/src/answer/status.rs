//! How syncing stands, and what changes.

use std::time::Duration;

use askel_proto::v1::{DeviceChange, Undo};
use askel_sync::{
    id::{AwardId, DeviceId, OpId, PlaceId},
    time::{LocalDate, Timestamp},
};

use super::{Award, Notice};

/// How syncing stands. Cheap to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Ops without an outcome, deferred ones included.
    pub pending: usize,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Why the last attempt failed: a name of the table of reasons, or UNREACHABLE. After one that did not
    /// fail, `CATALOG_UNVERIFIED` while the newest catalog is one that can't be verified.
    pub last_reason: Option<String>,
    /// When to sync next; `None` when nothing is pending and nothing failed.
    pub next_attempt: Option<Timestamp>,
    /// Ops the server refused, for the person to see.
    pub rejected: usize,
    /// How often a new log was opened because this writer may have forgotten.
    pub healed: u32,
    /// How often a stream was pulled again because its sum was wrong.
    pub mismatches: u32,
    /// Frames carried to the server: others', or this person's own of before a key was lost.
    pub carried: usize,
    /// What the person should be told, until [`crate::Client::dismiss_notice`].
    pub notice: Option<Notice>,
}

/// How many bytes the ops of streams take at rest, their encryption included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Of ops that no server will want back: what remains of the past, in few rows.
    pub document_bytes: usize,
    /// Of the pages of the last 35 days.
    pub window_bytes: usize,
    /// Rows of the database.
    pub rows: usize,
}

/// How much a sync may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In all; what was committed by then stays.
    pub time: Duration,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Encoded Sync requests, in bytes.
    pub bytes_up: u64,
    /// Encoded Sync responses, in bytes.
    pub bytes_down: u64,
    /// Sync calls.
    pub calls: u32,
    /// Catalog content fetched, in bytes.
    pub catalog_bytes: u64,
    /// Own ops accepted.
    pub accepted: usize,
    /// Own ops refused.
    pub rejected: usize,
    /// Own ops deferred.
    pub deferred: usize,
    /// Ops of streams received.
    pub received: usize,
    /// Awards that the server confirmed in this sync.
    pub confirmed_awards: Vec<Award>,
    /// Why it ended.
    pub end: SyncEnd,
}

/// Why a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncEnd {
    /// Nothing more to hand in or to fetch.
    #[default]
    Done,
    /// The budget is spent; the rest comes with the next sync.
    BudgetSpent,
}

/// An op the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedOp {
    /// The op.
    pub op: OpId,
    /// A value of `OpKind`.
    pub kind: u32,
    /// A name of the table of reasons (docs/errors.md).
    pub reason: String,
    /// Plain words.
    pub text: String,
    /// What the app may offer.
    pub undo: Undo,
}

/// Something an app may want to show at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Facts of the participant changed: progress may have.
    Facts,
    /// An award is shown that was not.
    AwardShown(Award),
    /// The server confirmed an award.
    AwardConfirmed(Award),
    /// An award is not shown any more.
    AwardGone(AwardId),
    /// Counts of a place changed.
    PlaceDay {
        /// Where.
        place: PlaceId,
        /// The local day.
        date: LocalDate,
    },
    /// A new catalog is in force.
    Catalog {
        /// Its version.
        version: u32,
    },
    /// The server refused an op.
    Rejected(RejectedOp),
    /// A device of the same principal was added, re-invited or revoked.
    Device {
        /// Which.
        device: DeviceId,
        /// How.
        change: DeviceChange,
        /// Until when a re-invited device may be refused.
        refusable_until: Option<Timestamp>,
    },
    /// Something happened that the person should be told.
    Notice(Notice),
    /// A sync ended.
    Synced,
}
