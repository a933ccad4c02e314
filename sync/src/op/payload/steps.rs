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
}
