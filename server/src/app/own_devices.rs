//! A participant's own devices: listing, revoking, refusing.

use askel_store::{Audit, AuditAction, Device, DeviceChange, DeviceState};
use askel_sync::id::DeviceId;

use super::{App, AppError, Caller, Reason};

/// The devices of the caller's participant, by id.
pub(crate) async fn list_own_devices(app: &App, caller: &Caller) -> Result<Vec<Device>, AppError> {
    let participant = caller.participant().ok_or(Reason::MethodNotAllowed)?;
    Ok(app
        .store()
        .list_participant_devices(caller.tenant, participant)
        .await?)
}

/// Revokes one of the caller's own devices, itself included. Doing it twice is doing it once.
pub(crate) async fn revoke_own_device(
    app: &App,
    caller: &Caller,
    device: DeviceId,
) -> Result<Device, AppError> {
    let found = own_device(app, caller, device).await?;
    end(app, caller, found, Ending::Revoked).await
}

/// Refuses a re-invited device while its probation lasts.
pub(crate) async fn refuse_device(
    app: &App,
    caller: &Caller,
    device: DeviceId,
) -> Result<Device, AppError> {
    let found = own_device(app, caller, device).await?;
    let now = app.now();
    match found.state {
        DeviceState::Probation { until } if now < until => {
            end(app, caller, found, Ending::Refused).await
        }
        DeviceState::Revoked => end(app, caller, found, Ending::Refused).await,
        _ => Err(Reason::DeviceNotYours.into()),
    }
}

/// One of the caller's own devices.
pub(super) async fn own_device(
    app: &App,
    caller: &Caller,
    device: DeviceId,
) -> Result<Device, AppError> {
    let found = app.store().lookup_device(caller.tenant, device).await?;
    found
        .filter(|found| found.participant.is_some() && found.participant == caller.participant())
        .ok_or(AppError::Refused(Reason::DeviceNotYours))
}

enum Ending {
    Revoked,
    Refused,
}

async fn end(
    app: &App,
    caller: &Caller,
    device: Device,
    ending: Ending,
) -> Result<Device, AppError> {
    // Of one that is revoked too: who did that may not have lived to write it into the journal.
    let action = match ending {
        Ending::Revoked => AuditAction::DeviceRevoked,
        Ending::Refused => AuditAction::DeviceRefused,
    };
    let audit = app.audit(caller, action, Audit::device_name(device.id));
    let changed = app
        .store()
        .change_device(caller.tenant, device.id, DeviceChange::REVOKE, &audit)
        .await?;
    app.components.tell_rights(caller.tenant, Some(device.id));
    // What the others hear of it was written with it.
    app.projector.settle(caller.tenant).await;
    changed.ok_or(AppError::Refused(Reason::NotFound))
}
