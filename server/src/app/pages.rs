//! One page of a stream: which ops it takes, how they are written, and its MAC.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use askel_proto::v1;
use askel_store::{StreamHead, StreamOp};
use askel_sync::{
    admission::AdmittedOp,
    frame::{Chain, ENCODING, FrameLimits, decode_ops},
    id::{LogId, StreamId, TenantId},
    limits::{PAGE_CONTEXT_OPS_MAX, PAYLOAD_BYTES_MAX},
    op::{Op, Origin},
    page::{PageKey, PageSpan, digest},
    short::ShortPage,
    stream::{StreamKey, listed::day_handle},
    time::Timestamp,
};
use prost::Message as _;

use super::streams::Neighbour;

/// How a page's ops are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PageEncoding {
    /// One message an op.
    #[default]
    Rows,
    /// In columns, which refer to what the reader holds.
    Columns,
}

/// Ops of the reader's own that it certainly holds: pages say only how they were judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// Logs of the reader, with the first sequence that it may lack.
    pub(crate) below: BTreeMap<LogId, u64>,
    /// Ops that it has just handed in, by their origins.
    pub(crate) offered: BTreeSet<Origin>,
    /// A reader drops its own ops some weeks after they were received.
    pub(crate) received_since: Timestamp,
}

impl Held {
    pub(super) fn covers(&self, admitted: &AdmittedOp) -> bool {
        let origin = admitted.op.origin;
        let is_below = self
            .below
            .get(&origin.log)
            .is_some_and(|next| origin.sequence < *next);
        (is_below && admitted.admission.received_at >= self.received_since)
            || self.offered.contains(&origin)
    }
}

/// Whose pages, and how they are wanted.
pub(super) struct Binding {
    pub(super) tenant: TenantId,
    pub(super) key: std::sync::Arc<PageKey>,
    pub(super) encoding: PageEncoding,
    pub(super) held: Held,
    /// The reader's own last ops, which pages of a place's day refer to.
    pub(super) reader_ops: Vec<Op>,
}

/// A page as it is sent.
pub(super) enum Paged {
    Full(v1::Page),
    /// As [`ShortPage`] lays it out.
    Short(Vec<u8>),
}

impl Paged {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Full(page) => page.encoded_len(),
            Self::Short(bytes) => bytes.len(),
        }
    }
}

/// A stream with something to read.
pub(super) struct Waiting {
    pub(super) head: StreamHead,
    /// Which of the streams of a short form, from 1; 0 to name the stream by its handle.
    pub(super) index: u32,
    pub(super) position: u64,
    /// Where the reader said that it stands.
    asked_from: u64,
    /// Whether it is a place's day with another handle than its reader expects.
    pub(super) has_odd_handle: bool,
    pub(super) page_bytes_max: usize,
    /// Live ops only.
    pub(super) snapshot: bool,
    /// Ops that were read and not told yet, from the position on.
    pub(super) read: VecDeque<StreamOp>,
    /// Whether `read` ends where the stream does.
    pub(super) read_out: bool,
    /// How many positions before its own the reader says that it holds.
    pub(super) refers_to: u64,
    /// Those of them that pages refer to, and what was told since.
    pub(super) context: VecDeque<StreamOp>,
    /// Where the reader holds an op that pages of this place's day refer to.
    pub(super) neighbour_at: Option<Neighbour>,
    /// That op.
    pub(super) neighbour: Option<AdmittedOp>,
    /// What the pages of a snapshot before this one told.
    chain: Option<Box<Chain>>,
    /// Ops that fitted into the page before.
    fitted: usize,
}

impl Waiting {
    pub(super) fn new(head: StreamHead, index: u32, position: u64, page_bytes_max: usize) -> Self {
        Self {
            head,
            index,
            position,
            asked_from: position,
            has_odd_handle: false,
            page_bytes_max,
            snapshot: false,
            read: VecDeque::new(),
            read_out: false,
            refers_to: 0,
            context: VecDeque::new(),
            neighbour_at: None,
            neighbour: None,
            chain: None,
            fitted: usize::MAX,
        }
    }

