//! Whether and how a device is woken.

use askel_store::PushRegistration;

use super::{App, AppError, Caller, Reason};

/// Has the caller's device woken so, in place of what it registered before.
pub(crate) async fn update_push_registration(
    app: &App,
    caller: &Caller,
    registration: &PushRegistration,
) -> Result<(), AppError> {
    let (tenant, device) = (caller.tenant, caller.device.id);
    let held = app.store().lookup_push(tenant, device).await?;
    // A device says so again now and then, and most often nothing is to be written.
    if held.as_ref() == Some(registration) {
        return Ok(());
    }
    let registered = app.store().register_push(tenant, device, registration);
    if registered.await? {
        Ok(())
    } else {
        // Revoked since it was let in.
        Err(Reason::DeviceRevoked.into())
    }
}

/// Has the caller's device woken no more.
pub(crate) async fn delete_push_registration(app: &App, caller: &Caller) -> Result<(), AppError> {
    Ok(app
        .store()
        .withdraw_push(caller.tenant, caller.device.id)
        .await?)
}
