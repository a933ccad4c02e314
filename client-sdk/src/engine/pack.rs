//! How ops are encoded at rest, and batches and pages on their way.

use std::collections::BTreeMap;

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, ClockReading},
    frame::{
        self, BatchHints, CONTEXT_OPS_MAX, Chain, ENCODING, FrameLimits, LOG_PREFIX_BYTES, LogRef,
    },
    id::TenantId,
    op::{Op, Origin},
    short::ShortBatch,
    time::{ClockSegment, Timestamp},
};

use super::{
    Engine,
    asked::{Asked, AskedStream},
    model::Model,
    row::{ArchivedRow, BatchRow, Density, Enrolment, HeldOp, MalformedRow, Standing, WindowRow},
};
use crate::{Cause, Error};

/// Ops in one row of settled ones.
const SETTLED_OPS_MAX: usize = 1_024;
/// What a frame of this device's own may hold.
const SETTLED_LIMITS: FrameLimits = FrameLimits {
    ops_max: SETTLED_OPS_MAX,
    bytes_max: 4 * 1_024 * 1_024,
};
/// What a page may hold.
const PAGE_LIMITS: FrameLimits = FrameLimits {
    ops_max: 65_536,
    bytes_max: 4 * 1_024 * 1_024,
};
/// Accepted ops of a log that a batch may refer to.
const BATCH_CONTEXT_OPS_MAX: usize = 16;

/// Ops as messages.
pub(super) const ROWS: u32 = 0;

/// Reads the frames of settled rows, each of which refers to those before it.
pub(super) fn open_settled(model: &mut Model) -> Result<(), MalformedRow> {
    if !model.archive_is_whole() {
        return Err(MalformedRow);
    }
    if model.settled.is_empty() {
        return Ok(());
    }
    let tenant = model.enrolment().ok_or(MalformedRow)?.tenant;
    let mut chains: BTreeMap<u32, Chain> = BTreeMap::new();
    for row in model.settled.values_mut() {
        let chain = chains
            .entry(row.stream)
            .or_insert_with(|| Chain::new(tenant));
        let ops = chain
            .decode(&|_| None, &row.frame, SETTLED_LIMITS)
            .map_err(|_| MalformedRow)?;
        row.ops = held(ops);
    }
    Ok(())
}

/// Reads the frames of archived rows, which are chains of their own.
pub(super) fn archived_ops(
    tenant: TenantId,
    rows: &BTreeMap<u32, ArchivedRow>,
) -> Result<BTreeMap<u32, Vec<HeldOp>>, MalformedRow> {
    let mut chains: BTreeMap<u32, Chain> = BTreeMap::new();
    let mut read = BTreeMap::new();
    for (&number, row) in rows {
        let chain = chains
            .entry(row.stream)
            .or_insert_with(|| Chain::new(tenant));
        let ops = chain
            .decode(&|_| None, &row.frame, SETTLED_LIMITS)
            .map_err(|_| MalformedRow)?;
        read.insert(number, held(ops));
    }
    Ok(read)
}

/// Frames of settled ops that go on after those that stay, each with its ops.
pub(super) fn frames<'m, 'o>(
    tenant: TenantId,
    stay: impl Iterator<Item = &'m HeldOp>,
    ops: &'o [HeldOp],
) -> Vec<(Vec<u8>, &'o [HeldOp])> {
    let mut chain = Chain::new(tenant);
    chain.learn(stay.map(|held| &held.admitted));
    let frame = |some: &'o [HeldOp]| (chain.encode(&|_| false, &admitted(some)), some);
    ops.chunks(SETTLED_OPS_MAX).map(frame).collect()
}

/// Whether a row of settled ops has no room.
pub(super) fn is_full(ops: &[HeldOp]) -> bool {
    ops.len() >= SETTLED_OPS_MAX
}

/// A page to hand back to a restored server, whole: the MAC covers all of it.
pub(super) fn returned_page(tenant: TenantId, page: &WindowRow) -> v1::Page {
    v1::Page {
        stream_id: page.handle.to_vec(),
        first_position: page.first_position,
        next_position: page.next_position,
        encoding: ENCODING,
        columns: frame::encode_ops(tenant, &[], &|_| false, &admitted(&page.ops)),
        mac: page.mac.clone(),
        snapshot: page.density == Density::Snapshot,
        ..v1::Page::default()
    }
}

