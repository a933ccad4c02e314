//! Invitations, devices, recovery sheets and passes in memory.

mod held;
mod image;
mod past;

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
    Approval, Audit, Decision, Device, DeviceChange, DeviceClock, EnrolError, EnrolmentStore,
    Grant, Invitation, NewDevice, Notice, PageOf, PageRequest, PassRecord, RecoverySheet, Revoke,
    Right, StoreError, decide, ended_by,
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
        let right = right.filter(|right| !self.is_of_the_erased(right));
        let standing = self.enrolment.devices.get(&new.id).cloned();
        match decide(grant, right, standing, new)? {
            Decision::Standing(device) => Ok(device),
            Decision::Enrol { device, revoke } => {
                self.enrolment.add(&device)?;
                self.enrolment.use_up(grant, &device);
                self.revoke_for(tenant, &device, revoke, audit);
                self.audit.note(tenant, audit);
                self.tell(device.participant, device.id, audit);
                Ok(device)
            }
        }
    }

    /// Nobody comes back who was erased.
    fn is_of_the_erased(&self, right: &Right) -> bool {
        let participant = right.participant().map(Into::into);
        !self.erased_of(&participant).is_empty()
    }

    fn revoke_for(&mut self, tenant: TenantId, new: &Device, revoke: Revoke, cause: &Audit) {
        if let (Revoke::Others, Some(participant)) = (revoke, new.participant) {
            self.enrolment.drop_approvals(participant);
        }
        for device in self.enrolment.ended_for(new, revoke) {
            let audit = cause.revoking(device);
            self.enrolment
                .change(device, DeviceChange::REVOKE, audit.at);
            self.audit.note(tenant, &audit);
            self.tell(new.participant, device, &audit);
        }
    }

    /// Puts what a participant's devices are told of a change into the outbox.
    fn tell(&mut self, participant: Option<ParticipantId>, changed: DeviceId, audit: &Audit) {
        let devices: Vec<_> = self
            .enrolment
            .of_participant(participant)
            .cloned()
            .collect();
        if let Some(notice) = Notice::of(changed, audit, &devices) {
            for draft in notice.drafts() {
                self.projection.put_out(draft);
            }
        }
    }

    fn change_device(
        &mut self,
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit,
    ) -> Option<Device> {
        let standing = self.enrolment.devices.get(&device).cloned()?;
        if self.enrolment.change(device, change, audit.at) {
            self.audit.note(tenant, audit);
            self.revoke_for(tenant, &standing, ended_by(&standing, change), audit);
            self.tell(standing.participant, device, audit);
        }
        self.enrolment.devices.get(&device).cloned()
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

    async fn note_clock(
        &self,
        tenant: TenantId,
        device: DeviceId,
        clock: DeviceClock,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            if let Some(standing) = data.enrolment.devices.get_mut(&device) {
                standing.clock = Some(clock);
            }
        });
        Ok(())
    }

    async fn change_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.write(tenant, |data| {
            data.change_device(tenant, device, change, audit)
        }))
    }

    async fn record_recovery_sheet(
        &self,
        tenant: TenantId,
        sheet: &RecoverySheet,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            data.enrolment.known(sheet.participant)?;
            let sheets = &mut data.enrolment.sheets;
            if sheets.contains_key(&sheet.code_hash) {
                return Ok(());
            }
            sheets
                .retain(|_, held| held.participant != sheet.participant || held.used_by.is_some());
            sheets.insert(
                sheet.code_hash,
                Sheet {
                    participant: sheet.participant,
                    maker: sheet.maker,
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
    ) -> Result<bool, StoreError> {
        self.write(tenant, |data| {
            data.enrolment.known(approval.participant)?;
            let approvals = &mut data.enrolment.approvals;
            match approvals.get(&approval.approved) {
                Some(held) if held.approval == *approval => return Ok(true),
                Some(held) if held.used || held.approval.bars(approval, audit.at) => {
                    return Ok(false);
                }
                _ => {}
            }
            let held = HeldApproval {
                approval: *approval,
                used: false,
            };
            approvals.insert(approval.approved, held);
            data.audit.note(tenant, audit);
            data.tell(Some(approval.participant), approval.approved, audit);
            Ok(true)
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
