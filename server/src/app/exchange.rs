//! One Sync: take in, project, renew the lease, and read on.
//!
//! Everything that can be refused is checked before anything is taken in. Awards are confirmed
//! before the pages are read, so that the same answer carries them when the projector has time.

use askel_proto::v1;
use askel_store::{Audit, AuditAction, DeviceChange, DeviceState};
use askel_sync::{
    admission::{ClockReading, Role},
    id::LogId,
    time::{DAY_MS, Timestamp},
};

use super::{
    App, AppError, Caller, HandedIn, PageReader, PageWishes, StreamCursor,
    accept_batches::{TakenIn, accept},
    compare_sums::{compare_sums, note_odd},
    enrol::staff_certificate,
    pages::Held,
    short_form::{ShortForm, matched},
    streams::{WantedStream, resolve},
};
use crate::{
    ingest::{FrameResult, Head, Receipt},
    limits::{CLOCK_TOLD_MS, OWN_OPS_HELD_DAYS},
};

/// What a Sync asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExchangeRequest {
    pub(crate) handed_in: HandedIn,
    pub(crate) cursors: Vec<StreamCursor>,
    /// The standard streams in short form; `None` where `cursors` says it all.
    pub(crate) short: Option<ShortForm>,
    pub(crate) wishes: PageWishes,
    /// The reader's own sums of streams.
    pub(crate) sums: Vec<v1::StreamSum>,
}

/// What a Sync answers; pages are read as they are sent.
pub(crate) struct Exchange {
    pub(crate) form: Form,
    /// `None` where the caller need not be told.
    pub(crate) server_time: Option<Timestamp>,
    pub(crate) staff_certificate: Option<v1::SignedStaffCertificate>,
    pub(crate) receipt: Receipt,
    /// What became of the carried frames, by their index.
    pub(crate) frames: Vec<FrameResult>,
    /// How long the caller is to wait before its next Sync, in milliseconds; 0 where nothing of the
    /// server's is used up.
    pub(crate) retry_after_ms: u64,
    /// `None` when the caller has to ask in full first.
    pub(crate) pages: Option<PageReader>,
}

/// How the answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In full.
    Long,
    /// In short, with the log that both sides mean.
    Short(Option<LogId>),
}

/// Carries a Sync out.
pub(crate) async fn exchange(
    app: &App,
    caller: &Caller,
    request: ExchangeRequest,
) -> Result<Exchange, AppError> {
    let ExchangeRequest {
        handed_in,
        cursors,
        short,
        wishes,
        sums,
    } = request;
    let newcomer = short.is_none() && is_first(&cursors);
    let mut wanted = resolve(app, caller, cursors).await?;
    let mut odd_sums = compare_sums(app, caller, &sums).await?;
    let clock_is_off = clock_is_off(app, caller, handed_in.clock);
    let heads = handed_in.heads.clone();
    let TakenIn {
        receipt,
        frames,
        retry_after_ms,
        offered,
    } = accept(app, caller, handed_in, &wanted).await?;
    let mut short = short;
    if !receipt.erased.is_empty() {
        app.projector.forget(caller.tenant, &receipt.erased).await;
        let itself = |erased| caller.participant() == Some(erased);
        if receipt.erased.iter().copied().any(itself) {
            // There is nothing left to read, and reading would call it into being.
            wanted.clear();
            short = None;
        }
    }
    if receipt.stirred {
        Box::pin(app.projector.settle_if_idle(caller.tenant)).await;
    }
    let staff_certificate = match renew_lease(app, caller).await? {
        None if newcomer => staff_certificate(app, caller.tenant, &caller.device)?,
        renewed => renewed,
    };
    let mut exchange = Exchange {
        form: Form::Long,
        server_time: Some(app.now()),
        staff_certificate,
        receipt,
        frames,
        retry_after_ms,
        pages: None,
    };
    let mut held = match short {
        None => held_by_heads(app, &heads, &exchange.receipt, &wishes),
        Some(short) => {
            exchange.server_time = exchange.server_time.filter(|_| clock_is_off);
            let Some(matched) = matched(app, caller, &short).await? else {
                return Ok(exchange);
            };
            if matched.sums_differ {
                odd_sums.extend(matched.wanted.iter().filter_map(WantedStream::standard_id));
            }
            wanted.splice(0..0, matched.wanted);
            let log = matched.log;
            exchange.form = Form::Short(log.as_ref().map(|log| log.log));
            let below = log.map(|log| (log.log, log.next_sequence));
            held_since(app, below.into_iter().collect())
        }
    };
    if wishes.context.is_given() || exchange.form != Form::Long {
        held.offered = offered;
    }
    note_odd(&odd_sums);
    let reader = PageReader::open(app, caller, wanted, wishes, held).await?;
    exchange.pages = Some(reader.with_sums_of(&odd_sums));
    Ok(exchange)
}

/// Whether the caller holds nothing yet: then it does not know its lease either, which began when it
/// was approved.
fn is_first(cursors: &[StreamCursor]) -> bool {
    !cursors.is_empty() && cursors.iter().all(|cursor| cursor.stream_id.is_none())
}

/// Whether the caller's clock says something else than the server's. A credential may be old, for it
/// is used again, but not of the future.
fn clock_is_off(app: &App, caller: &Caller, clock: Option<ClockReading>) -> bool {
    let now = app.now();
    let off = |time: Timestamp| time.saturating_ms_since(now);
    off(caller.credential_of) > CLOCK_TOLD_MS
        || clock.is_some_and(|clock| off(clock.wall).saturating_abs() > CLOCK_TOLD_MS)
}

/// The caller's own ops, as its log heads say, unless it asks for pages that refer to nothing.
fn held_by_heads(app: &App, heads: &[Head], receipt: &Receipt, wishes: &PageWishes) -> Held {
    if !wishes.context.is_given() {
        return Held::default();
    }
    let its_own = |head: &&Head| {
        let verdict = receipt.logs.iter().find(|told| told.log == head.log);
        verdict.is_none_or(|told| told.conflict.is_none())
    };
    let heads = heads.iter().filter(its_own);
    held_since(
        app,
        heads.map(|head| (head.log, head.next_sequence)).collect(),
    )
}

fn held_since(app: &App, below: std::collections::BTreeMap<LogId, u64>) -> Held {
    let held_ms = OWN_OPS_HELD_DAYS.saturating_mul(DAY_MS);
    Held {
        offered: std::collections::BTreeSet::new(),
        below,
        received_since: app.now().saturating_add_ms(held_ms.saturating_neg()),
    }
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
