//! Making a recovery sheet. Shown once; the store keeps a keyed hash.

use askel_store::{Audit, AuditAction};
use askel_sync::{invitation, time::Timestamp};

use super::{App, AppError, Caller, Reason};
use crate::credential_file::CodeKind;

/// A sheet as printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoverySheet {
    pub(crate) code: String,
    pub(crate) created_at: Timestamp,
}

/// Makes a sheet for the caller's participant and ends the one before.
pub(crate) async fn create_recovery_sheet(
    app: &App,
    caller: &Caller,
) -> Result<RecoverySheet, AppError> {
    let participant = caller.participant().ok_or(Reason::MethodNotAllowed)?;
    let code = invitation::long_code(app.draw()?);
    let normalised = invitation::normalise(&code).map_err(|_| Reason::Internal)?;
    let keys = app.keys(caller.tenant)?;
    let code_hash = keys.code_hash(
        caller.tenant,
        CodeKind::RecoverySheet,
        normalised.as_bytes(),
    );
    let audit = app.audit(
        caller,
        AuditAction::RecoverySheetCreated,
        Audit::device_name(caller.device.id),
    );
    let sheet = askel_store::RecoverySheet {
        participant,
        code_hash,
        maker: caller.device.id,
    };
    app.store()
        .record_recovery_sheet(caller.tenant, &sheet, &audit)
        .await?;
    Ok(RecoverySheet {
        code,
        created_at: audit.at,
    })
}
