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

#[derive(Debug, Clone, Default)]
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
    pub(super) maker: DeviceId,
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

    /// Those of the devices that are revoked.
    pub(in crate::memory) fn revoked_of(&self, devices: &BTreeSet<DeviceId>) -> BTreeSet<DeviceId> {
        let is_revoked = |id: &&DeviceId| {
            let device = self.devices.get(*id);
            device.is_some_and(|device| device.state == DeviceState::Revoked)
        };
        devices.iter().filter(is_revoked).copied().collect()
    }

    /// Whether it is there and not revoked.
    pub(in crate::memory) fn may_be_woken(&self, device: DeviceId) -> bool {
        let device = self.devices.get(&device);
        device.is_some_and(|device| device.state != DeviceState::Revoked)
    }

    pub(in crate::memory) fn participants(&self) -> impl Iterator<Item = ParticipantId> {
        self.participants.iter().copied()
    }

    pub(super) fn invitation_by_code(&self, code_hash: &[u8; 32]) -> Option<&Invitation> {
        self.invitations
            .values()
            .find(|invitation| invitation.code_hash == *code_hash)
    }

    pub(super) fn right(&self, grant: &Grant, device: DeviceId) -> Option<Right> {
        match grant {
            Grant::Invitation(code_hash) | Grant::ReInvitation(code_hash) => {
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
                    inviter_revoked: invitation.inviter.is_some_and(|id| self.is_revoked(id)),
                })
            }
            Grant::RecoverySheet { code_hash, .. } => {
                let sheet = self.sheets.get(code_hash)?;
                let kind = RightKind::RecoverySheet(sheet.participant);
                Some(Right {
                    kind,
                    used_by: sheet.used_by,
                    expires_at: None,
                    inviter_revoked: false,
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
                    inviter_revoked: false,
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
            Grant::Invitation(code_hash) | Grant::ReInvitation(code_hash) => {
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
                        maker: device.id,
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

    /// Which devices a new one of the same participant ends.
    pub(super) fn ended_for(&self, new: &Device, revoke: Revoke) -> Vec<DeviceId> {
        let ended = self.of_participant(new.participant);
        let ended = ended.filter(|device| device.state != DeviceState::Revoked);
        ended
            .filter(|device| revoke.ends(device, new.id))
            .map(|device| device.id)
            .collect()
    }

    /// A participant's devices; none for nobody.
    pub(super) fn of_participant(
        &self,
        participant: Option<ParticipantId>,
    ) -> impl Iterator<Item = &Device> {
        self.devices
            .values()
            .filter(move |device| participant.is_some() && device.participant == participant)
    }

    fn is_revoked(&self, device: DeviceId) -> bool {
        let device = self.devices.get(&device);
        device.is_some_and(|device| device.state == DeviceState::Revoked)
    }

    /// Recovery ends what was approved before.
    pub(super) fn drop_approvals(&mut self, participant: ParticipantId) {
        self.approvals
            .retain(|_, held| held.used || held.approval.participant != participant);
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
        if state == DeviceState::Revoked {
            if let Some(tag) = device.pass.take()
                && let Some(pass) = self.passes.get_mut(&tag)
            {
                pass.burned_at = Some(at);
            }
            self.approvals
                .retain(|_, held| held.used || held.approval.maker != id);
            self.sheets
                .retain(|_, sheet| sheet.used_by.is_some() || sheet.maker != id);
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