    /// The next page of what was read; it goes as far as the bytes allow. The sum is told at the end
    /// of the stream.
    pub(super) fn page(&mut self, binding: &Binding) -> Paged {
        let mut page = v1::Page {
            first_position: self.position.saturating_add(1),
            snapshot: self.snapshot,
            ..v1::Page::default()
        };
        let follows = self.position == self.asked_from;
        let has_handle = self.position > 0 || !self.has_odd_handle;
        if self.index == 0 || (follows && !has_handle) {
            page.stream_id = self.head.id.to_vec();
        }
        page.stream_index = self.index;
        let count = match binding.encoding {
            PageEncoding::Rows => self.rows(&mut page),
            PageEncoding::Columns => self.columns(&mut page, binding),
        };
        let told: Vec<StreamOp> = self.read.drain(..count).collect();
        let at_the_end = self.read.is_empty() && self.read_out;
        page.next_position = match told.last() {
            _ if at_the_end => self.head.head,
            Some(last) => last.position,
            None => self.position,
        };
        if at_the_end {
            page.sum = self.head.sum.bits();
        }
        let span = PageSpan {
            stream: self.head.id,
            first_position: page.first_position,
            next_position: page.next_position,
        };
        let ops: Vec<AdmittedOp> = told.iter().map(|told| told.admitted.clone()).collect();
        let mac = binding.key.mac(&digest(binding.tenant, &span, &ops));
        page.mac = mac.to_vec();
        self.position = page.next_position;
        if page.goes_on || (self.index > 0 && follows) {
            page.first_position = 0;
        }
        if self.snapshot {
            // Readers count positions back from a page, and those of a snapshot have gaps.
            return Paged::Full(page);
        }
        if self.index > 0 {
            page.next_position = 0;
        }
        let says_no_more = follows
            && at_the_end
            && page.stream_id.is_empty()
            && page.encoding == ENCODING
            && u64::from(page.context_ops) == self.refers_to;
        let short = (says_no_more && self.index > 0).then(|| ShortPage {
            stream_index: self.index,
            reader_context: page.reader_context,
            mac,
            sum: ShortPage::sum_of(self.head.sum),
            columns: std::mem::take(&mut page.columns),
        });
        self.context.extend(told);
        let over = self.context.len().saturating_sub(PAGE_CONTEXT_OPS_MAX);
        self.context.drain(..over);
        match short {
            Some(short) => Paged::Short(short.to_bytes()),
            None => Paged::Full(page),
        }
    }

    /// Whether it is a place's day.
    pub(super) fn is_day(&self) -> bool {
        matches!(self.head.key, StreamKey::PlaceDay(..))
    }

    /// Puts rows into a page; how many.
    fn rows(&self, page: &mut v1::Page) -> usize {
        let mut bytes = page.encoded_len().saturating_add(PAGE_TAIL_BYTES);
        for stream_op in &self.read {
            let op = stream_op.admitted.to_proto();
            bytes = bytes
                .saturating_add(op.encoded_len())
                .saturating_add(OP_FRAME_BYTES);
            if bytes > self.page_bytes_max && !page.ops.is_empty() {
                break;
            }
            page.ops.push(op);
        }
        page.ops.len()
    }

    /// All that is left of a place's day, after what the reader has said itself; `None` where that takes
    /// more than a page: only the sum at the end tells that both sides meant the same.
    fn after_readers(&self, binding: &Binding, ops: &[AdmittedOp], room: usize) -> Option<Vec<u8>> {
        if !self.context.is_empty() {
            return None;
        }
        let mut chain = Chain::new(binding.tenant);
        chain.learn_unjudged(&binding.reader_ops);
        chain.learn(&self.neighbour);
        let columns = encode(&mut chain, ops, &binding.held);
        (columns.len() <= room).then_some(columns)
    }

    /// What a page may refer to.
    fn learnt(&self, binding: &Binding) -> Box<Chain> {
        let mut chain = Box::new(Chain::new(binding.tenant));
        chain.learn(self.context.iter().map(|op| &op.admitted));
        chain
    }