/// A batch as it goes into a frame: nothing in it refers to what only one side holds.
pub(super) fn packed(enrolment: &Enrolment, sealed: v1::SealedBatch) -> v1::SealedBatch {
    let clock = ClockReading {
        wall: Timestamp::from_ms(0),
        segment: ClockSegment::default(),
    };
    compact(enrolment, &[], Known::Unknown, clock, &sealed).unwrap_or(sealed)
}

/// Whether the server can find a log by the first bytes of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    ByPrefix,
    Unknown,
}

fn compact(
    enrolment: &Enrolment,
    context: &[(u64, Op)],
    known: Known,
    clock: ClockReading,
    sealed: &v1::SealedBatch,
) -> Option<v1::SealedBatch> {
    let log = batch_log(sealed)?;
    let hints = BatchHints {
        tenant: enrolment.tenant,
        device: enrolment.device,
        log,
        clock_segment: clock.segment,
        wall: clock.wall,
    };
    let named = match known {
        Known::ByPrefix => {
            let prefix: [u8; LOG_PREFIX_BYTES] = *log.as_bytes().first_chunk()?;
            LogRef::Prefix(prefix)
        }
        Known::Unknown => LogRef::Full(log),
    };
    let ops: Vec<Op> = context.iter().map(|(_, op)| op.clone()).collect();
    let columns = frame::encode_batch(&ops, &hints, named, &sealed.batch)?;
    let first = context.first().map_or(0, |(sequence, _)| *sequence);
    Some(v1::SealedBatch {
        batch: Vec::new(),
        signature: sealed.signature.clone(),
        encoding: ENCODING,
        columns,
        context_first_sequence: first,
        context_ops: u32::try_from(ops.len()).ok()?,
    })
}

/// A compact batch as a short form takes it; `None` for one that is not compact.
pub(super) fn short_batch(sealed: &v1::SealedBatch) -> Option<Vec<u8>> {
    if sealed.encoding != ENCODING {
        return None;
    }
    let batch = ShortBatch {
        signature: sealed.signature.as_slice().try_into().ok()?,
        context_ops: sealed.context_ops,
        context_first_sequence: sealed.context_first_sequence,
        columns: sealed.columns.clone(),
    };
    Some(batch.to_bytes())
}

fn batch_log(sealed: &v1::SealedBatch) -> Option<askel_sync::id::LogId> {
    use prost::Message as _;
    let batch = v1::Batch::decode(&*sealed.batch).ok()?;
    askel_sync::id::LogId::try_from(&*batch.log_id).ok()
}

fn held(ops: Vec<AdmittedOp>) -> Vec<HeldOp> {
    ops.into_iter()
        .map(|admitted| HeldOp { admitted })
        .collect()
}

fn admitted(ops: &[HeldOp]) -> Vec<AdmittedOp> {
    ops.iter().map(|held| held.admitted.clone()).collect()
}

impl Engine {
    /// A batch as it is sent: in few bytes, from which the server rebuilds the very ones that were signed.
    pub(super) fn compact_batch(
        &self,
        enrolment: &Enrolment,
        batch: &BatchRow,
        now: ClockReading,
    ) -> v1::SealedBatch {
        let first = batch.first_sequence;
        let from = first.saturating_sub(BATCH_CONTEXT_OPS_MAX as u64);
        let mut context: Vec<(u64, Op)> = Vec::new();
        for (_, own) in self.model.carried_by(batch.log, from) {
            if own.sequence >= first {
                break;
            }
            let joins = context
                .last()
                .is_none_or(|(last, _)| last.saturating_add(1) == own.sequence);
            if !joins || !matches!(own.standing, Standing::Accepted { .. }) {
                context.clear();
            }
            if matches!(own.standing, Standing::Accepted { .. }) {
                context.push((own.sequence, own.op.clone()));
            }
        }
        // Ops that were accepted and do not reach up to the batch say as much of it.
        let known = if context.is_empty() {
            Known::Unknown
        } else {
            Known::ByPrefix
        };
        compact(enrolment, &context, known, now, &batch.sealed)
            .unwrap_or_else(|| batch.sealed.clone())
    }

