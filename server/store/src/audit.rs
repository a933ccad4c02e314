//! The append-only, hash-chained log of what was done.

use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;

use crate::{PageOf, PageRequest, StoreError};

/// What is to be noted with a change, in its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// When.
    pub at: Timestamp,
    /// Who; `None` for the operator's command line or the server itself.
    pub actor: Option<DeviceId>,
    /// What.
    pub action: AuditAction,
    /// About what: a resource name with a random handle, never a text or alias.
    pub target: String,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditAction {
    /// A tenant was made or its keys changed.
    TenantRecorded,
    /// An invitation was made.
    InvitationCreated,
    /// It was taken back.
    InvitationDeleted,
    /// A device was enrolled with an invitation.
    DeviceEnrolled,
    /// A device came back with a recovery sheet.
    DeviceRecovered,
    /// A device came with another's approval.
    DeviceLinked,
    /// A participant was re-invited by staff and came.
    DeviceReInvited,
    /// A device approved another key.
    DeviceApproved,
    /// Staff were approved.
    StaffApproved,
    /// A device was revoked.
    DeviceRevoked,
    /// A re-invited device was refused.
    DeviceRefused,
    /// A probation ended.
    ProbationEnded,
    /// A lease was renewed.
    LeaseRenewed,
    /// A recovery sheet was made.
    RecoverySheetCreated,
    /// A card was made.
    CardCreated,
    /// A catalog was published.
    CatalogPublished,
    /// A check-in was corrected.
    CheckInCorrected,
    /// An award was withdrawn.
    AwardWithdrawn,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// From 1, dense.
    pub sequence: u64,
    /// What was noted.
    pub audit: Audit,
    /// The hash of the entry before; zeros for the first.
    pub previous_hash: [u8; 32],
    /// See [`AuditEntry::hash_of`].
    pub hash: [u8; 32],
}

/// Stores the log.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Notes something that changed nothing else in the store.
    async fn record_audit(&self, tenant: TenantId, audit: &Audit) -> Result<(), StoreError>;

    /// Entries, oldest first.
    async fn list_audit(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<AuditEntry>, StoreError>;
}
