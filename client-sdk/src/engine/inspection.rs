//! What is held, for tools that test the SDK.

use askel_sync::{
    id::StepSourceId,
    op::{Measure, Origin, Payload},
    time::{Quarter, Timestamp},
};

use super::{Engine, row::Standing};
use crate::{SeenOp, SeenStanding};

impl Engine {
    /// Every count of the participant's steps, the archived ones too.
    pub(crate) fn step_counts(&self) -> Vec<((Measure, StepSourceId, Quarter), u32)> {
        let Some(view) = &self.view.participant else {
            return Vec::new();
        };
        let counts = view.shown.step_counts();
        let left_out = view.leaves_archive_out();
        let archived = self.model.archived_participant_ops(!left_out);
        let archived = archived.filter_map(|op| match op.parse() {
            Ok(Some(Payload::StepCount(count))) if !view.has_registers_of(count.bucket) => {
                Some(((count.measure, count.source, count.bucket), count.count))
            }
            _ => None,
        });
        archived.chain(counts).collect()
    }

    /// When the staff lease of this tablet runs out.
    pub(crate) fn lease_until(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// The own ops, in the order they were written.
    pub(crate) fn seen_ops(&self) -> Vec<SeenOp> {
        let seen = |own: &super::row::OwnOp| SeenOp {
            id: own.id,
            op: own.op.clone(),
            carrier: Origin {
                log: own.log,
                sequence: own.sequence,
            },
            segment: own.segment,
            written_at: own.written_at,
            standing: match own.standing {
                Standing::Pending | Standing::Deferred { .. } => SeenStanding::Open,
                Standing::Accepted { .. } => SeenStanding::Accepted,
                Standing::Rejected { .. } => SeenStanding::Rejected,
            },
            sealed: !self.model.is_unsealed(own),
        };
        self.model.own.values().map(seen).collect()
    }
}
