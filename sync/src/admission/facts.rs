//! What a judgement has to know.

use askel_proto::v1::Role;

use crate::{
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    op::{Register, SessionRef},
    time::{LocalDate, Timestamp},
};

/// Whoever sealed the batch, by the server's own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The device.
    pub device: DeviceId,
    /// Its principal's role.
    pub role: Role,
    /// Whom it belongs to, if a participant's.
    pub participant: Option<ParticipantId>,
    /// Where its principal works.
    pub scope: PlaceScope,
    /// Until when, for staff.
    pub lease_until: Option<Timestamp>,
    /// What it may write of what its role may.
    pub standing: AuthorStanding,
}

/// How much of what its role may write a device may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AuthorStanding {
    /// All of it.
    #[default]
    Full,
    /// New facts; nothing that changes or undoes what was before. For a device on probation.
    NewFactsOnly,
}

/// Places a principal works at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceScope {
    /// All of the tenant's.
    All,
    /// These.
    Only(Vec<PlaceId>),
}

impl PlaceScope {
    /// Whether it covers a place.
    pub fn covers(&self, place: PlaceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(places) => places.contains(&place),
        }
    }
}

/// What a judgement has to know; fetched before, so that [`judge`](super::judge()) waits for nothing.
pub trait Facts {
    /// Whose pass this was at a corrected time; `None` when it is unknown, or was burned by then. A
    /// scan from before the pass was burned counts, however late it arrives.
    fn pass_holder(&self, pass: PassTag, at: Timestamp) -> Option<ParticipantId>;
    /// An accepted check-in.
    fn check_in(&self, id: OpId) -> Option<CheckInFact>;
    /// The greatest revision that may decide about a check-in, 0 for none; `None` where that is not
    /// for this machine to say.
    fn correction_revision(&self, check_in: OpId) -> Option<u32>;
    /// The revision of the live value of a participant's register, 0 for none; `None` where that is
    /// not for this machine to say.
    fn register_revision(&self, subject: ParticipantId, register: &Register) -> Option<u32>;
    /// Whether an op was refused for good, or is known to be erased: nothing has to wait for it.
    fn is_refused(&self, op: OpId) -> bool;
    /// Whether a participant was erased.
    fn is_erased(&self, participant: ParticipantId) -> bool;
    /// Whether a pass was one of an erased participant.
    fn is_pass_erased(&self, pass: PassTag) -> bool;
    /// Whether a log was written by a device of an erased participant.
    fn is_log_erased(&self, log: LogId) -> bool;
    /// Whose log this is: the device and, if it is a participant's, the participant.
    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)>;
    /// The local day (04:00 cut) of an instant at a place; `None` for a place not in the catalog.
    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate>;
    /// The day whose scanners share what happens at a session
    /// ([`Catalog::session_date`](crate::catalog::Catalog::session_date)).
    fn session_date(&self, place: PlaceId, at: Timestamp, session: SessionRef)
    -> Option<LocalDate>;
}

/// What is known of an accepted check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckInFact {
    /// Whom it is about.
    pub subject: ParticipantId,
    /// Where.
    pub place: PlaceId,
    /// When, corrected.
    pub corrected_at: Timestamp,
    /// Which session.
    pub session: SessionRef,
    /// The pass that was scanned, if one was.
    pub pass: Option<PassTag>,
    /// The log it was written in, where that is known.
    pub log: Option<LogId>,
}
