//! Frames that a device carries for others, or for the phone it was before: sealed to the server, so
//! that the carrier learns nothing but whether they arrived.

use askel_store::{ASIDE_LOG, Device, DeviceState};
use askel_sync::{
    id::{DeviceId, ID_BYTES, LogId, OpId, TenantId},
    lifeboat,
    limits::BOOTS_TOLD_MAX,
    log::Batch,
    op::Op,
    time::BootTime,
};
use sha2::{Digest as _, Sha256};

use super::{
    App, AppError, Caller, Reason, absent,
    accept_batches::count,
    plain_batch::{Clock, Plain, PlainBatches},
    used::tell_used,
};
use crate::ingest::{
    Conflict, Exception, FrameResult, Hand, IngestError, Receipt, Submission, author,
};

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
    let boots: Vec<_> = frame.boots.into_iter().map(BootTime::from).collect();
    let batches = opened_batches(app, caller, &device, frame.batches).await?;
    let mut whose = vec![(tenant, caller.device.id), (tenant, writer)];
    whose.dedup();
    let ops = count(&batches);
    app.quotas.take(&whose, ops, app.now())?;
    let submission = |batches| Submission {
        author: author(&device),
        hand,
        batches,
        heads: Vec::new(),
        returned: Vec::new(),
        // When it was sealed nobody knows.
        sent_with: None,
        boots: boots.clone(),
        received_at: app.now(),
    };
    let is_ended = device.state == DeviceState::Revoked;
    let became = match hand_in(app, tenant, submission(batches.clone())).await {
        Ok(mut became) => {
            if !is_ended {
                leave_to_the_writer(app, tenant, &mut became, &batches).await?;
            }
            relog(app, tenant, submission, (became, batches)).await
        }
        Err(error) => Err(error.into()),
    };
    let news = became.as_ref().map_or(0, |became| became.news);
    app.quotas.give_back(&whose, ops.saturating_sub(news));
    tell_used(app, &whose, news);
    let became = became?;
    Ok(Carried {
        result: worst(&became.results),
        stirred: became.stirred,
        retry_after_ms: 0,
    })
}

/// What became of batches.
struct Became {
    /// Of each batch, in their order.
    results: Vec<FrameResult>,
    /// Batches that have no place in their log, by index.
    stranded: Vec<(usize, Place)>,
    news: u64,
    stirred: bool,
}

/// Why a batch has no place in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    PastAGap,
    /// Other ops are there.
    Taken,
}

impl Became {
    fn is_now(&mut self, index: usize, result: FrameResult) {
        if let Some(held) = self.results.get_mut(index) {
            *held = result;
        }
    }
}

async fn hand_in(
    app: &App,
    tenant: TenantId,
    submission: Submission,
) -> Result<Became, IngestError> {
    let ends: Vec<Span> = submission.batches.iter().map(Span::of).collect();
    let receipt = app.ingest.submit(tenant, submission).await?;
    let stranded = |(index, end): (usize, &Span)| {
        let told = receipt.logs.iter().find(|told| told.log == end.log)?;
        match told.conflict {
            Some(Conflict::SequenceTaken) => Some((index, Place::Taken)),
            None if told.settled_before < end.first => Some((index, Place::PastAGap)),
            _ => None,
        }
    };
    Ok(Became {
        results: ends.iter().map(|end| end.result(&receipt)).collect(),
        stranded: ends.iter().enumerate().filter_map(stranded).collect(),
        news: receipt.news,
        stirred: receipt.stirred,
    })
}

/// Hands in what has no place in its log any more, in logs of their own: what an ended device wrote past a
/// gap that nobody can fill, be it that a restored server has lost what it had acknowledged; and
/// what a copy wrote, or a phone before it was put back, where others of its ops are.
async fn relog(
    app: &App,
    tenant: TenantId,
    submission: impl Fn(Vec<Batch>) -> Submission,
    (mut became, batches): (Became, Vec<Batch>),
) -> Result<Became, AppError> {
    let stranded = std::mem::take(&mut became.stranded);
    if stranded.is_empty() {
        return Ok(became);
    }
    let indexes: Vec<usize> = stranded.iter().map(|(index, _)| *index).collect();
    let stranded = indexes.iter().filter_map(|index| batches.get(*index));
    let there = submission(stranded.map(relogged).collect());
    let there = hand_in(app, tenant, there).await?;
    for (index, result) in indexes.into_iter().zip(there.results) {
        became.is_now(index, result);
    }
    became.news = became.news.saturating_add(there.news);
    became.stirred |= there.stirred;
    Ok(became)
}

/// A gap is its writer's to fill, as long as it goes on with that log. It does not if an op from past the
/// gap is here by another log: it offered everything again, but for what it was refused.
async fn leave_to_the_writer(
    app: &App,
    tenant: TenantId,
    became: &mut Became,
    batches: &[Batch],
) -> Result<(), AppError> {
    let mut given_up = Vec::new();
    for (index, place) in std::mem::take(&mut became.stranded) {
        let ops = batches.get(index).map_or(&[][..], |batch| &batch.ops);
        let ids: Vec<OpId> = ops.iter().map(Op::id).collect();
        let is_known =
            place == Place::Taken || !app.store().lookup_ops(tenant, &ids).await?.is_empty();
        if is_known {
            given_up.push((index, place));
        }
    }
    became.stranded = given_up;
    Ok(())
}

/// A batch in a log that it alone is in: [`ASIDE_LOG`] and the first 12 bytes of SHA-256 over
/// `askel/log-past-a-gap/v1`, a zero byte, the batch's log and the ids of its ops. The ops keep their
/// origins, by which they are known wherever they come again.
fn relogged(batch: &Batch) -> Batch {
    let mut hash = Sha256::new()
        .chain_update(b"askel/log-past-a-gap/v1\0")
        .chain_update(batch.log.as_bytes());
    for op in &batch.ops {
        hash.update(op.id().as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; ID_BYTES];
    let bytes = ASIDE_LOG.into_iter().chain(digest);
    for (place, byte) in id.iter_mut().zip(bytes) {
        *place = byte;
    }
    Batch {
        log: LogId::from_bytes(id),
        first_sequence: 0,
        ..batch.clone()
    }
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

/// Where a batch lies.
struct Span {
    log: LogId,
    first: u64,
    /// The sequence after its last op.
    end: u64,
}

impl Span {
    fn of(batch: &Batch) -> Self {
        let count = u64::try_from(batch.ops.len()).unwrap_or(u64::MAX);
        Self {
            log: batch.log,
            first: batch.first_sequence,
            end: batch.first_sequence.saturating_add(count),
        }
    }

    /// What the carrier may do: keep the frame while some of it is neither settled nor hopeless.
    fn result(&self, receipt: &Receipt) -> FrameResult {
        let Some(verdict) = receipt.logs.iter().find(|told| told.log == self.log) else {
            return FrameResult::Later;
        };
        if verdict.conflict.is_some() {
            return FrameResult::Refused;
        }
        let mut exceptions = verdict.exceptions.values();
        // A deferred op is with its writer only, and the writer may be gone.
        let deferred = exceptions.any(|told| matches!(told, Exception::Deferred(_)));
        if deferred || verdict.settled_before < self.end {
            FrameResult::Later
        } else {
            FrameResult::Taken
        }
    }
}

/// Of a whole frame.
fn worst(results: &[FrameResult]) -> FrameResult {
    if results.contains(&FrameResult::Later) {
        FrameResult::Later
    } else if results.contains(&FrameResult::Refused) {
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