    /// The ops of a page; `None` when it refers to what is not held here.
    pub(super) fn read_page(
        &self,
        page: &v1::Page,
        stream: u32,
        asked: &Asked,
    ) -> Result<Option<Vec<HeldOp>>, Error> {
        let ops = match page.encoding {
            ROWS => {
                let read = |op: &v1::AdmittedOp| {
                    AdmittedOp::from_proto(op.clone())
                        .map_err(|_| Cause::Answer("a page holds an op that can't be read"))
                };
                page.ops.iter().map(read).collect::<Result<_, Cause>>()?
            }
            ENCODING => {
                let tenant = self.enrolment()?.tenant;
                let Some(context) = self.context_of(page, stream) else {
                    return Ok(None);
                };
                let mut chain = match asked.chain_before(page, stream) {
                    Some(chain) => chain,
                    None if page.goes_on => return Ok(None),
                    None => Box::new(Chain::new(tenant)),
                };
                if page.reader_context > 0 {
                    let Some((own, neighbour)) = self.reader_context(page, asked) else {
                        return Ok(None);
                    };
                    chain.learn_unjudged(own);
                    chain.learn(neighbour);
                }
                chain.learn(&context);
                let own = |origin: Origin| self.op_of_origin(origin);
                match chain.decode(&own, &page.columns, PAGE_LIMITS) {
                    Ok(ops) => {
                        asked.keep_chain(page, stream, chain);
                        ops
                    }
                    Err(_) => return Ok(None),
                }
            }
            _ => return Err(Cause::Answer("a page in an encoding of a later version").into()),
        };
        Ok(Some(held(ops)))
    }

    /// What else a page of a place's day refers to: this device's own last accepted ops, and the last
    /// op that it held of that day or one before.
    fn reader_context(
        &self,
        page: &v1::Page,
        asked: &Asked,
    ) -> Option<(Vec<&Op>, Option<&AdmittedOp>)> {
        let count = usize::try_from(page.reader_context >> 1).ok()?;
        let mut own: Vec<&Op> = Vec::new();
        if count > 0 {
            let carried = self.model.carried_by(asked.open_log?, 0);
            let sealed = carried.take_while(|(_, own)| own.sequence < asked.sealed_before);
            let accepted =
                sealed.filter(|(_, own)| matches!(own.standing, Standing::Accepted { .. }));
            own.extend(accepted.map(|(_, own)| &own.op));
            own.drain(..own.len().checked_sub(count)?);
        }
        if page.reader_context & 1 == 0 {
            return Some((own, None));
        }
        let AskedStream { row, position } = asked.neighbour(page.stream_index)?;
        let mut pages = self.pages_backwards(row);
        let held = pages.find(|held| held.next_position <= position)?;
        let last = held.ops.last().filter(|_| held.next_position == position)?;
        Some((own, Some(&last.admitted)))
    }

    /// The ops that a page refers to: the last so many positions before it.
    fn context_of(&self, page: &v1::Page, stream: u32) -> Option<Vec<AdmittedOp>> {
        let count = usize::try_from(page.context_ops).ok()?;
        if count == 0 {
            return Some(Vec::new());
        }
        if count > CONTEXT_OPS_MAX {
            return None;
        }
        let mut missing = count;
        let mut before = page.first_position;
        let mut parts: Vec<&[HeldOp]> = Vec::new();
        for held in self.pages_backwards(stream) {
            if held.first_position >= before {
                continue;
            }
            let joins =
                held.density == Density::Dense && held.next_position.saturating_add(1) == before;
            if !joins {
                return None;
            }
            let skipped = held.ops.len().saturating_sub(missing);
            let part = held.ops.get(skipped..)?;
            missing = missing.saturating_sub(part.len());
            before = held.first_position;
            parts.push(part);
            if missing == 0 {
                break;
            }
        }
        let ops = parts.iter().rev().copied().flatten();
        (missing == 0).then(|| ops.map(|held| held.admitted.clone()).collect())
    }

    /// An op that is left out of a page because it is this device's own.
    fn op_of_origin(&self, origin: Origin) -> Option<Op> {
        if let Some(own) = self.model.own_of_origin(origin) {
            return Some(own.op.clone());
        }
        // Own ops go some time after they came back.
        let archived = std::iter::once_with(|| self.model.all_archived_ops()).flatten();
        let mut ops = self.model.all_stream_ops().chain(archived);
        let held = ops.find(|(_, held)| held.admitted.op.origin == origin);
        held.map(|(_, held)| held.admitted.op.clone())
    }
}
