//! The journal: what may not be lost by a restore from yesterday's backup, as images of rows.
//!
//! An image replaces the one before of the same thing, with two exceptions that no image undoes:
//! what is revoked, burned or used stays so, and who is erased stays erased.

mod codec;
mod fold;
mod merge;

pub use codec::MalformedEntry;
pub use fold::{FROZEN_COUNTS_MAX, OPENINGS_MAX, folded, folded_notes, merged};

use std::collections::BTreeSet;

use askel_sync::{
    id::{DeviceId, LogId, ParticipantId, PassTag},
    time::Timestamp,
};

use crate::{
    Approval, CatalogVersion, Device, Erased, Frozen, Invitation, PassRecord, RecoverySheet,
    Tenant, TheirCounts,
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
    Erased {
        /// By their random ids.
        erased: Erased,
        /// Whether what they counted is in the totals that the journal tells before.
        is_counted: bool,
    },
    /// What all who were erased until then leave in totals, or a part of it.
    Frozen(Frozen),
    /// The tenant with its key list.
    Tenant(Tenant),
    /// A catalog version with its content.
    Catalog(CatalogVersion),
    /// Logs were opened. What their writers offer again stays theirs when the logs are lost.
    Logs(Vec<LogOpening>),
}

/// An entry, and when it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Before what it says was read, by the clock of the server that wrote it; `None` where no time was
    /// written down. Of several servers' entries about one thing the latest is the newest, as far as
    /// their clocks agree.
    pub at: Option<Timestamp>,
    /// What it says.
    pub entry: Entry,
}

impl From<Entry> for Noted {
    /// One without a time.
    fn from(entry: Entry) -> Self {
        Self { at: None, entry }
    }
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

/// Those of whom the journal says, anywhere, that it tells what they counted.
pub fn counted(journal: &[Entry]) -> BTreeSet<ParticipantId> {
    let counted = journal.iter().filter_map(|entry| match entry {
        Entry::Erased {
            erased,
            is_counted: true,
        } => Some(erased.participant),
        _ => None,
    });
    counted.collect()
}

/// What becomes of the counts of someone whose erasure is replayed: a store of before knows other
/// counts of them than they had in the end, so it goes by what the journal tells.
pub fn their_counts(participant: ParticipantId, counted: &BTreeSet<ParticipantId>) -> TheirCounts {
    if counted.contains(&participant) {
        TheirCounts::Told
    } else {
        TheirCounts::Added
    }
}
