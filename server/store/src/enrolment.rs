//! Invitations, devices, recovery sheets and passes.
//!
//! Codes are never stored: callers pass a keyed hash (`code_hash`).

mod decide;
mod notice;

pub use decide::{Decision, Revoke, Right, RightKind, decide, ended_by};
pub use notice::Notice;

use askel_sync::{
    admission::Role,
    id::{DeviceId, ParticipantId, PassTag, PlaceId, TenantId},
    key::PublicKey,
    time::{ClockSegment, Timestamp},
};
use async_trait::async_trait;

use crate::{Audit, PageOf, PageRequest, StoreError, Tombstone};

/// An invitation, without its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Random, for its resource name.
    pub id: [u8; 16],
    /// Keyed hash of the code.
    pub code_hash: [u8; 32],
    /// What it makes of the device.
    pub role: Role,
    /// Where, for staff.
    pub scope: Scope,
    /// The participant to come back, for a re-invitation.
    pub participant: Option<ParticipantId>,
    /// Who made it; `None` for the operator's command line.
    pub inviter: Option<DeviceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Good before this.
    pub expires_at: Timestamp,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
}

impl Invitation {
    /// Whom it names, of whom nothing may be kept once they are erased.
    pub fn names(&self) -> Vec<Tombstone> {
        let participant = self.participant.map(Tombstone::from);
        let user = self.used_by.map(Tombstone::from);
        participant.into_iter().chain(user).collect()
    }

    /// What stands after this image of it was applied to what stood: what was used stays so.
    #[must_use]
    pub fn over(self, standing: Self) -> Self {
        if standing.used_by.is_some() {
            standing
        } else {
            self
        }
    }
}

/// Places a principal works at; `None` for all of the tenant's.
pub type Scope = Option<Vec<PlaceId>>;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Derived from tenant and key.
    pub id: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// Its principal's role.
    pub role: Role,
    /// Whom it belongs to, if a participant's.
    pub participant: Option<ParticipantId>,
    /// Where its principal works.
    pub scope: Scope,
    /// What it may do now.
    pub state: DeviceState,
    /// Who invited it.
    pub inviter: Option<DeviceId>,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// Until when, for staff.
    pub lease_until: Option<Timestamp>,
    /// The pass it shows, for a participant's.
    pub pass: Option<PassTag>,
    /// What it last said of its clock. No journal holds it: whoever needs it asks the device anew.
    pub clock: Option<DeviceClock>,
}

/// What a device said of its clock, and what the server's was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceClock {
    /// The device's segment.
    pub segment: ClockSegment,
    /// Its wall clock minus the server's, in milliseconds; it holds for all of the segment.
    pub ahead_ms: i64,
}

/// What a device may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Nothing until its inviter approves it.
    Pending,
    /// All its role allows.
    Active,
    /// Re-invited: hand in new facts, read none of before, until this time; then active.
    Probation {
        /// When it becomes active unless refused.
        until: Timestamp,
    },
    /// Nothing any more.
    Revoked,
}

/// By what right a device is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// An invitation of someone new, with the keyed hash of its code.
    Invitation([u8; 32]),
    /// A re-invitation by staff of someone who was here, with the keyed hash of its code.
    ReInvitation([u8; 32]),
    /// A recovery sheet, with the keyed hash of its code and of the next sheet's. The participant's
    /// other devices are revoked and their passes burned. The next code has to follow from the code
    /// in hand (by a keyed hash), so that a repeated call can tell it again.
    RecoverySheet {
        /// Of the sheet in hand.
        code_hash: [u8; 32],
        /// Of the next one.
        next_code_hash: [u8; 32],
    },
    /// Another device's approval of this key, which may name a device to replace.
    Approval,
}

/// A device about to be enrolled. Ids and times drawn by the caller are used only if the grant
/// turns out good and was not used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Derived from tenant and key.
    pub id: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// The participant to create, for an invitation of a new one.
    pub new_participant: ParticipantId,
    /// The pass to bind, for a participant's device.
    pub new_pass: PassTag,
    /// Now.
    pub now: Timestamp,
    /// The lease of a staff device once it is active.
    pub lease_until: Timestamp,
    /// When the probation of a re-invited device ends.
    pub probation_until: Timestamp,
}

/// Why a device is not enrolled. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// No such code, sheet or approval.
    #[error("there is no such right to enrol")]
    Unknown,
    /// Used by another key.
    #[error("it was used by another device")]
    Used,
    /// Too late.
    #[error("it has expired")]
    Expired,
    /// The device was revoked; its key can't come back.
    #[error("the device was revoked")]
    Revoked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A pass and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassRecord {
    /// The tag.
    pub pass: PassTag,
    /// Whose.
    pub participant: ParticipantId,
    /// When it stopped being good, if it did: what was scanned before stands.
    pub burned_at: Option<Timestamp>,
}

impl PassRecord {
    /// A pass that is good.
    pub const fn good(pass: PassTag, participant: ParticipantId) -> Self {
        Self {
            pass,
            participant,
            burned_at: None,
        }
    }

    /// Whose it is, while it is good.
    pub fn holder(&self) -> Option<ParticipantId> {
        self.burned_at.is_none().then_some(self.participant)
    }
}

