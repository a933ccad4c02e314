//! What a request says in few bytes, and pages that say theirs in few.

use std::collections::BTreeMap;

use askel_proto::v1::{self, sync_response::Part};
use askel_sync::{
    admission::AdmittedOp,
    frame::{
        BatchHints, CONTEXT_OPS_MAX, FrameLimits, LogRef, decode_batch, encode_ops, log_of_batch,
    },
    id::{DeviceId, LogId, OpId, StreamId},
    op::{Op, OpKind},
    short::ShortBatch,
    stream::{
        StreamKey, StreamSum, op_sum,
        short::{SealedHead, standard_streams, state_tag, sums_tag},
        value_of,
    },
    time::{ClockSegment, Timestamp},
};

use super::{Desk, State, restore::stream_id};

const LIMITS: FrameLimits = FrameLimits {
    ops_max: 500,
    bytes_max: 64 * 1_024,
};

impl Desk {
    /// The streams of a short form, if it says what the desk knows, and the log it speaks of.
    pub(super) fn short_form(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        device: DeviceId,
    ) -> Option<(Vec<StreamKey>, Option<LogId>)> {
        let participant = state.devices[&device].participant;
        let challenges = self.catalog.goals();
        let challenges = challenges.filter(|goal| goal.rule.collective().is_some());
        let keys = standard_streams(device, participant, challenges.map(|goal| goal.id));
        if keys.len() != request.positions.len() {
            return None;
        }
        let handle = |key: &StreamKey| stream_id(*key, state.generation);
        let handles: Vec<StreamId> = keys.iter().map(handle).collect();
        let logs = state.logs.iter().filter(|(_, (of, _))| *of == device);
        let heads = logs.filter_map(|(log, (_, settled))| {
            Some(SealedHead {
                log: *log,
                next_sequence: settled.len() as u64,
                last_op: settled.last()?.op(),
            })
        });
        let nothing = Self::nothing_sealed(state, device);
        let heads = heads.map(Some).chain(nothing);
        let revision = state.limits.revision;
        let mut fitting =
            heads.filter(|head| state_tag(&handles, head.as_ref(), revision) == request.state_tag);
        let of_log = |head: SealedHead| (head.next_sequence > 0).then_some(head.log);
        fitting.next().map(|head| (keys, head.and_then(of_log)))
    }

    /// What a device may say that has nothing sealed: no log, or one that it gave up.
    fn nothing_sealed(state: &State, device: DeviceId) -> Vec<Option<SealedHead>> {
        let logs = state.logs.iter();
        let logs = logs.filter(|(_, (of, settled))| *of == device && !settled.is_empty());
        let given_up: Vec<_> = logs
            .map(|(log, _)| Some(SealedHead::given_up(*log)))
            .collect();
        if given_up.is_empty() {
            vec![None]
        } else {
            given_up
        }
    }

    /// The answer's pages to a short form that fits; tells which logs both sides agree on.
    pub(super) fn short_pages(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        keys: &[StreamKey],
        named: &[(LogId, u64)],
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        for ((index, key), position) in (1..).zip(keys).zip(&request.positions) {
            for page in self.pages(state, request, (*key, *position), named) {
                parts.push(Part::Page(v1::Page {
                    stream_id: Vec::new(),
                    stream_index: index,
                    ..page
                }));
            }
        }
        let stands = parts.is_empty() && request.sums_tag != 0;
        let sums: Vec<StreamSum> = keys
            .iter()
            .map(|key| live_sum(state.streams.get(key).map_or(&[], Vec::as_slice)))
            .collect();
        if stands && sums_tag(sums.iter().copied()) != request.sums_tag {
            let streams = (1..).zip(&request.positions).zip(sums);
            parts.extend(streams.map(|((index, position), sum)| {
                Part::Page(v1::Page {
                    stream_index: index,
                    first_position: position + 1,
                    next_position: *position,
                    sum: sum.bits(),
                    ..v1::Page::default()
                })
            }));
        }
        parts
    }

    /// The logs that a request names, and how far: their ops may be left out of pages.
    pub(super) fn named(
        state: &State,
        request: &v1::SyncRequest,
        of_short: Option<LogId>,
    ) -> Vec<(LogId, u64)> {
        let heads = request.log_heads.iter().map(|head| {
            let log = LogId::try_from(&*head.log_id).expect("an id");
            (log, head.next_sequence)
        });
        let of_short = of_short.map(|log| (log, state.logs[&log].1.len() as u64));
        heads.chain(of_short).collect()
    }

