//! Step counts.

use askel_proto::v1;

use super::{MalformedPayload, known};
use crate::{
    id::StepSourceId,
    limits::{REVISION_MAX, STEPS_PER_BUCKET_MAX},
    time::Quarter,
};

pub use askel_proto::v1::Measure;

/// What a sensor counted in one 15-minute bucket; a register per (source, measure, bucket).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepCount {
    /// The counting device.
    pub source: StepSourceId,
    /// The bucket.
    pub bucket: Quarter,
    /// 0..=20 000.
    pub count: u32,
    /// The highest holds; from 1.
    pub revision: u32,
    /// What was counted.
    pub measure: Measure,
}

impl StepCount {
    pub(super) fn to_proto(self) -> v1::StepCount {
        v1::StepCount {
            source_id: self.source.to_vec(),
            bucket: self.bucket.get(),
            count: self.count,
            revision: self.revision,
            measure: self.measure.into(),
        }
    }

    pub(super) fn from_proto(proto: &v1::StepCount) -> Result<Self, MalformedPayload> {
        if !(1..=REVISION_MAX).contains(&proto.revision) {
            return Err(MalformedPayload::OutOfBounds("revision"));
        }
        if proto.count > STEPS_PER_BUCKET_MAX {
            return Err(MalformedPayload::OutOfBounds("count"));
        }
        Ok(Self {
            source: StepSourceId::try_from(&*proto.source_id)?,
            bucket: Quarter::new(proto.bucket),
            count: proto.count,
            revision: proto.revision,
            measure: known(proto.measure, "measure")?,
        })
    }

    /// Reads the usual form without a message in between: every field, in its place, and within its
    /// bounds. `None` for any other form, right or wrong.
    pub(super) fn plain(bytes: &[u8]) -> Option<Self> {
        let (source, mut rest) = bytes.strip_prefix(&[0x0a, 16])?.split_first_chunk()?;
        let proto_fields = [0x10, 0x18, 0x20, 0x28];
        let mut numbers = [0; 4];
        for (number, key) in numbers.iter_mut().zip(proto_fields) {
            *number = take_number(rest.strip_prefix(&[key])?, &mut rest)?;
        }
        let [bucket, count, revision, measure] = numbers;
        let is_bound = (1..=REVISION_MAX).contains(&revision) && count <= STEPS_PER_BUCKET_MAX;
        let count = Self {
            source: StepSourceId::from_bytes(*source),
            bucket: Quarter::new(bucket),
            count,
            revision,
            measure: known(i32::try_from(measure).ok()?, "measure").ok()?,
        };
        (is_bound && rest.is_empty()).then_some(count)
    }
}

/// A varint above 0, in its shortest form and of 32 bits at most.
fn take_number<'a>(bytes: &'a [u8], rest: &mut &'a [u8]) -> Option<u32> {
    let mut value = 0_u64;
    let mut left = bytes;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, after) = left.split_first()?;
        left = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            *rest = left;
            return u32::try_from(value).ok().filter(|_| *byte != 0);
        }
    }
    None
}