    /// Puts columns into a page; of how many ops.
    fn columns(&mut self, page: &mut v1::Page, binding: &Binding) -> usize {
        let ops: Vec<AdmittedOp> = self.read.iter().map(|op| op.admitted.clone()).collect();
        let room = self.page_bytes_max.saturating_sub(PAGE_FRAME_BYTES).max(1);
        page.encoding = ENCODING;
        if self.is_day()
            && self.index > 0
            && self.read_out
            && let Some(columns) = self.after_readers(binding, &ops, room)
        {
            let own = u32::try_from(binding.reader_ops.len()).unwrap_or(u32::MAX);
            let neighbour = u32::from(self.neighbour.is_some());
            page.reader_context = own.saturating_mul(2).saturating_add(neighbour);
            page.columns = columns;
            return ops.len();
        }
        page.goes_on = self.chain.is_some();
        let before = self.chain.take();
        page.context_ops = self.context.front().map_or(0, |first| {
            let span = page.first_position.saturating_sub(first.position);
            u32::try_from(span).unwrap_or(u32::MAX)
        });
        let mut count = ops.len().min(self.fitted.saturating_add(self.fitted / 4));
        loop {
            let some = ops.get(..count).unwrap_or(&ops);
            // A chain is large. What others told before can be learnt again, should a page be too long;
            // what the pages of a snapshot told before can't.
            let mut ahead = match &before {
                Some(before) => before.clone(),
                None => self.learnt(binding),
            };
            let columns = encode(&mut ahead, some, &binding.held);
            if columns.len() <= room || count <= 1 {
                // What a snapshot tells goes on from page to page; its positions have gaps.
                self.chain = self.snapshot.then_some(ahead);
                if count < ops.len() {
                    self.fitted = count;
                }
                page.columns = columns;
                return some.len();
            }
            // Somewhat below what would fit if all ops were alike.
            let fits = count
                .saturating_mul(room)
                .checked_div(columns.len())
                .unwrap_or(1);
            count = (fits.saturating_mul(15) / 16).clamp(1, count.saturating_sub(1));
        }
    }
}

fn encode(chain: &mut Chain, ops: &[AdmittedOp], held: &Held) -> Vec<u8> {
    let elided: BTreeSet<_> = ops
        .iter()
        .filter(|op| held.covers(op))
        .map(|op| (op.op.origin.log, op.op.origin.sequence))
        .collect();
    let elide = |op: &Op| elided.contains(&(op.origin.log, op.origin.sequence));
    chain.encode(&elide, ops)
}

/// A page at the head of a stream that has nothing but its sum.
pub(super) fn sum_alone(head: &StreamHead, index: u32) -> v1::Page {
    v1::Page {
        stream_id: if index == 0 {
            head.id.to_vec()
        } else {
            Vec::new()
        },
        stream_index: index,
        first_position: head.head.saturating_add(1),
        next_position: head.head,
        sum: head.sum.bits(),
        ..v1::Page::default()
    }
}

/// Whether a place's day was begun under another handle of the catalog's stream, before a restore.
pub(super) fn has_odd_handle(head: &StreamHead, catalog: Option<StreamId>) -> bool {
    match head.key {
        StreamKey::PlaceDay(place, date) => {
            catalog.is_none_or(|catalog| day_handle(catalog, place, date) != head.id)
        }
        _ => false,
    }
}

/// Ops of columns that refer to nothing outside them.
pub(super) fn decoded(tenant: TenantId, columns: &[u8], ops_max: u32) -> Option<Vec<AdmittedOp>> {
    let ops_max = usize::try_from(ops_max).unwrap_or(usize::MAX);
    let limits = FrameLimits {
        ops_max,
        bytes_max: ops_max.saturating_mul(PAYLOAD_BYTES_MAX),
    };
    decode_ops(tenant, &[], &|_| None, columns, limits).ok()
}

/// Bytes that a page's positions, sum and MAC may still add.
const PAGE_TAIL_BYTES: usize = 36;
/// Bytes around an op in a page: its tag and length.
const OP_FRAME_BYTES: usize = 4;
/// Bytes of a page around its columns.
const PAGE_FRAME_BYTES: usize = 80;
