//! Who may be woken, in memory.

use std::collections::BTreeMap;

use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{LeasedPush, PushEnd, PushRegistration, PushStore, PushesDue, StoreError, Whom};

#[derive(Debug, Clone, Default)]
pub(super) struct Pushes {
    rows: BTreeMap<DeviceId, Row>,
}

#[derive(Debug, Clone)]
struct Row {
    registration: PushRegistration,
    due_at: Option<Timestamp>,
    /// While it is leased: when a reason that arose since is due.
    again_at: Option<Timestamp>,
    is_leased: bool,
    failures: u32,
}

impl Row {
    fn give_reason(&mut self, due_at: Timestamp) {
        if self.is_leased {
            self.again_at.get_or_insert(due_at);
        } else {
            self.due_at.get_or_insert(due_at);
        }
    }

    fn end(&mut self) {
        self.due_at = self.again_at.take();
        self.is_leased = false;
        self.failures = 0;
    }
}

impl TenantData {
    pub(super) fn plan_pushes(&mut self, pushes: &PushesDue) {
        for (whom, due_at) in pushes {
            for (device, row) in &mut self.pushes.rows {
                let is_meant = match whom {
                    Whom::Device(meant) => device == meant,
                    Whom::Participant(meant) => {
                        self.enrolment.participant_of(*device) == Some(*meant)
                    }
                };
                if is_meant {
                    row.give_reason(*due_at);
                }
            }
        }
    }

    /// A device's row goes with the device.
    pub(super) fn forget_pushes_of_the_gone(&mut self) {
        let enrolment = &self.enrolment;
        self.pushes
            .rows
            .retain(|device, _| enrolment.may_be_woken(*device));
    }
}

#[async_trait]
impl PushStore for MemoryStore {
    async fn register_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
        registration: &PushRegistration,
    ) -> Result<bool, StoreError> {
        Ok(self.write(tenant, |data| {
            if !data.enrolment.may_be_woken(device) {
                return false;
            }
            let new = || Row {
                registration: registration.clone(),
                due_at: None,
                again_at: None,
                is_leased: false,
                failures: 0,
            };
            data.pushes
                .rows
                .entry(device)
                .or_insert_with(new)
                .registration = registration.clone();
            true
        }))
    }

    async fn lookup_push(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Option<PushRegistration>, StoreError> {
        Ok(self.read(tenant, |data| {
            let row = data.pushes.rows.get(&device);
            row.map(|row| row.registration.clone())
        }))
    }

    async fn withdraw_push(&self, tenant: TenantId, device: DeviceId) -> Result<(), StoreError> {
        self.write(tenant, |data| data.pushes.rows.remove(&device));
        Ok(())
    }

    async fn lease_pushes(
        &self,
        tenant: TenantId,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<LeasedPush>, StoreError> {
        Ok(self.write(tenant, |data| {
            let rows = data.pushes.rows.iter_mut();
            let mut due: Vec<_> = rows
                .filter_map(|(device, row)| {
                    Some((row.due_at.filter(|due| *due <= now)?, device, row))
                })
                .collect();
            due.sort_by_key(|(due_at, device, _)| (*due_at, **device));
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            let lease = |(_, device, row): (_, &DeviceId, &mut Row)| {
                row.due_at = Some(until);
                row.is_leased = true;
                LeasedPush {
                    device: *device,
                    registration: row.registration.clone(),
                    failures: row.failures,
                    leased_until: until,
                }
            };
            due.into_iter().map(lease).collect()
        }))
    }

    async fn settle_push(
        &self,
        tenant: TenantId,
        push: &LeasedPush,
        end: PushEnd,
    ) -> Result<(), StoreError> {
        self.write(tenant, |data| {
            let Some(row) = data.pushes.rows.get_mut(&push.device) else {
                return;
            };
            if !row.is_leased || row.due_at != Some(push.leased_until) {
                return;
            }
            match end {
                PushEnd::Over => row.end(),
                PushEnd::Unregistered if row.registration.token == push.registration.token => {
                    data.pushes.rows.remove(&push.device);
                }
                // It was for another phone's token; the new one has not been tried.
                PushEnd::Unregistered => {
                    row.again_at = None;
                    row.is_leased = false;
                }
                PushEnd::Again { at, failures } => {
                    row.due_at = Some(at);
                    row.again_at = None;
                    row.is_leased = false;
                    row.failures = failures;
                }
            }
        });
        Ok(())
    }
}
