//! Invitations, devices, recovery sheets and passes in memory.

mod held;

pub(super) use held::Enrolment;

use std::collections::BTreeMap;

use askel_sync::{
    admission::Role,
    id::{DeviceId, ParticipantId, PassTag, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;

use self::held::{HeldApproval, Sheet};
use super::{MemoryStore, TenantData, page_of};
use crate::{
    Approval, Audit, Decision, Device, DeviceChange, EnrolError, EnrolmentStore, Grant, Invitation,
    NewDevice, PageOf, PageRequest, PassRecord, StoreError, decide,
};

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
            if data.enrolment.change(device, change, audit.at) {
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
                let pass = data.enrolment.passes.get(tag)?;
                Some(PassRecord {
                    pass: *tag,
                    participant: pass.participant,
                    burned_at: pass.burned_at,
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