    /// The batch as it was signed.
    pub(super) fn plain(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        device: DeviceId,
        sealed: &v1::SealedBatch,
    ) -> v1::SealedBatch {
        let clock = request.client_clock.unwrap_or_default();
        let segment = clock.segment.unwrap_or_default();
        if sealed.encoding == 0 {
            return sealed.clone();
        }
        let log = match log_of_batch(&sealed.columns).expect("a batch") {
            LogRef::Full(log) => log,
            LogRef::Prefix(prefix) => {
                let mut logs = state.logs.keys();
                *logs
                    .find(|log| log.as_bytes().starts_with(&prefix))
                    .expect("a log of the desk's")
            }
        };
        let hints = BatchHints {
            tenant: self.world.tenant,
            device,
            log,
            clock_segment: ClockSegment {
                boot_id: segment.boot_id,
                wall_minus_monotonic_ms: segment.wall_minus_monotonic_ms,
            },
            wall: Timestamp::from_ms(clock.wall_ms),
        };
        let from = sealed.context_first_sequence;
        let context: Vec<Op> = (from..from + u64::from(sealed.context_ops))
            .map(|sequence| state.ops[&(log, sequence)].clone())
            .collect();
        let batch = decode_batch(&context, &hints, &sealed.columns, LIMITS).expect("a batch");
        v1::SealedBatch {
            batch,
            encoding: 0,
            ..sealed.clone()
        }
    }

    /// The pages of a stream from a position on: small, so that answers have many parts.
    pub(super) fn pages(
        &self,
        state: &State,
        request: &v1::SyncRequest,
        (key, position): (StreamKey, u64),
        named: &[(LogId, u64)],
    ) -> Vec<v1::Page> {
        let ops = state.streams.get(&key).cloned().unwrap_or_default();
        let from = usize::try_from(position).expect("small").min(ops.len());
        let pages = ops[from..].chunks(3).enumerate().map(|(index, some)| {
            let first = from + index * 3;
            let held = match key {
                StreamKey::Participant(_) if request.context_ops > 0 => {
                    request.context_ops as usize + first - from
                }
                _ => 0,
            };
            let context = held.min(CONTEXT_OPS_MAX).min(first);
            let elide = |op: &Op| {
                let origin = op.origin;
                named
                    .iter()
                    .any(|(log, before)| *log == origin.log && origin.sequence < *before)
            };
            let last = first + some.len();
            let is_head = last == ops.len();
            v1::Page {
                stream_id: stream_id(key, state.generation).to_vec(),
                first_position: first as u64 + 1,
                next_position: last as u64,
                encoding: 1,
                columns: encode_ops(
                    self.world.tenant,
                    &ops[first - context..first],
                    &elide,
                    some,
                ),
                context_ops: u32::try_from(context).expect("small"),
                sum: if is_head { live_sum(&ops).bits() } else { 0 },
                mac: vec![7; 8],
                ..v1::Page::default()
            }
        });
        pages.collect()
    }
}

impl State {
    /// The request with its batches in the long form, and beside them the clock that was told last.
    pub(super) fn spelled_out(
        &mut self,
        request: &v1::SyncRequest,
        device: DeviceId,
    ) -> v1::SyncRequest {
        let mut request = request.clone();
        if let Some(segment) = request.client_clock.and_then(|clock| clock.segment) {
            self.segments.insert(device, segment);
        }
        for short in std::mem::take(&mut request.short_batches) {
            let short = ShortBatch::from_bytes(&short).expect("a batch");
            request.batches.push(v1::SealedBatch {
                signature: short.signature.to_vec(),
                encoding: 1,
                columns: short.columns,
                context_first_sequence: short.context_first_sequence,
                context_ops: short.context_ops,
                ..v1::SealedBatch::default()
            });
        }
        let remembered = self
            .segments
            .get(&device)
            .filter(|_| !request.batches.is_empty());
        request.client_clock = request
            .client_clock
            .or(remembered.map(|segment| v1::ClientClock {
                wall_ms: 0,
                segment: Some(*segment),
            }));
        request
    }
}

/// The sum over what is live of these ops.
fn live_sum(ops: &[AdmittedOp]) -> StreamSum {
    let mut greatest = BTreeMap::new();
    for op in ops {
        if let Some((register, rank)) = value_of(op) {
            let held = greatest.entry(register).or_insert(rank);
            *held = rank.max(*held);
        }
    }
    let is_live =
        |op: &&AdmittedOp| value_of(op).is_none_or(|(register, rank)| greatest[&register] == rank);
    let stands = |op: &&AdmittedOp| op.op.kind != OpKind::Blank as u32;
    let live = ops.iter().filter(is_live).filter(stands);
    live.fold(StreamSum::default(), |sum, op| sum.plus(op_sum(op)))
}

impl super::Settled {
    /// The op, whatever became of it.
    pub(super) fn op(&self) -> OpId {
        let (Self::Accepted(op) | Self::Rejected(op, _) | Self::Deferred(op)) = self;
        *op
    }
}
