//! Frames that a device carries for others, or for the phone it was before: sealed to the server, so
//! that the carrier learns nothing but whether they arrived.

use askel_store::{Device, DeviceState};
use askel_sync::{
    id::{DeviceId, LogId},
    lifeboat,
    limits::BOOTS_TOLD_MAX,
    log::Batch,
    time::BootTime,
};

use super::{
    App, AppError, Caller, Reason, absent,
    accept_batches::count,
    plain_batch::{Clock, Plain, PlainBatches},
};
use crate::ingest::{Exception, FrameResult, Hand, Receipt, Submission, author};

/// A frame as it was carried.
pub(crate) type CarriedFrame = Vec<u8>;

/// What became of a frame.
pub(super) struct Carried {
    pub(super) result: FrameResult,
    /// As [`Receipt::stirred`].
    pub(super) stirred: bool,
    /// How long to wait before it is handed in again, in milliseconds; 0 if the server can't say.
    pub(super) retry_after_ms: u64,
}

impl Carried {
    fn refused(error: &AppError) -> Self {
        Self {
            result: result_of(error),
            stirred: false,
            retry_after_ms: match error {
                AppError::Later { retry_after_ms, .. } => *retry_after_ms,
                _ => 0,
            },
        }
    }
}

/// Takes frames in, each for itself, in their order: none can make the call fail.
pub(super) async fn take_in_frames(
    app: &App,
    caller: &Caller,
    frames: Vec<CarriedFrame>,
) -> Vec<Carried> {
    let mut carried = Vec::with_capacity(frames.len());
    for frame in frames {
        carried.push(match take_in(app, caller, &frame).await {
            Ok(carried) => carried,
            Err(error) => Carried::refused(&error),
        });
    }
    carried
}

async fn take_in(app: &App, caller: &Caller, frame: &[u8]) -> Result<Carried, AppError> {
    let tenant = caller.tenant;
    if askel_sync::planted!(FrameUnread) {
        return Ok(Carried {
            result: FrameResult::Taken,
            stirred: false,
            retry_after_ms: 0,
        });
    }
    let opened = lifeboat::open(app.keys(tenant)?.ingest(), tenant, frame);
    let frame = opened.map_err(|_| Reason::BatchMalformed)?;
    let writer = DeviceId::try_from(&*frame.device_id).map_err(|_| Reason::BatchMalformed)?;
    let Some(device) = app.store().lookup_device(tenant, writer).await? else {
        return Err(absent(app, tenant, writer).await?.into());
    };
    let hand = hand(caller, &device)?;
    if frame.boots.len() > BOOTS_TOLD_MAX {
        return Err(Reason::BatchMalformed.into());
    }
    let boots = frame.boots.into_iter().map(BootTime::from).collect();
    let batches = opened_batches(app, caller, &device, frame.batches).await?;
    let ends: Vec<_> = batches.iter().map(end).collect();
    let mut whose = vec![(tenant, caller.device.id), (tenant, writer)];
    whose.dedup();
    let ops = count(&batches);
    app.quotas.take(&whose, ops, app.now())?;
    let submission = Submission {
        author: author(&device),
        hand,
        batches,
        heads: Vec::new(),
        returned: Vec::new(),
        // When it was sealed nobody knows.
        sent_with: None,
        boots,
        received_at: app.now(),
    };
    let submitted = app.ingest.submit(tenant, submission).await;
    let news = submitted.as_ref().map_or(0, |receipt| receipt.news);
    app.quotas.give_back(&whose, ops.saturating_sub(news));
    let receipt = submitted?;
    Ok(Carried {
        result: settled(&receipt, &ends),
        stirred: receipt.stirred,
        retry_after_ms: 0,
    })
}

/// Whether the carrier may hand this device's frame in.
fn hand(caller: &Caller, writer: &Device) -> Result<Hand, AppError> {
    let same_person = writer.id == caller.device.id || matches_person(caller, writer);
    match writer.state {
        DeviceState::Pending => Err(Reason::DevicePending.into()),
        DeviceState::Revoked if !same_person => Err(Reason::DeviceRevoked.into()),
        _ => Ok(Hand::Carried {
            by: caller.device.id,
            same_person,
        }),
    }
}

/// A phone that came back hands in what the phone before it had written.
fn matches_person(caller: &Caller, writer: &Device) -> bool {
    caller.participant().is_some() && caller.participant() == writer.participant
}

async fn opened_batches(
    app: &App,
    caller: &Caller,
    writer: &Device,
    sealed: Vec<askel_proto::v1::SealedBatch>,
) -> Result<Vec<Batch>, AppError> {
    let plain = PlainBatches::of(caller.tenant, writer.id, Clock::Remembered(None));
    let mut batches = Vec::with_capacity(sealed.len());
    for sealed in sealed {
        let Plain::Rebuilt(sealed) = plain.rebuild(app, sealed).await? else {
            return Err(Reason::BatchMalformed.into());
        };
        let opened = Batch::open(&sealed, caller.tenant, writer.id, &writer.public_key);
        batches.push(opened.map_err(|_| Reason::BatchMalformed)?);
    }
    Ok(batches)
}

/// A log, and the sequence after a batch of it.
type End = (LogId, u64);

fn end(batch: &Batch) -> End {
    let count = u64::try_from(batch.ops.len()).unwrap_or(u64::MAX);
    (batch.log, batch.first_sequence.saturating_add(count))
}

/// What the carrier may do: keep the frame while some of it is neither settled nor hopeless.
fn settled(receipt: &Receipt, ends: &[End]) -> FrameResult {
    let of = |(log, end): &End| {
        let Some(verdict) = receipt.logs.iter().find(|told| told.log == *log) else {
            return FrameResult::Later;
        };
        if verdict.conflict.is_some() {
            return FrameResult::Refused;
        }
        let mut exceptions = verdict.exceptions.values();
        // A deferred op is with its writer only, and the writer may be gone.
        let deferred = exceptions.any(|told| matches!(told, Exception::Deferred(_)));
        if deferred || verdict.settled_before < *end {
            FrameResult::Later
        } else {
            FrameResult::Taken
        }
    };
    let results = || ends.iter().map(of);
    if results().any(|result| result == FrameResult::Later) {
        FrameResult::Later
    } else if results().any(|result| result == FrameResult::Refused) {
        FrameResult::Refused
    } else {
        FrameResult::Taken
    }
}

/// What a frame that was not taken in is told.
fn result_of(error: &AppError) -> FrameResult {
    match error.reason() {
        Reason::BatchMalformed | Reason::DeviceUnknown | Reason::DeviceRevoked | Reason::Erased => {
            FrameResult::Refused
        }
        _ => FrameResult::Later,
    }
}
