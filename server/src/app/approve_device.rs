//! A participant's device approves another one by its key.

use askel_store::{Audit, AuditAction};
use askel_sync::{
    id::DeviceId,
    key::{PublicKey, device_id},
    time::Timestamp,
};

use super::{App, AppError, Caller, Reason, own_devices::own_device};
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
    let audit = app.audit(
        caller,
        AuditAction::DeviceApproved,
        Audit::device_name(approved),
    );
    let expires_at = audit.at.saturating_add_ms(APPROVAL_MS);
    let approval = askel_store::Approval {
        participant,
        approved,
        replaced,
        maker: caller.device.id,
        expires_at,
    };
    let recorded = app
        .store()
        .record_approval(caller.tenant, &approval, &audit)
        .await?;
    if !recorded {
        return Err(Reason::InvitationUsed.into());
    }
    app.projector.settle(caller.tenant).await;
    Ok(expires_at)
}
