//! Invitations, devices, recovery sheets and passes in memory.

use std::collections::{BTreeMap, BTreeSet};

use askel_sync::{
    admission::Role,
    id::{DeviceId, ParticipantId, PassTag, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{MemoryStore, TenantData, page_of};
use crate::{
    Approval, Audit, Decision, Device, DeviceChange, DeviceState, EnrolError, EnrolmentStore,
    Grant, Invitation, NewDevice, PageOf, PageRequest, PassRecord, Revoke, Right, RightKind,
    StoreError, decide,
};

#[derive(Debug, Default)]
pub(super) struct Enrolment {
    invitations: BTreeMap<[u8; 16], Invitation>,
    devices: BTreeMap<DeviceId, Device>,
    participants: BTreeSet<ParticipantId>,
    passes: BTreeMap<PassTag, Pass>,
    sheets: BTreeMap<[u8; 32], Sheet>,
    approvals: BTreeMap<DeviceId, HeldApproval>,
    cards: BTreeMap<[u8; 16], PassRecord>,
    failures: Vec<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Pass {
    participant: ParticipantId,
    burned: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sheet {
    participant: ParticipantId,
    used_by: Option<DeviceId>,
}

#[derive(Debug, Clone, Copy)]
struct HeldApproval {
    approval: Approval,
    used: bool,
}

impl Enrolment {
    pub(super) fn participant_of(&self, device: DeviceId) -> Option<ParticipantId> {
        self.devices.get(&device)?.participant
    }

    fn invitation_by_code(&self, code_hash: &[u8; 32]) -> Option<&Invitation> {
        self.invitations
            .values()
            .find(|invitation| invitation.code_hash == *code_hash)
    }

    fn right(&self, grant: &Grant, device: DeviceId) -> Option<Right> {
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

    fn add(&mut self, device: &Device) -> Result<(), StoreError> {
        if let (Some(participant), Some(pass)) = (device.participant, device.pass) {
            self.bind(PassRecord { pass, participant })?;
        }
        self.devices.insert(device.id, device.clone());
        Ok(())
    }

    fn bind(&mut self, record: PassRecord) -> Result<(), StoreError> {
        if self.passes.contains_key(&record.pass) {
            return Err(StoreError::Inconsistent("two passes have one tag"));
        }
        self.participants.insert(record.participant);
        self.passes.insert(
            record.pass,
            Pass {
                participant: record.participant,
                burned: false,
            },
        );
        Ok(())
    }

    fn use_up(&mut self, grant: &Grant, device: &Device) {
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

    fn revoke_for(&mut self, new: &Device, revoke: Revoke) {
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
            self.change(device.id, REVOKED);
        }
    }

    /// Whether it changed anything.
    fn change(&mut self, id: DeviceId, change: DeviceChange) -> bool {
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
            pass.burned = true;
        }
        true
    }

    fn known(&self, participant: ParticipantId) -> Result<(), StoreError> {
        if self.participants.contains(&participant) {
            return Ok(());
        }
        Err(StoreError::Inconsistent(
            "a row names a participant that does not exist",
        ))
    }
}

impl TenantData {
    fn enrol(
        &mut self,
        tenant: TenantId,
        grant: &Grant,
        new: &NewDevice,
        audit: &Audit,
    ) -> Result<Device, EnrolError> {
        let right = self.enrolment.right(grant, new.id);
        let standing = self.enrolment.devices.get(&new.id).cloned();
        match decide(right, standing, new)? {
            Decision::Standing(device) => Ok(device),
            Decision::Enrol { device, revoke } => {
                self.enrolment.add(&device)?;
                self.enrolment.use_up(grant, &device);
                self.enrolment.revoke_for(&device, revoke);
                self.audit.note(tenant, audit);
                Ok(device)
            }
        }
    }
}

const REVOKED: DeviceChange = DeviceChange {
    state: DeviceState::Revoked,
    lease_until: None,
};

fn invitation_key(invitation: &Invitation) -> Vec<u8> {
    // The sign bit turned, so that times before 1970 sort first.
    let at = invitation.created_at.as_ms() ^ i64::MIN;
    [&at.to_be_bytes()[..], &invitation.id].concat()
}

#[async_trait]
impl EnrolmentStore for MemoryStore {
    async fn record_invitation(
        &self,
        tenant: TenantId,
        invitation: &Invitation,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            if data.enrolment.invitations.contains_key(&invitation.id) {
                return Ok(());
            }
            if data
                .enrolment
                .invitation_by_code(&invitation.code_hash)
                .is_some()
            {
                return Err(StoreError::Inconsistent("two invitations have one code"));
            }
            data.enrolment
                .invitations
                .insert(invitation.id, invitation.clone());
            data.audit.note(tenant, audit);
            Ok(())
        })
    }

    async fn list_invitations(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Invitation>, StoreError> {
        Ok(self.read(tenant, |data| {
            let keyed = data.enrolment.invitations.values();
            let keyed: BTreeMap<_, _> = keyed
                .map(|invitation| (invitation_key(invitation), invitation.clone()))
                .collect();
            page_of(keyed.into_iter(), page, 24)
        }))
    }

    async fn delete_invitation(
        &self,
        tenant: TenantId,
        id: [u8; 16],
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        Ok(self.write(tenant, |data| {
            let invitations = &mut data.enrolment.invitations;
            if invitations
                .get(&id)
                .is_none_or(|invitation| invitation.used_by.is_some())
            {
                return false;
            }
            invitations.remove(&id);
            data.audit.note(tenant, audit);
            true
        }))
    }

    async fn enrol(
        &self,
        tenant: TenantId,
        grant: &Grant,
        device: &NewDevice,
        audit: &Audit,
    ) -> Result<Device, EnrolError> {
        self.write(tenant, |data| data.enrol(tenant, grant, device, audit))
    }

    async fn count_enrol_failures(
        &self,
        tenant: TenantId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(self.read(tenant, |data| {
            let failures = data.enrolment.failures.iter().filter(|at| **at >= since);
            failures.count().try_into().unwrap_or(u64::MAX)
        }))
    }

    async fn record_enrol_failure(
        &self,
        tenant: TenantId,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            data.enrolment.failures.push(now);
            data.enrolment.failures.retain(|at| *at >= forget_before);
        });
        Ok(())
    }

    async fn lookup_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.read(tenant, |data| data.enrolment.devices.get(&device).cloned()))
    }

    async fn list_staff_devices(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<Device>, StoreError> {
        Ok(self.read(tenant, |data| {
            let staff = data.enrolment.devices.values();
            let staff = staff.filter(|device| device.role != Role::Participant);
            page_of(
                staff.map(|device| (device.id.to_vec(), device.clone())),
                page,
                16,
            )
        }))
    }

    async fn list_participant_devices(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
    ) -> Result<Vec<Device>, StoreError> {
        Ok(self.read(tenant, |data| {
            let devices = data.enrolment.devices.values();
            devices
                .filter(|device| device.participant == Some(participant))
                .cloned()
                .collect()
        }))
    }

    async fn change_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.write(tenant, |data| {
            if data.enrolment.change(device, change) {
                data.audit.note(tenant, audit);
            }
            data.enrolment.devices.get(&device).cloned()
        }))
    }

    async fn record_recovery_sheet(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
        code_hash: [u8; 32],
        audit: &Audit,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            data.enrolment.known(participant)?;
            let sheets = &mut data.enrolment.sheets;
            if sheets.contains_key(&code_hash) {
                return Ok(());
            }
            sheets.retain(|_, sheet| sheet.participant != participant || sheet.used_by.is_some());
            sheets.insert(
                code_hash,
                Sheet {
                    participant,
                    used_by: None,
                },
            );
            data.audit.note(tenant, audit);
            Ok(())
        })
    }

    async fn record_approval(
        &self,
        tenant: TenantId,
        approval: &Approval,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            data.enrolment.known(approval.participant)?;
            let approvals = &mut data.enrolment.approvals;
            let standing = approvals.get(&approval.approved);
            if standing.is_some_and(|standing| standing.used || standing.approval == *approval) {
                return Ok(());
            }
            let held = HeldApproval {
                approval: *approval,
                used: false,
            };
            approvals.insert(approval.approved, held);
            data.audit.note(tenant, audit);
            Ok(())
        })
    }

    async fn record_card(
        &self,
        tenant: TenantId,
        request_id: [u8; 16],
        card: PassRecord,
        audit: &Audit,
    ) -> Result<PassRecord, StoreError> {
        self.write(tenant, |data| {
            if let Some(standing) = data.enrolment.cards.get(&request_id) {
                return Ok(*standing);
            }
            data.enrolment.bind(card)?;
            data.enrolment.cards.insert(request_id, card);
            data.audit.note(tenant, audit);
            Ok(card)
        })
    }

    async fn lookup_passes(
        &self,
        tenant: TenantId,
        passes: &[PassTag],
    ) -> Result<Vec<PassRecord>, StoreError> {
        Ok(self.read(tenant, |data| {
            let record = |tag: &PassTag| {
                let pass = data.enrolment.passes.get(tag).filter(|pass| !pass.burned)?;
                Some(PassRecord {
                    pass: *tag,
                    participant: pass.participant,
                })
            };
            passes.iter().filter_map(record).collect()
        }))
    }

    async fn list_participants(&self, tenant: TenantId) -> Result<Vec<ParticipantId>, StoreError> {
        Ok(self.read(tenant, |data| {
            data.enrolment.participants.iter().copied().collect()
        }))
    }
}
