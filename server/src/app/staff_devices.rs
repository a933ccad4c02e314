//! Devices of staff, organisers and admins: listing, approving, revoking.

use askel_store::{Audit, AuditAction, Device, DeviceChange, DeviceState, PageOf, PageRequest};
use askel_sync::{admission::Role, id::DeviceId};

use super::{App, AppError, Caller, Reason, streams::works_within};

/// Whether a device is the caller's affair: its own, one it invited, or one of its places.
fn is_within(caller: &Caller, device: &Device) -> bool {
    device.id == caller.device.id
        || device.inviter == Some(caller.device.id)
        || works_within(caller, device.scope.as_ref())
}

/// Devices by id that are the caller's affair; never a participant's.
pub(crate) async fn list_devices(
    app: &App,
    caller: &Caller,
    page: &PageRequest,
) -> Result<PageOf<Device>, AppError> {
    let mut listed = app.store().list_staff_devices(caller.tenant, page).await?;
    listed.items.retain(|device| is_within(caller, device));
    Ok(listed)
}

/// The inviter, or an admin, lets a waiting device work. Doing it twice is doing it once.
pub(crate) async fn approve_staff_device(
    app: &App,
    caller: &Caller,
    device: DeviceId,
) -> Result<Device, AppError> {
    let found = staff_device(app, caller, device).await?;
    let may = found.inviter == Some(caller.device.id) || caller.device.role == Role::Admin;
    match found.state {
        _ if !may => Err(Reason::DeviceNotYours.into()),
        DeviceState::Pending => {
            let audit = app.audit(
                caller,
                AuditAction::StaffApproved,
                Audit::device_name(device),
            );
            let lease = audit.at.saturating_add_ms(app.enrolment.staff_lease_ms());
            let change = DeviceChange {
                state: DeviceState::Active,
                lease_until: Some(lease),
            };
            let changed = app
                .store()
                .change_device(caller.tenant, device, change, &audit);
            changed.await?.ok_or(AppError::Refused(Reason::NotFound))
        }
        DeviceState::Revoked => Err(Reason::DeviceRevoked.into()),
        DeviceState::Active | DeviceState::Probation { .. } => Ok(found),
    }
}

/// Revokes a staff device. An organiser revokes staff and volunteers, an admin anyone.
pub(crate) async fn revoke_device(
    app: &App,
    caller: &Caller,
    device: DeviceId,
) -> Result<Device, AppError> {
    let found = staff_device(app, caller, device).await?;
    let below = matches!(found.role, Role::Staff | Role::Volunteer) && is_within(caller, &found);
    if caller.device.role != Role::Admin && !below {
        return Err(Reason::DeviceNotYours.into());
    }
    // Of one that is revoked too: who did that may not have lived to write it into the journal.
    let audit = app.audit(
        caller,
        AuditAction::DeviceRevoked,
        Audit::device_name(device),
    );
    let changed = app
        .store()
        .change_device(caller.tenant, device, DeviceChange::REVOKE, &audit)
        .await?;
    app.components.tell_rights(caller.tenant, Some(device));
    changed.ok_or(AppError::Refused(Reason::NotFound))
}

/// A device that is not a participant's: those are their own affair.
async fn staff_device(app: &App, caller: &Caller, device: DeviceId) -> Result<Device, AppError> {
    let found = app.store().lookup_device(caller.tenant, device).await?;
    found
        .filter(|found| found.participant.is_none())
        .ok_or(AppError::Refused(Reason::NotFound))
}
