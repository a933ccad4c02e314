//! How syncing stands.

use askel_client_sdk as sdk;
use sdk::{SyncEnd, Timestamp};

use super::Award;

/// How syncing stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Status {
    /// Ops without an outcome.
    pub pending: u64,
    /// When the oldest of them was written.
    pub oldest_ms: Option<i64>,
    /// Why the last attempt failed.
    pub last_reason: Option<String>,
    /// When to sync next.
    pub next_attempt_ms: Option<i64>,
    /// Ops the server refused.
    pub rejected: u64,
    /// How often a new log was opened because this writer may have forgotten.
    pub healed: u32,
    /// Frames carried to the server.
    pub carried: u64,
    /// One plain sentence for the person, until it is dismissed.
    pub notice: Option<String>,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    /// Encoded requests, in bytes.
    pub bytes_up: u64,
    /// Encoded responses, in bytes.
    pub bytes_down: u64,
    /// Calls.
    pub calls: u32,
    /// Own ops accepted.
    pub accepted: u64,
    /// Own ops refused.
    pub rejected: u64,
    /// Ops received.
    pub received: u64,
    /// Awards that the server confirmed in this sync.
    pub confirmed_awards: Vec<Award>,
    /// Whether the budget ended before there was nothing more to do.
    pub budget_spent: bool,
}

/// An op the server refused.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RejectedOp {
    /// The op's id.
    pub op: Vec<u8>,
    /// A value of the protocol's `OpKind`.
    pub kind: u32,
    /// A name of the table of reasons.
    pub reason: String,
    /// Plain words.
    pub text: String,
    /// Whether it may be handed in again.
    pub resubmittable: bool,
}

impl From<sdk::Status> for Status {
    fn from(status: sdk::Status) -> Self {
        Self {
            pending: count(status.pending),
            oldest_ms: status.oldest.map(Timestamp::as_ms),
            last_reason: status.last_reason,
            next_attempt_ms: status.next_attempt.map(Timestamp::as_ms),
            rejected: count(status.rejected),
            healed: status.healed,
            carried: count(status.carried),
            notice: status.notice.map(|notice| notice.text),
        }
    }
}

impl From<sdk::SyncReport> for SyncReport {
    fn from(report: sdk::SyncReport) -> Self {
        Self {
            bytes_up: report.bytes_up,
            bytes_down: report.bytes_down,
            calls: report.calls,
            accepted: count(report.accepted),
            rejected: count(report.rejected),
            received: count(report.received),
            confirmed_awards: report
                .confirmed_awards
                .into_iter()
                .map(Award::from)
                .collect(),
            budget_spent: report.end == SyncEnd::BudgetSpent,
        }
    }
}

impl From<sdk::RejectedOp> for RejectedOp {
    fn from(rejected: sdk::RejectedOp) -> Self {
        Self {
            op: rejected.op.to_vec(),
            kind: rejected.kind,
            reason: rejected.reason,
            text: rejected.text,
            resubmittable: rejected.undo == sdk::Undo::Resubmit,
        }
    }
}

/// A count is below 2^64 wherever this runs.
pub(super) fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
