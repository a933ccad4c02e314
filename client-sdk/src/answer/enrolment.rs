//! Enrolling and coming back.

use std::fmt;

use askel_sync::{
    admission::Role,
    id::{DeviceId, ParticipantId},
    time::Timestamp,
};

use askel_proto::v1::DeviceState;

/// What an installation has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The device.
    pub device: DeviceId,
    /// What its principal is.
    pub role: Role,
    /// Whom it belongs to, if a participant's.
    pub participant: Option<ParticipantId>,
    /// Pending for staff until the inviter approves.
    pub state: DeviceState,
    /// The next sheet, after coming back with one: the one used is spent.
    pub recovery_sheet: Option<RecoverySheet>,
}

/// By what right a new device of a known participant comes back.
#[derive(Clone, PartialEq, Eq)]
pub enum ComeBack {
    /// The text of a recovery sheet.
    RecoverySheet(String),
    /// Another device has approved this one's key; any link of the tenant says where to go, a used
    /// invitation too.
    Approved(String),
    /// The link of a re-invitation by staff.
    ReInvitation(String),
}

impl fmt::Debug for ComeBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecoverySheet(_) => "RecoverySheet(…)",
            Self::Approved(_) => "Approved(…)",
            Self::ReInvitation(_) => "ReInvitation(…)",
        })
    }
}

/// What a participant keeps to come back with. Shown once: the server keeps only a keyed hash.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoverySheet {
    /// Server, tenant, root key and code; for print and QR.
    pub text: String,
}

impl fmt::Debug for RecoverySheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySheet(…)")
    }
}

/// One of the principal's own devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnDevice {
    /// The device.
    pub device: DeviceId,
    /// What it may do.
    pub state: DeviceState,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// Whether it is this one.
    pub current: bool,
}
