//! Taking in what a device hands in.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    log::{Batch, BatchError},
};

use super::{App, AppError, Caller, Reason};
use crate::ingest::{Head, Receipt, Submission, author};

/// What a device hands in, not yet opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedIn {
    pub(crate) batches: Vec<v1::SealedBatch>,
    pub(crate) heads: Vec<Head>,
    pub(crate) clock: Option<ClockReading>,
}

/// Opens every batch first: one bad signature and nothing of the request is taken in. Then queues
/// for the tenant's next transaction and returns after its commit.
pub(crate) async fn accept_batches(
    app: &App,
    caller: &Caller,
    handed_in: HandedIn,
) -> Result<Receipt, AppError> {
    if handed_in.batches.is_empty() && handed_in.heads.is_empty() {
        return Ok(Receipt::default());
    }
    let device = &caller.device;
    let mut batches = Vec::with_capacity(handed_in.batches.len());
    for (index, sealed) in handed_in.batches.iter().enumerate() {
        let opened = Batch::open(sealed, caller.tenant, device.id, &device.public_key);
        batches.push(opened.map_err(|error| refusal(error, index))?);
    }
    let submission = Submission {
        author: author(device),
        batches,
        heads: handed_in.heads,
        sent_with: handed_in.clock,
        received_at: app.now(),
    };
    Ok(app.ingest.submit(caller.tenant, submission).await?)
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
