//! The journal: what may not be lost by a restore from yesterday's backup, as images of rows.
//!
//! An image replaces the one before of the same thing, with two exceptions that no image undoes:
//! what is revoked, burned or used stays so, and who is erased stays erased.

mod codec;
mod fold;
mod merge;

pub use codec::MalformedEntry;
pub use fold::{OPENINGS_MAX, folded};

use askel_sync::{
    id::{DeviceId, LogId, ParticipantId, PassTag},
    time::Timestamp,
};

use crate::{
    Approval, CatalogVersion, Device, Erased, Invitation, PassRecord, RecoverySheet, Tenant,
};

/// What the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A participant: everything that lets them in.
    Participant(ParticipantImage),
    /// A device without a participant, and the invitation it used.
    Staff(Box<StaffImage>),
    /// An invitation.
    Invitation(Invitation),
    /// It was taken back.
    InvitationDeleted([u8; 16]),
    /// Someone was erased.
    Erased(Erased),
    /// The tenant with its key list.
    Tenant(Tenant),
    /// A catalog version with its content.
    Catalog(CatalogVersion),
    /// Logs were opened. What their writers offer again stays theirs when the logs are lost.
    Logs(Vec<LogOpening>),
}

/// A log and its one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOpening {
    /// The log.
    pub log: LogId,
    /// Its writer.
    pub device: DeviceId,
    /// When its first entry was written, by the server's clock.
    pub opened_at: Timestamp,
}

/// Of what an image is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageOf {
    /// A participant.
    Participant(ParticipantId),
    /// A device: its participant, or itself if it has none.
    Device(DeviceId),
    /// An invitation. One that does not exist gives [`Entry::InvitationDeleted`].
    Invitation([u8; 16]),
    /// The tenant.
    Tenant,
    /// A catalog version.
    Catalog(u32),
}

/// Everything that lets a participant in. Each list is ascending by what its rows are named by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantImage {
    /// Who.
    pub participant: ParticipantId,
    /// Their devices.
    pub devices: Vec<Device>,
    /// Their passes.
    pub passes: Vec<PassRecord>,
    /// Their recovery sheets, each with the device that used it.
    pub sheets: Vec<(RecoverySheet, Option<DeviceId>)>,
    /// Approvals of theirs, each with whether it was used.
    pub approvals: Vec<(Approval, bool)>,
    /// Their cards: request and pass.
    pub cards: Vec<([u8; 16], PassTag)>,
    /// The invitations their devices used, and those for them to come back.
    pub invitations: Vec<Invitation>,
}

impl ParticipantImage {
    /// Someone without anything.
    pub const fn new(participant: ParticipantId) -> Self {
        Self {
            participant,
            devices: Vec::new(),
            passes: Vec::new(),
            sheets: Vec::new(),
            approvals: Vec::new(),
            cards: Vec::new(),
            invitations: Vec::new(),
        }
    }
}

/// A device without a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffImage {
    /// The device.
    pub device: Device,
    /// The invitation it used, unless the operator enrolled it otherwise.
    pub invitations: Vec<Invitation>,
}