/// What a device's state becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceChange {
    /// What it may do now.
    pub state: DeviceState,
    /// Until when, for staff.
    pub lease_until: Option<Timestamp>,
}

impl DeviceChange {
    /// Nothing any more.
    pub const REVOKE: Self = Self {
        state: DeviceState::Revoked,
        lease_until: None,
    };
}

/// A participant's device approved another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Whose.
    pub participant: ParticipantId,
    /// The device to come, by its key.
    pub approved: DeviceId,
    /// The device it replaces, revoked when the new one comes.
    pub replaced: Option<DeviceId>,
    /// The device that approves; the approval ends with it.
    pub maker: DeviceId,
    /// Good before this.
    pub expires_at: Timestamp,
}

impl Approval {
    /// Whether it keeps another participant's from taking its place.
    pub fn bars(&self, other: &Self, now: Timestamp) -> bool {
        self.participant != other.participant && now < self.expires_at
    }
}

/// A recovery sheet, without its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoverySheet {
    /// Whose.
    pub participant: ParticipantId,
    /// Keyed hash of the code.
    pub code_hash: [u8; 32],
    /// The device that asked for it; an unused sheet ends with it.
    pub maker: DeviceId,
}

/// Stores who may come in and who has.
#[async_trait]
pub trait EnrolmentStore: Send + Sync {
    /// Adds an invitation; the same id again changes nothing.
    async fn record_invitation(
        &self,
        tenant: TenantId,
        invitation: &Invitation,
        audit: &Audit,
    ) -> Result<(), StoreError>;

    /// Invitations, oldest first.
    async fn list_invitations(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Invitation>, StoreError>;

    /// Removes an invitation nobody has used; `false` when there is none.
    async fn delete_invitation(
        &self,
        tenant: TenantId,
        id: [u8; 16],
        audit: &Audit,
    ) -> Result<bool, StoreError>;

    /// Enrols a device, all or nothing: uses up the grant, adds the device (a staff device pending,
    /// unless nobody invited it), for a participant also the participant (unless known), and the
    /// pass; revokes what it replaces, and tells the participant's other devices. A device that is
    /// enrolled already, by the same grant or another good one, is returned as it stands and nothing
    /// is changed or used up. Recovery ends all approvals of the participant.
    async fn enrol(
        &self,
        tenant: TenantId,
        grant: &Grant,
        device: &NewDevice,
        audit: &Audit,
    ) -> Result<Device, EnrolError>;

    /// Failed attempts at enrolling since an instant (included), for the limit on guessing.
    async fn count_enrol_failures(
        &self,
        tenant: TenantId,
        since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Notes a failed attempt; forgets those before `forget_before`. Each call is an attempt of its
    /// own: the one write that has no identity.
    async fn record_enrol_failure(
        &self,
        tenant: TenantId,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<(), StoreError>;

    /// One device.
    async fn lookup_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError>;

    /// Devices of staff, organisers and admins, by id; never a participant's.
    async fn list_staff_devices(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Device>, StoreError>;

    /// A participant's devices, by id.
    async fn list_participant_devices(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
    ) -> Result<Vec<Device>, StoreError>;

    /// Notes what a device said of its clock. Without effect when there is no such device.
    async fn note_clock(
        &self,
        tenant: TenantId,
        device: DeviceId,
        clock: DeviceClock,
    ) -> Result<(), StoreError>;

    /// Sets state and lease; a revoked device stays revoked, its pass is burned, and what it made
    /// and nobody used is void: approvals, sheets, and (see [`Right::inviter_revoked`])
    /// invitations. The end of a probation revokes the participant's devices of before, each with
    /// its own audit. The participant's other devices are told. Returns the device as it stands,
    /// `None` when there is none.
    async fn change_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit,
    ) -> Result<Option<Device>, StoreError>;

    /// Keeps the keyed hash of a participant's recovery sheet, and ends the one before.
    async fn record_recovery_sheet(
        &self,
        tenant: TenantId,
        sheet: &RecoverySheet,
        audit: &Audit,
    ) -> Result<(), StoreError>;

    /// Notes an approval, in place of an unused one of the same key, and tells the participant's
    /// devices. `false`, and nothing is changed, when the key came by an approval already, or when
    /// another participant's approval of it is still good.
    async fn record_approval(
        &self,
        tenant: TenantId,
        approval: &Approval,
        audit: &Audit,
    ) -> Result<bool, StoreError>;

    /// Registers a participant with a card. The same request again returns the same card.
    async fn record_card(
        &self,
        tenant: TenantId,
        request_id: [u8; 16],
        card: PassRecord,
        audit: &Audit,
    ) -> Result<PassRecord, StoreError>;

    /// Whose passes these are, burned ones too, in the order asked; unknown ones are left out.
    async fn lookup_passes(
        &self,
        tenant: TenantId,
        passes: &[PassTag],
    ) -> Result<Vec<PassRecord>, StoreError>;

    /// All participants, by id; for whole-tenant work such as verification.
    async fn list_participants(&self, tenant: TenantId) -> Result<Vec<ParticipantId>, StoreError>;
}
