//! What the server asks of storage.
//!
//! One trait an aggregate; each method is one transaction, and does the same when called twice.
//! Ids, times and random bytes come in by parameter. What is to be decided is decided by pure code
//! here ([`decide`], [`Plan`]); a backend reads what the decision needs and writes what it says. A
//! new backend implements the traits and runs the suite `conformance` (a feature); [`memory`] is the
//! reference.

mod around;
mod audit;
mod catalog;
mod enrolment;
mod erasure;
mod error;
mod frozen;
mod job_lease;
pub mod journal;
mod op;
mod page;
mod projection;
mod push;
mod restore;
mod retention;
mod tenant;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(any(test, feature = "conformance"))]
pub mod fault;
pub mod memory;

pub use around::{Around, ErrorKind, Surrounded};
pub use audit::{Audit, AuditAction, AuditEntry, AuditStore};
pub use catalog::{Announcement, CatalogStore, CatalogVersion};
pub use enrolment::{
    Approval, Decision, Device, DeviceChange, DeviceClock, DeviceState, EnrolError, EnrolmentStore,
    Grant, Invitation, NewDevice, Notice, PassRecord, RecoverySheet, Revoke, Right, RightKind,
    Scope, decide, ended_by,
};
pub use erasure::{Blanking, Erased, ErasureStore, Tombstone, owner_of, pass_of};
pub use error::StoreError;
pub use frozen::{Frozen, SessionName, TheirCounts};
pub use job_lease::{Job, JobBid, JobLease, JobLeaseStore, NODE_ID_BYTES, NodeId};
pub use op::{
    ASIDE_LOG, Ancestor, Append, AppendError, Before, Claim, DeviceView, ERASED_OP, Entry,
    EntryBefore, EntryOutcome, Healed, HealedBy, Healing, LOST_MAX, Lineage, LiveRegister,
    LogState, Needs, OpStore, OutboxDraft, PartOf, Plan, Reading, RefusedOp, RegisterPlace,
    Returned, Settled, StreamHead, StreamOp, StreamPart, StreamPlace, StreamTarget, TallyChange,
};
pub use page::{PageOf, PageRequest};
pub use projection::{
    AttendanceChange, ChallengeSum, Contribution, Dirty, OutboxItem, Projection, ProjectionStore,
    SessionCount, Work,
};
pub use push::{
    LeasedPush, NoPushToken, PushEnd, PushRegistration, PushStore, PushToken, PushesDue, Whom,
};
pub use restore::{RENEWAL_SEED_BYTES, RestoreStore, renewed_handle};
pub use retention::{Dropped, Dropping, Past, RetentionStore};
pub use tenant::{Tenant, TenantStore};

/// Everything the server asks of a backend.
pub trait Store:
    TenantStore
    + EnrolmentStore
    + OpStore
    + ProjectionStore
    + CatalogStore
    + AuditStore
    + ErasureStore
    + RestoreStore
    + JobLeaseStore
    + PushStore
    + RetentionStore
{
}

impl<T> Store for T where
    T: TenantStore
        + EnrolmentStore
        + OpStore
        + ProjectionStore
        + CatalogStore
        + AuditStore
        + ErasureStore
        + RestoreStore
        + JobLeaseStore
        + PushStore
        + RetentionStore
{
}
