//! What is held of who may come in, without locks.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    id::{DeviceId, ParticipantId, PassTag},
    time::Timestamp,
};

use crate::{
    Approval, Device, DeviceChange, DeviceState, Grant, Invitation, PassRecord, Revoke, Right,
    RightKind, StoreError,
};

#[derive(Debug, Default)]
pub(in crate::memory) struct Enrolment {
    pub(super) invitations: BTreeMap<[u8; 16], Invitation>,
    pub(super) devices: BTreeMap<DeviceId, Device>,
    pub(super) participants: BTreeSet<ParticipantId>,
    pub(super) passes: BTreeMap<PassTag, Pass>,
    pub(super) sheets: BTreeMap<[u8; 32], Sheet>,
    pub(super) approvals: BTreeMap<DeviceId, HeldApproval>,
    pub(super) cards: BTreeMap<[u8; 16], PassRecord>,
    pub(super) failures: Vec<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) participant: ParticipantId,
    pub(super) burned_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) participant: ParticipantId,
    pub(super) used_by: Option<DeviceId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HeldApproval {
    pub(super) approval: Approval,
    pub(super) used: bool,
}

impl Enrolment {
    pub(in crate::memory) fn participant_of(&self, device: DeviceId) -> Option<ParticipantId> {
        self.devices.get(&device)?.participant
    }

    pub(super) fn invitation_by_code(&self, code_hash: &[u8; 32]) -> Option<&Invitation> {
        self.invitations
            .values()
            .find(|invitation| invitation.code_hash == *code_hash)
    }

    pub(super) fn right(&self, grant: &Grant, device: DeviceId) -> Option<Right> {
        match grant {
            Grant::Invitation(code_hash) => {
                let invitation = self.invitation_by_code(code_hash)?;
                Some(Right {
                    kind: RightKind::Invitation {
                        role: invitation.role,
                        scope: invitation.scope.clone(),
                        participant: invitation.participant,
                        inviter: invitation.inviter,
                    },
                    used_by: invitation.used_by,
                    expires_at: Some(invitation.expires_at),
                })
            }
            Grant::RecoverySheet { code_hash, .. } => {
                let sheet = self.sheets.get(code_hash)?;
                let kind = RightKind::RecoverySheet(sheet.participant);
                Some(Right {
                    kind,
                    used_by: sheet.used_by,
                    expires_at: None,
                })
            }
            Grant::Approval => {
                let HeldApproval { approval, used } = *self.approvals.get(&device)?;
                Some(Right {
                    kind: RightKind::Approval {
                        participant: approval.participant,
                        replaced: approval.replaced,
                    },
                    used_by: used.then_some(device),
                    expires_at: Some(approval.expires_at),
                })
            }
        }
    }

    pub(super) fn add(&mut self, device: &Device) -> Result<(), StoreError> {
        if let (Some(participant), Some(pass)) = (device.participant, device.pass) {
            self.bind(PassRecord::good(pass, participant))?;
        }
        self.devices.insert(device.id, device.clone());
        Ok(())
    }

    pub(super) fn bind(&mut self, record: PassRecord) -> Result<(), StoreError> {
        if self.passes.contains_key(&record.pass) {
            return Err(StoreError::Inconsistent("two passes have one tag"));
        }
        self.participants.insert(record.participant);
        self.passes.insert(
            record.pass,
            Pass {
                participant: record.participant,
                burned_at: record.burned_at,
            },
        );
        Ok(())
    }

    pub(super) fn use_up(&mut self, grant: &Grant, device: &Device) {
        match grant {
            Grant::Invitation(code_hash) => {
                let used = |invitation: &&mut Invitation| invitation.code_hash == *code_hash;
                if let Some(invitation) = self.invitations.values_mut().find(used) {
                    invitation.used_by = Some(device.id);
                }
            }
            Grant::RecoverySheet {
                code_hash,
                next_code_hash,
            } => {
                if let Some(sheet) = self.sheets.get_mut(code_hash) {
                    sheet.used_by = Some(device.id);
                    let next = Sheet {
                        participant: sheet.participant,
                        used_by: None,
                    };
                    self.sheets.insert(*next_code_hash, next);
                }
            }
            Grant::Approval => {
                if let Some(approval) = self.approvals.get_mut(&device.id) {
                    approval.used = true;
                }
            }
        }
    }

    pub(super) fn revoke_for(&mut self, new: &Device, revoke: Revoke) {
        let ended = |device: &Device| {
            device.participant == new.participant
                && device.id != new.id
                && match revoke {
                    Revoke::Nothing => false,
                    Revoke::One(replaced) => device.id == replaced,
                    Revoke::Others => true,
                }
        };
        let ended: Vec<_> = self
            .devices
            .values()
            .filter(|device| ended(device))
            .cloned()
            .collect();
        for device in ended {
            self.change(device.id, REVOKED, new.enrolled_at);
        }
    }

    /// Whether it changed anything.
    pub(super) fn change(&mut self, id: DeviceId, change: DeviceChange, at: Timestamp) -> bool {
        let Some(device) = self.devices.get_mut(&id) else {
            return false;
        };
        let DeviceChange { state, lease_until } = change;
        let unchanged = device.state == state && device.lease_until == lease_until;
        if device.state == DeviceState::Revoked || unchanged {
            return false;
        }
        device.state = state;
        device.lease_until = lease_until;
        if state == DeviceState::Revoked
            && let Some(tag) = device.pass.take()
            && let Some(pass) = self.passes.get_mut(&tag)
        {
            pass.burned_at = Some(at);
        }
        true
    }

    pub(super) fn known(&self, participant: ParticipantId) -> Result<(), StoreError> {
        if self.participants.contains(&participant) {
            return Ok(());
        }
        Err(StoreError::Inconsistent(
            "a row names a participant that does not exist",
        ))
    }
}

const REVOKED: DeviceChange = DeviceChange {
    state: DeviceState::Revoked,
    lease_until: None,
};
