//! The append-only, hash-chained log of what was done.

use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

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

impl Audit {
    /// The note of a device that ends because of what this one notes.
    #[must_use]
    pub fn revoking(&self, device: DeviceId) -> Self {
        Self {
            action: AuditAction::DeviceRevoked,
            target: Self::device_name(device),
            ..self.clone()
        }
    }

    /// A device's resource name.
    pub fn device_name(device: DeviceId) -> String {
        use std::fmt::Write as _;
        let mut name = "devices/".to_owned();
        for byte in device.as_bytes() {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
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
    /// A participant was erased.
    ParticipantErased,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::TenantRecorded,
        Self::InvitationCreated,
        Self::InvitationDeleted,
        Self::DeviceEnrolled,
        Self::DeviceRecovered,
        Self::DeviceLinked,
        Self::DeviceReInvited,
        Self::DeviceApproved,
        Self::StaffApproved,
        Self::DeviceRevoked,
        Self::DeviceRefused,
        Self::ProbationEnded,
        Self::LeaseRenewed,
        Self::RecoverySheetCreated,
        Self::CardCreated,
        Self::CatalogPublished,
        Self::CheckInCorrected,
        Self::AwardWithdrawn,
        Self::ParticipantErased,
    ];

    /// Its name: what is hashed, stored and told. Never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TenantRecorded => "tenant-recorded",
            Self::InvitationCreated => "invitation-created",
            Self::InvitationDeleted => "invitation-deleted",
            Self::DeviceEnrolled => "device-enrolled",
            Self::DeviceRecovered => "device-recovered",
            Self::DeviceLinked => "device-linked",
            Self::DeviceReInvited => "device-re-invited",
            Self::DeviceApproved => "device-approved",
            Self::StaffApproved => "staff-approved",
            Self::DeviceRevoked => "device-revoked",
            Self::DeviceRefused => "device-refused",
            Self::ProbationEnded => "probation-ended",
            Self::LeaseRenewed => "lease-renewed",
            Self::RecoverySheetCreated => "recovery-sheet-created",
            Self::CardCreated => "card-created",
            Self::CatalogPublished => "catalog-published",
            Self::CheckInCorrected => "check-in-corrected",
            Self::AwardWithdrawn => "award-withdrawn",
            Self::ParticipantErased => "participant-erased",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
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

impl AuditEntry {
    /// The entry that follows `previous` in a tenant's log.
    pub fn following(previous: Option<&Self>, tenant: TenantId, audit: Audit) -> Self {
        let (sequence, previous_hash) = previous.map_or((1, [0; 32]), |entry| {
            (entry.sequence.saturating_add(1), entry.hash)
        });
        let hash = Self::hash_of(tenant, sequence, &audit, &previous_hash);
        Self {
            sequence,
            audit,
            previous_hash,
            hash,
        }
    }

    /// SHA-256 over `askel/audit/v1`, a zero byte, the tenant (16 bytes), the sequence (8 bytes,
    /// big-endian), the hash of the entry before (32 bytes), the time (8 bytes of milliseconds,
    /// big-endian), the actor (a byte 1 and 16 bytes, or a byte 0), the action's name, a zero byte
    /// and the target.
    pub fn hash_of(
        tenant: TenantId,
        sequence: u64,
        audit: &Audit,
        previous_hash: &[u8; 32],
    ) -> [u8; 32] {
        let mut hasher = Sha256::new()
            .chain_update(b"askel/audit/v1\0")
            .chain_update(tenant.as_bytes())
            .chain_update(sequence.to_be_bytes())
            .chain_update(previous_hash)
            .chain_update(audit.at.as_ms().to_be_bytes());
        match audit.actor {
            Some(actor) => {
                hasher.update([1]);
                hasher.update(actor.as_bytes());
            }
            None => hasher.update([0]),
        }
        hasher
            .chain_update(audit.action.name())
            .chain_update([0])
            .chain_update(&audit.target)
            .finalize()
            .into()
    }
}

/// Stores the log.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Notes something that changed nothing else in the store. An equal note of the same
    /// millisecond is the same note.
    async fn record_audit(&self, tenant: TenantId, audit: &Audit) -> Result<(), StoreError>;

    /// Entries, oldest first.
    async fn list_audit(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<AuditEntry>, StoreError>;
}
