//! One Sync: take in, project, renew the lease, and read on.
//!
//! Everything that can be refused is checked before anything is taken in. Awards are confirmed
//! before the pages are read, so that the same answer carries them when the projector has time.

use askel_proto::v1;
use askel_store::{Audit, AuditAction, DeviceChange, DeviceState};
use askel_sync::{admission::Role, time::Timestamp};

use super::{
    App, AppError, Caller, HandedIn, PageReader, StreamCursor, accept_batches::accept_batches,
    enrol::staff_certificate, streams::resolve,
};
use crate::ingest::Receipt;

/// What a Sync asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExchangeRequest {
    pub(crate) handed_in: HandedIn,
    pub(crate) cursors: Vec<StreamCursor>,
    /// The largest page wanted, in bytes; 0 for the server's own limit.
    pub(crate) page_bytes_max: usize,
}

/// What a Sync answers; pages are read as they are sent.
pub(crate) struct Exchange {
    pub(crate) server_time: Timestamp,
    pub(crate) staff_certificate: Option<v1::SignedStaffCertificate>,
    pub(crate) receipt: Receipt,
    pub(crate) pages: PageReader,
}

/// Carries a Sync out.
pub(crate) async fn exchange(
    app: &App,
    caller: &Caller,
    request: ExchangeRequest,
) -> Result<Exchange, AppError> {
    let newcomer = is_first(&request.cursors);
    let wanted = resolve(app, caller, request.cursors).await?;
    let receipt = accept_batches(app, caller, request.handed_in).await?;
    if receipt.stirred {
        app.projector.settle(caller.tenant).await;
    }
    let staff_certificate = match renew_lease(app, caller).await? {
        None if newcomer => staff_certificate(app, caller.tenant, &caller.device)?,
        renewed => renewed,
    };
    let pages = PageReader::open(app, caller, wanted, request.page_bytes_max).await?;
    Ok(Exchange {
        server_time: app.now(),
        staff_certificate,
        receipt,
        pages,
    })
}

/// Whether the caller holds nothing yet: then it does not know its lease either, which began when it
/// was approved.
fn is_first(cursors: &[StreamCursor]) -> bool {
    !cursors.is_empty() && cursors.iter().all(|cursor| cursor.stream_id.is_none())
}

/// A new lease for a staff device once half of the old one is used. What it handed in just now was
/// judged by the old one.
async fn renew_lease(
    app: &App,
    caller: &Caller,
) -> Result<Option<v1::SignedStaffCertificate>, AppError> {
    let now = app.now();
    let lease_ms = app.enrolment.staff_lease_ms();
    let half_used = |until: Timestamp| until.saturating_ms_since(now).saturating_mul(2) < lease_ms;
    let due = caller.device.lease_until.is_none_or(half_used);
    if caller.device.role == Role::Participant || !due {
        return Ok(None);
    }
    let id = caller.device.id;
    let audit = app.audit(caller, AuditAction::LeaseRenewed, Audit::device_name(id));
    let until = now.saturating_add_ms(lease_ms);
    let change = DeviceChange {
        state: DeviceState::Active,
        lease_until: Some(until),
    };
    let renewed = app
        .store()
        .change_device(caller.tenant, id, change, &audit)
        .await?;
    match renewed {
        Some(device) => staff_certificate(app, caller.tenant, &device),
        None => Ok(None),
    }
}
