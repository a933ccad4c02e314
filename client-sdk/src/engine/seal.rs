//! How ops are cut into batches.

use std::collections::BTreeSet;

use askel_proto::v1;
use askel_sync::{
    id::{DeviceId, LogId, OpId},
    key::KeyPair,
    log::{Batch, segments_of},
};

use super::{
    model::RequestLimits,
    row::{Enrolment, OwnOp},
};

/// The most an op takes in a batch beside its payload: tags, lengths, the kind and an origin.
const OP_FRAME_BYTES_MAX: usize = 64;
/// The most a batch takes beside its ops and the clock segments that begin at later ones.
const BATCH_FRAME_BYTES_MAX: usize = 128;
/// The most such a clock segment takes.
const LATER_SEGMENT_BYTES_MAX: usize = 32;

/// Consecutive ops that fit into one batch, of as many boots as the limits say.
pub(crate) struct Cut<'m> {
    pub(crate) log: LogId,
    pub(crate) first_sequence: u64,
    pub(crate) next_sequence: u64,
    pub(crate) last_op: OpId,
    bytes: usize,
    ops: Vec<&'m OwnOp>,
    boots: BTreeSet<u64>,
}

/// Cuts the ops of a log, in ascending sequence, into batches.
pub(crate) fn batches<'m>(
    ops: impl Iterator<Item = &'m OwnOp>,
    limits: &RequestLimits,
) -> Vec<Cut<'m>> {
    let mut cuts: Vec<Cut<'m>> = Vec::new();
    for own in ops {
        match cuts.last_mut() {
            Some(cut) if cut.has_room_for(own, limits) => cut.push(own),
            _ => cuts.push(Cut::new(own)),
        }
    }
    cuts
}

impl<'m> Cut<'m> {
    fn new(own: &'m OwnOp) -> Self {
        let mut cut = Self {
            log: own.log,
            first_sequence: own.sequence,
            next_sequence: own.sequence,
            last_op: own.id,
            bytes: BATCH_FRAME_BYTES_MAX,
            ops: Vec::new(),
            boots: BTreeSet::new(),
        };
        cut.push(own);
        cut
    }

    fn has_room_for(&self, own: &OwnOp, limits: &RequestLimits) -> bool {
        own.log == self.log
            && own.sequence == self.next_sequence
            && self.ops.len() < limits.ops_per_batch
            && self.bytes_with(own) <= limits.batch_bytes
            && (self.boots.contains(&own.segment.boot_id)
                || self.boots.len() < limits.boots_per_batch)
    }

    /// The most bytes of the batch with one op more.
    fn bytes_with(&self, own: &OwnOp) -> usize {
        let begins = self
            .ops
            .last()
            .is_some_and(|last| last.segment != own.segment);
        let segment_bytes = if begins { LATER_SEGMENT_BYTES_MAX } else { 0 };
        let op_bytes = own.op.payload.len().saturating_add(OP_FRAME_BYTES_MAX);
        self.bytes
            .saturating_add(op_bytes)
            .saturating_add(segment_bytes)
    }

    fn push(&mut self, own: &'m OwnOp) {
        self.bytes = self.bytes_with(own);
        self.next_sequence = own.sequence.saturating_add(1);
        self.last_op = own.id;
        self.boots.insert(own.segment.boot_id);
        self.ops.push(own);
    }

    /// Encodes and signs.
    pub(crate) fn seal(&self, enrolment: &Enrolment, key: &KeyPair) -> v1::SealedBatch {
        self.batch(enrolment.device).seal(enrolment.tenant, key)
    }

    fn batch(&self, device: DeviceId) -> Batch {
        let (clock_segment, later_segments) = segments_of(self.ops.iter().map(|own| own.segment));
        Batch {
            log: self.log,
            first_sequence: self.first_sequence,
            device,
            clock_segment,
            later_segments,
            ops: self.ops.iter().map(|own| own.op.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use askel_sync::{
        id::OpId,
        limits::{BATCH_BYTES_MAX, PAYLOAD_BYTES_MAX},
        op::{Op, Origin},
        time::{ClockSegment, Timestamp},
    };

    use super::*;
    use crate::engine::row::Standing;

    /// An op that was offered before, with a payload of the largest size, each in a clock segment of its
    /// own: nothing takes more room.
    fn own(sequence: u64) -> OwnOp {
        let origin = Origin {
            log: LogId::from_bytes([2; 16]),
            sequence: (1 << 48) - 1,
        };
        OwnOp {
            op: Op {
                kind: u32::MAX,
                payload: vec![7; PAYLOAD_BYTES_MAX].into(),
                origin,
            },
            id: OpId::from_bytes([0; 16]),
            log: LogId::from_bytes([1; 16]),
            sequence,
            segment: ClockSegment {
                boot_id: u64::MAX,
                wall_minus_monotonic_ms: i64::MIN.saturating_add(sequence.cast_signed()),
            },
            written_at: Timestamp::from_ms(0),
            standing: Standing::Pending,
        }
    }

    #[test]
    fn no_batch_is_longer_than_its_limit_and_few_bytes_are_left() {
        let ops: Vec<OwnOp> = (0..200).map(own).collect();
        let key = KeyPair::from_seed(&[1; 32]);
        let cuts = batches(ops.iter(), &RequestLimits::default());
        let sizes: Vec<usize> = cuts
            .iter()
            .map(|cut| {
                let tenant = askel_sync::id::TenantId::from_bytes([4; 16]);
                let device = DeviceId::from_bytes([3; 16]);
                cut.batch(device).seal(tenant, &key).batch.len()
            })
            .collect();
        assert!(
            sizes.iter().all(|size| *size <= BATCH_BYTES_MAX),
            "{sizes:?}"
        );
        let (_last, full) = sizes.split_last().expect("several");
        let op_bytes = PAYLOAD_BYTES_MAX + 2 * OP_FRAME_BYTES_MAX;
        assert!(
            full.iter()
                .all(|size| *size > BATCH_BYTES_MAX - 3 * op_bytes)
        );
        assert_eq!(cuts.iter().map(|cut| cut.ops.len()).sum::<usize>(), 200);
    }
}
