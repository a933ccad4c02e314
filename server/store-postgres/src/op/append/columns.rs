//! What an append writes, a column at a time: a statement takes each as one parameter.

use askel_store::{Entry, EntryOutcome, StoreError, StreamHead, StreamPlace};
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, ParticipantId},
};

use super::{ACCEPTED, DEFERRED, REJECTED};
use crate::column::{number, role_column, stream_column};

/// Logs: their writers and where they go on.
#[derive(Default)]
pub(super) struct Logs {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) devices: Vec<Vec<u8>>,
    pub(super) next: Vec<i64>,
}

impl Logs {
    pub(super) fn push(
        &mut self,
        (log, device, next): (LogId, DeviceId, u64),
    ) -> Result<(), StoreError> {
        self.keys.push(log.to_vec());
        self.devices.push(device.to_vec());
        self.next.push(number(next)?);
        Ok(())
    }
}

/// Entries of logs.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) logs: Vec<Vec<u8>>,
    pub(super) sequences: Vec<i64>,
    pub(super) ops: Vec<Vec<u8>>,
    pub(super) outcomes: Vec<i16>,
    /// Empty for none.
    pub(super) reasons: Vec<String>,
    pub(super) carried: Vec<bool>,
    /// Empty for none.
    pub(super) subjects: Vec<Vec<u8>>,
    /// Whether it is there, and was deferred.
    pub(super) stand: Vec<bool>,
}

impl Entries {
    pub(super) fn push(&mut self, entry: &Entry, stands: bool) -> Result<(), StoreError> {
        let (outcome, reason, subject, carried) = match &entry.outcome {
            EntryOutcome::Accepted { admitted, .. } => {
                (ACCEPTED, None, None, admitted.op.origin.log != entry.log)
            }
            EntryOutcome::Rejected { reason, subject } => {
                (REJECTED, Some(reason.clone()), *subject, false)
            }
            EntryOutcome::Deferred => (DEFERRED, None, None, false),
        };
        self.logs.push(entry.log.to_vec());
        self.sequences.push(number(entry.sequence)?);
        self.ops.push(entry.op.to_vec());
        self.outcomes.push(outcome);
        self.reasons.push(reason.unwrap_or_default());
        self.carried.push(carried);
        let subject = subject.map(ParticipantId::to_vec);
        self.subjects.push(subject.unwrap_or_default());
        self.stand.push(stands);
        Ok(())
    }
}

/// Ops with their admission.
#[derive(Default)]
pub(super) struct Ops {
    pub(super) ids: Vec<Vec<u8>>,
    pub(super) origin_logs: Vec<Vec<u8>>,
    pub(super) origin_sequences: Vec<i64>,
    pub(super) kinds: Vec<i64>,
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) corrected: Vec<i64>,
    pub(super) received: Vec<i64>,
    /// Empty for none.
    pub(super) subjects: Vec<Vec<u8>>,
    pub(super) strengths: Vec<i16>,
    pub(super) flags: Vec<i64>,
    pub(super) roles: Vec<i16>,
}

impl Ops {
    pub(super) fn push(&mut self, op: OpId, admitted: &AdmittedOp) -> Result<(), StoreError> {
        let AdmittedOp {
            op: content,
            admission,
        } = admitted;
        self.ids.push(op.to_vec());
        self.origin_logs.push(content.origin.log.to_vec());
        self.origin_sequences.push(number(content.origin.sequence)?);
        self.kinds.push(content.kind.into());
        self.payloads.push(content.payload.to_vec());
        self.corrected.push(admission.corrected_at.as_ms());
        self.received.push(admission.received_at.as_ms());
        let subject = admission.subject.map(ParticipantId::to_vec);
        self.subjects.push(subject.unwrap_or_default());
        self.strengths.push(number(admission.strength as i32)?);
        self.flags.push(admission.flags.bits().into());
        self.roles.push(role_column(admission.author_role)?);
        Ok(())
    }
}

/// Streams as they stand.
#[derive(Default)]
pub(super) struct Streams {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) handles: Vec<Vec<u8>>,
    pub(super) heads: Vec<i64>,
    pub(super) sums: Vec<i64>,
}

impl Streams {
    pub(super) fn push(&mut self, head: &StreamHead) -> Result<(), StoreError> {
        self.keys.push(stream_column(head.key)?);
        self.handles.push(head.id.to_vec());
        self.heads.push(number(head.head)?);
        self.sums.push(head.sum.bits().cast_signed());
        Ok(())
    }
}

/// Ops at their places in streams.
#[derive(Default)]
pub(super) struct Places {
    pub(super) streams: Vec<Vec<u8>>,
    pub(super) positions: Vec<i64>,
    pub(super) ops: Vec<Vec<u8>>,
    pub(super) live: Vec<bool>,
}

impl Places {
    pub(super) fn push(&mut self, place: &StreamPlace) -> Result<(), StoreError> {
        self.streams.push(stream_column(place.stream)?);
        self.positions.push(number(place.position)?);
        self.ops.push(place.op.to_vec());
        self.live.push(place.live);
        Ok(())
    }
}
