//! Taking in what a device hands in.

use std::collections::BTreeSet;

use askel_proto::v1;
use askel_store::DeviceClock;
use askel_sync::{
    admission::ClockReading,
    frame::ENCODING,
    id::LogId,
    log::{Batch, BatchError},
    op::Origin,
    time::BootTime,
};
use prost::Message as _;

use super::{
    App, AppError, Caller, Reason, WantedStream,
    carried_frames::{CarriedFrame, take_in_frames},
    plain_batch::{Clock, Plain, PlainBatches},
    returned_pages::{claims, verified},
    used::tell_used,
};
use crate::{
    ingest::{FrameResult, Hand, Head, LogVerdict, Receipt, Submission, author},
    limits::CLOCK_MOVED_MS_MIN,
};

/// What a device hands in, not yet opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedIn {
    pub(crate) batches: Vec<v1::SealedBatch>,
    pub(crate) heads: Vec<Head>,
    pub(crate) clock: Option<ClockReading>,
    /// Of boots that are over.
    pub(crate) boots: Vec<BootTime>,
    pub(crate) frames: Vec<CarriedFrame>,
    pub(crate) returned: Vec<v1::Page>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    pub(crate) receipt: Receipt,
    pub(crate) frames: Vec<FrameResult>,
    /// How long to wait with frames that could not be taken now, in milliseconds.
    pub(crate) retry_after_ms: u64,
    /// Ops of other logs that the device offered again, by their origins.
    pub(crate) offered: BTreeSet<Origin>,
}

/// Opens every batch first: one bad signature and nothing of the request is taken in. Then queues
/// for the tenant's next transaction and returns after its commit. Frames of others come last and
/// can't fail the call.
pub(super) async fn accept(
    app: &App,
    caller: &Caller,
    handed_in: HandedIn,
    wanted: &[WantedStream],
) -> Result<TakenIn, AppError> {
    let frames = handed_in.frames.clone();
    let heads = handed_in.heads.clone();
    let accepted = accept_own(app, caller, handed_in).await;
    let (receipt, offered) = accepted.inspect_err(|_| app.projector.look_soon())?;
    let claims = claims(app, caller, wanted, &heads, &receipt).await?;
    if !claims.is_empty() {
        app.store().record_claims(caller.tenant, &claims).await?;
    }
    let frames = if frames.is_empty() {
        Vec::new()
    } else {
        Box::pin(take_in_frames(app, caller, frames)).await
    };
    let stirred = receipt.stirred || frames.iter().any(|frame| frame.stirred);
    let waits = frames.iter().map(|frame| frame.retry_after_ms);
    Ok(TakenIn {
        retry_after_ms: waits.max().unwrap_or(0),
        receipt: Receipt { stirred, ..receipt },
        frames: frames.into_iter().map(|frame| frame.result).collect(),
        offered,
    })
}

