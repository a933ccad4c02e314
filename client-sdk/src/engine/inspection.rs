//! What is held, for tools that test the SDK.

use askel_sync::op::Origin;

use super::{Engine, row::Standing};
use crate::{SeenOp, SeenStanding};

impl Engine {
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
