//! What a participant's devices are told of a change: pure, the same for every backend.
//!
//! A notice goes into the outbox in the transaction of the change, so that nobody who hangs up and
//! no crash keeps it from those it is for.

use askel_proto::v1;
use askel_sync::{id::DeviceId, op::Payload, stream::StreamKey, time::Timestamp};

use super::{Device, DeviceState};
use crate::{Audit, AuditAction, OutboxDraft};

/// A notice and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    kind: u32,
    payload: Vec<u8>,
    to: Vec<StreamKey>,
}

impl Notice {
    /// What `devices`, all of one participant as they stand after the change, hear of `audit`, which
    /// is about `changed`: those that are neither revoked nor `changed` itself. `None` for a change
    /// that is nobody's affair.
    pub fn of(changed: DeviceId, audit: &Audit, devices: &[Device]) -> Option<Self> {
        let change = change(audit.action)?;
        let standing = devices.iter().find(|device| device.id == changed);
        let refusable_until = match standing.map(|device| device.state) {
            Some(DeviceState::Probation { until }) => until.as_ms(),
            _ => 0,
        };
        let payload = Payload::DeviceChanged(v1::DeviceChanged {
            device_id: changed.to_vec(),
            change: change.into(),
            occurred_at_ms: Timestamp::as_ms(audit.at),
            refusable_until_ms: refusable_until,
        });
        let hears = |device: &&Device| {
            device.id != changed
                && matches!(
                    device.state,
                    DeviceState::Active | DeviceState::Probation { .. }
                )
        };
        let to = devices.iter().filter(hears);
        Some(Self {
            kind: payload.kind() as u32,
            payload: payload.encode(),
            to: to.map(|device| StreamKey::Device(device.id)).collect(),
        })
    }

    /// The items for the outbox.
    pub fn drafts(&self) -> Vec<OutboxDraft<'_>> {
        let draft = |stream: &StreamKey| OutboxDraft {
            stream: *stream,
            kind: self.kind,
            payload: &self.payload,
        };
        self.to.iter().map(draft).collect()
    }
}

fn change(action: AuditAction) -> Option<v1::DeviceChange> {
    match action {
        AuditAction::DeviceEnrolled | AuditAction::DeviceRecovered | AuditAction::DeviceLinked => {
            Some(v1::DeviceChange::Enrolled)
        }
        AuditAction::DeviceReInvited => Some(v1::DeviceChange::ReInvited),
        AuditAction::DeviceApproved => Some(v1::DeviceChange::Approved),
        AuditAction::DeviceRefused => Some(v1::DeviceChange::Refused),
        AuditAction::DeviceRevoked => Some(v1::DeviceChange::Revoked),
        _ => None,
    }
}