async fn accept_own(
    app: &App,
    caller: &Caller,
    handed_in: HandedIn,
) -> Result<(Receipt, BTreeSet<Origin>), AppError> {
    let returned = verified(app, caller, handed_in.returned).await?;
    if handed_in.batches.is_empty() && handed_in.heads.is_empty() && returned.is_empty() {
        return Ok((Receipt::default(), BTreeSet::new()));
    }
    let device = &caller.device;
    let told = handed_in.clock.map(|told| DeviceClock {
        segment: told.segment,
        ahead_ms: told.wall.saturating_ms_since(app.now()),
    });
    let clock = clock(app, caller, handed_in.clock);
    let plain = PlainBatches::of(caller.tenant, device.id, clock)
        .naming(handed_in.heads.iter().map(|head| head.log));
    let mut batches = Vec::with_capacity(handed_in.batches.len());
    let mut plain_wanted: Vec<LogId> = Vec::new();
    for (index, sealed) in handed_in.batches.into_iter().enumerate() {
        let is_compact = sealed.encoding == ENCODING;
        let guessed = sealed.context_ops > 0 || (is_compact && handed_in.clock.is_none());
        let sealed = match plain.rebuild(app, sealed).await? {
            Plain::Rebuilt(sealed) => sealed,
            Plain::Wanted(log) => {
                plain_wanted.extend(log);
                continue;
            }
            Plain::Malformed => return Err(refusal(BatchError::Malformed, index)),
        };
        let opened = Batch::open(&sealed, caller.tenant, device.id, &device.public_key);
        match opened {
            Ok(batch) => batches.push(batch),
            // It was rebuilt with ops or a clock that its writer did not mean, or was not signed like
            // this.
            Err(_) if guessed => plain_wanted.extend(log_of(&sealed)),
            Err(error) => return Err(refusal(error, index)),
        }
    }
    let whose = [(caller.tenant, device.id)];
    let ops = count(&batches);
    let offered = offered_again(&batches);
    app.quotas.take(&whose, ops, app.now())?;
    let submission = Submission {
        author: author(device),
        hand: Hand::Own,
        batches,
        heads: handed_in.heads,
        returned,
        sent_with: clock.reading(),
        boots: handed_in.boots,
        received_at: app.now(),
    };
    let submitted = app.ingest.submit(caller.tenant, submission).await;
    let news = submitted.as_ref().map_or(0, |receipt| receipt.news);
    app.quotas.give_back(&whose, ops.saturating_sub(news));
    tell_used(app, &whose, news);
    let mut receipt = submitted?;
    // Only beside what is new, which counts against the hour's quota: else a device could have a row
    // written with every call.
    if let Some(told) = told.filter(|_| news > 0) {
        // Whoever is not remembered is asked.
        let _ = note_clock(app, caller, told).await;
    }
    want_plain(&mut receipt, plain_wanted);
    Ok((receipt, offered))
}

/// Where ops were first written that are carried by another log.
fn offered_again(batches: &[Batch]) -> BTreeSet<Origin> {
    let of_others = batches.iter().flat_map(|batch| {
        let origins = batch.ops.iter().map(|op| op.origin);
        origins.filter(|origin| origin.log != batch.log)
    });
    of_others.collect()
}

/// The device's clock: as it says, or as it was last told, which holds for all of a segment.
fn clock(app: &App, caller: &Caller, told: Option<ClockReading>) -> Clock {
    let remembered = caller.device.clock.map(|clock| ClockReading {
        wall: app.now().saturating_add_ms(clock.ahead_ms),
        segment: clock.segment,
    });
    told.map_or(Clock::Remembered(remembered), Clock::Told)
}

/// Remembers what a device says of its clock, so that it need not say it again.
async fn note_clock(app: &App, caller: &Caller, clock: DeviceClock) -> Result<(), AppError> {
    let is_known = caller.device.clock.is_some_and(|known| {
        let moved = known.ahead_ms.saturating_sub(clock.ahead_ms);
        known.segment == clock.segment && moved.saturating_abs() < CLOCK_MOVED_MS_MIN
    });
    if !is_known {
        let store = app.store();
        store
            .note_clock(caller.tenant, caller.device.id, clock)
            .await?;
        app.devices
            .note_clock(caller.tenant, caller.device.id, clock);
    }
    Ok(())
}

/// The log that a rebuilt batch says it is of.
fn log_of(sealed: &v1::SealedBatch) -> Option<LogId> {
    let batch = v1::Batch::decode(&*sealed.batch).ok()?;
    LogId::try_from(&*batch.log_id).ok()
}

/// Says of which logs the batches are wanted in plain.
fn want_plain(receipt: &mut Receipt, logs: Vec<LogId>) {
    for log in logs {
        match receipt.logs.iter_mut().find(|told| told.log == log) {
            Some(verdict) => verdict.plain_wanted = true,
            None => receipt.logs.push(LogVerdict::plain_wanted(log)),
        }
    }
}

/// The ops of all.
pub(super) fn count(batches: &[Batch]) -> u64 {
    let ops = batches.iter().map(|batch| batch.ops.len()).sum::<usize>();
    u64::try_from(ops).unwrap_or(u64::MAX)
}

fn refusal(error: BatchError, index: usize) -> AppError {
    let reason = match error {
        BatchError::WriterIsNotSigner => Reason::WriterNotSigner,
        BatchError::BadSignature => Reason::SignatureInvalid,
        BatchError::TooLong | BatchError::TooManyOps => Reason::LimitExceeded,
        _ => Reason::BatchMalformed,
    };
    AppError::Field {
        reason,
        field: format!("batches[{index}]"),
        problem: error.to_string(),
    }
}
