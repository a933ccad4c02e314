//! A participant's device approves another one by its key.

use askel_proto::v1;
use askel_store::AuditAction;
use askel_sync::{
    id::DeviceId,
    key::{PublicKey, device_id},
    time::Timestamp,
};

use super::{
    App, AppError, Caller, Reason,
    notices::{Notice, device_name, tell_devices},
    own_devices::own_device,
};
use crate::limits::APPROVAL_MS;

/// Approves a key for ten minutes; `replaced` is revoked when the new device comes.
pub(crate) async fn approve_device(
    app: &App,
    caller: &Caller,
    key: &PublicKey,
    replaced: Option<DeviceId>,
) -> Result<Timestamp, AppError> {
    let participant = caller.participant().ok_or(Reason::MethodNotAllowed)?;
    if let Some(replaced) = replaced {
        own_device(app, caller, replaced).await?;
    }
    let approved = device_id(caller.tenant, key);
    let audit = app.audit(caller, AuditAction::DeviceApproved, device_name(approved));
    let expires_at = audit.at.saturating_add_ms(APPROVAL_MS);
    let approval = askel_store::Approval {
        participant,
        approved,
        replaced,
        expires_at,
    };
    app.store()
        .record_approval(caller.tenant, &approval, &audit)
        .await?;
    let notice = Notice {
        device: approved,
        change: v1::DeviceChange::Approved,
        refusable_until: None,
    };
    tell_devices(app, caller.tenant, participant, &notice).await?;
    Ok(expires_at)
}
