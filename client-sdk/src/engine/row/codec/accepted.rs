//! Rows of accepted own ops: what they have in common is said once.

use askel_sync::{
    id::{LogId, OpId},
    limits::SEQUENCE_MAX,
    log::{origin_from_proto, origin_to_proto},
    op::{Op, Origin},
    time::{ClockSegment, Timestamp},
};

use super::{
    super::{AcceptedOpsRow, OwnOp, Standing},
    message as stored,
};

pub(super) fn to_stored(row: &AcceptedOpsRow) -> stored::AcceptedOps {
    let mut segments: Vec<ClockSegment> = Vec::new();
    let ops = row.ops.iter().map(|(&number, own)| {
        let segment = segments.iter().rposition(|told| *told == own.segment);
        let segment = segment.unwrap_or_else(|| {
            segments.push(own.segment);
            segments.len().saturating_sub(1)
        });
        let slot = Origin {
            log: row.log,
            sequence: own.sequence,
        };
        let accepted_at = match own.standing {
            Standing::Accepted { at } => at,
            // None of these is put here.
            Standing::Pending | Standing::Rejected { .. } | Standing::Deferred { .. } => {
                own.written_at
            }
        };
        stored::AcceptedOp {
            number,
            kind: own.op.kind,
            payload: own.op.payload.clone(),
            sequence: own.sequence,
            origin: (own.op.origin != slot).then(|| origin_to_proto(own.op.origin)),
            segment: u32::try_from(segment).unwrap_or(u32::MAX),
            written_at_ms: own.written_at.as_ms(),
            accepted_at_ms: accepted_at.as_ms(),
        }
    });
    stored::AcceptedOps {
        ops: ops.collect(),
        log: row.log.to_vec(),
        boot_ids: segments.iter().map(|segment| segment.boot_id).collect(),
        wall_minus_monotonic_ms: segments
            .iter()
            .map(|segment| segment.wall_minus_monotonic_ms)
            .collect(),
        ids: row
            .ops
            .values()
            .flat_map(|own| *own.id.as_bytes())
            .collect(),
    }
}

pub(super) fn from_stored(stored: stored::AcceptedOps) -> Option<AcceptedOpsRow> {
    let log = LogId::try_from(&*stored.log).ok()?;
    if stored.boot_ids.len() != stored.wall_minus_monotonic_ms.len() {
        return None;
    }
    let (ids, rest) = stored.ids.as_chunks();
    let are_there = !stored.ids.is_empty();
    if are_there && (ids.len() != stored.ops.len() || !rest.is_empty()) {
        return None;
    }
    let own = |(index, stored_op): (usize, stored::AcceptedOp)| {
        let segment = usize::try_from(stored_op.segment).ok()?;
        let sequence = stored_op.sequence;
        if sequence >= SEQUENCE_MAX {
            return None;
        }
        let origin = match &stored_op.origin {
            Some(origin) => origin_from_proto(origin)?,
            None => Origin { log, sequence },
        };
        let op = Op {
            kind: stored_op.kind,
            payload: stored_op.payload,
            origin,
        };
        let own = OwnOp {
            id: match ids.get(index) {
                Some(id) => OpId::from_bytes(*id),
                None => op.id(),
            },
            op,
            log,
            sequence,
            segment: ClockSegment {
                boot_id: *stored.boot_ids.get(segment)?,
                wall_minus_monotonic_ms: *stored.wall_minus_monotonic_ms.get(segment)?,
            },
            written_at: Timestamp::from_ms(stored_op.written_at_ms),
            standing: Standing::Accepted {
                at: Timestamp::from_ms(stored_op.accepted_at_ms),
            },
        };
        Some((stored_op.number, own))
    };
    let ops = stored
        .ops
        .into_iter()
        .enumerate()
        .map(own)
        .collect::<Option<_>>()?;
    Some(AcceptedOpsRow { log, ops })
}
