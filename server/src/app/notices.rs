//! Telling a participant's devices that one of them changed.

use askel_proto::v1;
use askel_store::{Device, DeviceState, Projection};
use askel_sync::{
    id::{DeviceId, ParticipantId, TenantId},
    op::Payload,
    stream::StreamKey,
    time::Timestamp,
};
use data_encoding::HEXLOWER;

use super::{App, AppError};
use crate::server_log::Draft;

/// A device's resource name.
pub(super) fn device_name(device: DeviceId) -> String {
    format!("devices/{}", HEXLOWER.encode(device.as_bytes()))
}

/// What happened to a device.
pub(super) struct Notice {
    pub(super) device: DeviceId,
    pub(super) change: v1::DeviceChange,
    /// Until when it may be refused, for a re-invited one.
    pub(super) refusable_until: Option<Timestamp>,
}

/// Tells the participant's other devices, those that are not revoked.
pub(super) async fn tell_devices(
    app: &App,
    tenant: TenantId,
    participant: ParticipantId,
    notice: &Notice,
) -> Result<(), AppError> {
    let devices = app
        .store()
        .list_participant_devices(tenant, participant)
        .await?;
    let payload = Payload::DeviceChanged(v1::DeviceChanged {
        device_id: notice.device.to_vec(),
        change: notice.change.into(),
        occurred_at_ms: app.now().as_ms(),
        refusable_until_ms: notice.refusable_until.map_or(0, Timestamp::as_ms),
    });
    let hears = |device: &&Device| {
        device.id != notice.device
            && matches!(
                device.state,
                DeviceState::Active | DeviceState::Probation { .. }
            )
    };
    let drafts: Vec<Draft> = devices
        .iter()
        .filter(hears)
        .map(|device| Draft::new(&payload, StreamKey::Device(device.id)))
        .collect();
    if drafts.is_empty() {
        return Ok(());
    }
    app.server_log
        .write(tenant, &drafts, &Projection::default())
        .await
}
