//! Reading the append-only log of what was done.

use askel_store::{AuditEntry, PageOf, PageRequest};

use super::{App, AppError, Caller};

/// Entries, oldest first.
pub(crate) async fn list_audit(
    app: &App,
    caller: &Caller,
    page: &PageRequest,
) -> Result<PageOf<AuditEntry>, AppError> {
    Ok(app.store().list_audit(caller.tenant, page).await?)
}
