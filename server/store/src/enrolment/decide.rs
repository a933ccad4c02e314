//! Whether a device is enrolled, and as what: pure, the same for every backend.

use askel_sync::{
    admission::Role,
    id::{DeviceId, ParticipantId},
    time::Timestamp,
};

use super::{Device, DeviceChange, DeviceState, EnrolError, Grant, NewDevice, Scope};

/// A right to enrol, as a store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// What it gives.
    pub kind: RightKind,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
    /// Good before this; `None` for always.
    pub expires_at: Option<Timestamp>,
    /// Whether whoever invited was revoked since.
    pub inviter_revoked: bool,
}

impl Right {
    /// Whom it lets come back.
    pub fn participant(&self) -> Option<ParticipantId> {
        match &self.kind {
            RightKind::Invitation { participant, .. } => *participant,
            RightKind::RecoverySheet(participant) | RightKind::Approval { participant, .. } => {
                Some(*participant)
            }
        }
    }

    /// Whether it is what the grant says: what a device asks for is what is done and noted.
    fn is_of(&self, grant: &Grant) -> bool {
        match &self.kind {
            RightKind::Invitation { participant, .. } => match grant {
                Grant::Invitation(_) => participant.is_none(),
                Grant::ReInvitation(_) => participant.is_some(),
                Grant::RecoverySheet { .. } | Grant::Approval => false,
            },
            RightKind::RecoverySheet(_) => matches!(grant, Grant::RecoverySheet { .. }),
            RightKind::Approval { .. } => matches!(grant, Grant::Approval),
        }
    }
}

/// What a right to enrol gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RightKind {
    /// What an invitation says.
    Invitation {
        /// The device's role.
        role: Role,
        /// Where, for staff.
        scope: Scope,
        /// Who comes back, for a re-invitation.
        participant: Option<ParticipantId>,
        /// Who invited.
        inviter: Option<DeviceId>,
    },
    /// A recovery sheet of this participant.
    RecoverySheet(ParticipantId),
    /// Another device's approval.
    Approval {
        /// Whose device it will be.
        participant: ParticipantId,
        /// The device it replaces.
        replaced: Option<DeviceId>,
    },
}

/// What is to be done about a device that wants to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is enrolled already: answer this, change nothing.
    Standing(Device),
    /// Use up the right, add the device with its participant and pass, and revoke.
    Enrol {
        /// The device to add.
        device: Device,
        /// Which of its participant's other devices to revoke.
        revoke: Revoke,
    },
}

/// Which devices of the same participant a new one ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke {
    /// None.
    Nothing,
    /// This one, if it is the participant's.
    One(DeviceId),
    /// All others.
    Others,
    /// All others that were enrolled up to then.
    UpTo(Timestamp),
}

impl Revoke {
    /// Whether `device` ends for `new`, a device of the same participant.
    pub fn ends(self, device: &Device, new: DeviceId) -> bool {
        device.id != new
            && match self {
                Self::Nothing => false,
                Self::One(replaced) => device.id == replaced,
                Self::Others => true,
                Self::UpTo(until) => device.enrolled_at <= until,
            }
    }
}

/// What a change of state ends besides: a re-invited device that nobody refused in time stands in
/// place of the devices of before.
pub fn ended_by(standing: &Device, change: DeviceChange) -> Revoke {
    match (standing.state, change.state) {
        (DeviceState::Probation { .. }, DeviceState::Active) => Revoke::UpTo(standing.enrolled_at),
        _ => Revoke::Nothing,
    }
}

/// Decides. `right` is what the store holds for the grant, `standing` the device of the same id.
///
/// # Errors
/// [`EnrolError`] by the first reason that holds: there is no such right (an invitation is no
/// re-invitation, nor the other way round), the key was revoked, the right was used by another key,
/// it has expired, whoever gave it was revoked.
pub fn decide(
    grant: &Grant,
    right: Option<Right>,
    standing: Option<Device>,
    new: &NewDevice,
) -> Result<Decision, EnrolError> {
    let right = right.filter(|right| right.is_of(grant));
    let right = right.ok_or(EnrolError::Unknown)?;
    match standing {
        Some(device) if device.state == DeviceState::Revoked => return Err(EnrolError::Revoked),
        Some(device) => return Ok(Decision::Standing(device)),
        None => {}
    }
    if right.used_by.is_some() {
        return Err(EnrolError::Used);
    }
    if right.expires_at.is_some_and(|end| new.now >= end) {
        return Err(EnrolError::Expired);
    }
    if right.inviter_revoked {
        return Err(EnrolError::Unknown);
    }
    Ok(match right.kind {
        RightKind::Invitation {
            role: Role::Participant,
            participant,
            inviter,
            ..
        } => {
            let state = match participant {
                Some(_) => DeviceState::Probation {
                    until: new.probation_until,
                },
                None => DeviceState::Active,
            };
            let whose = participant.unwrap_or(new.new_participant);
            let device = Device {
                state,
                inviter,
                ..participants_device(whose, new)
            };
            Decision::Enrol {
                device,
                revoke: Revoke::Nothing,
            }
        }
        RightKind::Invitation {
            role,
            scope,
            inviter,
            ..
        } => {
            let device = staff_device(role, scope, inviter, new);
            Decision::Enrol {
                device,
                revoke: Revoke::Nothing,
            }
        }
        RightKind::RecoverySheet(participant) => {
            let device = participants_device(participant, new);
            Decision::Enrol {
                device,
                revoke: Revoke::Others,
            }
        }
        RightKind::Approval {
            participant,
            replaced,
        } => {
            let device = participants_device(participant, new);
            Decision::Enrol {
                device,
                revoke: replaced.map_or(Revoke::Nothing, Revoke::One),
            }
        }
    })
}

fn participants_device(participant: ParticipantId, new: &NewDevice) -> Device {
    Device {
        id: new.id,
        public_key: new.public_key,
        role: Role::Participant,
        participant: Some(participant),
        scope: None,
        state: DeviceState::Active,
        inviter: None,
        enrolled_at: new.now,
        lease_until: None,
        pass: Some(new.new_pass),
        clock: None,
    }
}

/// Inactive until its inviter approves it; the operator's own invitations need no approval.
fn staff_device(role: Role, scope: Scope, inviter: Option<DeviceId>, new: &NewDevice) -> Device {
    let (state, lease_until) = match inviter {
        Some(_) => (DeviceState::Pending, None),
        None => (DeviceState::Active, Some(new.lease_until)),
    };
    Device {
        id: new.id,
        public_key: new.public_key,
        role,
        participant: None,
        scope,
        state,
        inviter,
        enrolled_at: new.now,
        lease_until,
        pass: None,
        clock: None,
    }
}
