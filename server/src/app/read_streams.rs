//! Reading on from cursors, page by page.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    App, AppError, Caller, WantedStream,
    pages::{Binding, Held, PageEncoding, Paged, Waiting, has_odd_handle, sum_alone},
    streams::{Neighbour, Parent, openable},
};
use crate::limits::{
    ANSWER_BYTES_MAX, READER_CONTEXT_OPS, SMALL_PAGES_BEHIND_OPS, SNAPSHOT_BEHIND_OPS,
    STREAM_READ_OPS,
};
use askel_proto::v1;
use askel_store::{PartOf, Reading, Store, StoreError, StreamHead};
use askel_sync::{
    id::{OpId, StreamId},
    limits::{FIRST_PAGE_BYTES_MAX, PAGE_BYTES_MAX, PAGE_CONTEXT_OPS_MAX},
    op::Op,
    stream::StreamKey,
};

/// How a reader wants its pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PageWishes {
    pub(crate) encoding: PageEncoding,
    /// The largest page wanted, in bytes; 0 for the server's own limit.
    pub(crate) bytes_max: usize,
    /// Which of the last positions of its participant's stream it holds without a gap.
    pub(crate) context: Context,
}

/// The last positions that a reader holds without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// As many, at most.
    UpTo(usize),
    /// As many fewer than pages may refer to.
    AllBut(usize),
}

impl Default for Context {
    fn default() -> Self {
        Self::UpTo(0)
    }
}

impl Context {
    /// How many positions before and with this one.
    fn ops(self, position: u64) -> u64 {
        let all = u64::try_from(PAGE_CONTEXT_OPS_MAX).map_or(position, |most| most.min(position));
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self::UpTo(most) => all.min(number(most)),
            Self::AllBut(missing) => all.saturating_sub(number(missing)),
        }
    }

    /// Whether pages may refer to what the reader holds.
    pub(super) fn is_given(self) -> bool {
        self != Self::UpTo(0)
    }
}

/// A stream with something new to tell: its handle, or its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) head: StreamHead,
    /// The stream of before a restore that the reader holds.
    pub(crate) parent: Option<Parent>,
}

/// A part of the answer after the outcomes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Page(v1::Page),
    /// One that says no more than it must.
    ShortPage(Vec<u8>),
    Gone {
        selector: v1::StreamSelector,
        stream_id: StreamId,
    },
    /// The last part: whether more waits than one answer carries.
    End {
        more: bool,
    },
}

/// Reads pages one at a time. What stands when it is opened is the end of the answer: a stream that
/// keeps growing does not keep the call going.
pub(crate) struct PageReader {
    store: Arc<dyn Store>,
    binding: Binding,
    wishes: PageWishes,
    news: Vec<News>,
    gone: VecDeque<(v1::StreamSelector, StreamId)>,
    /// Streams that the reader has come to the end of, with their indexes.
    at_head: Vec<(StreamHead, u32)>,
    /// Pages that tell a sum and nothing else.
    sums: VecDeque<v1::Page>,
    waiting: VecDeque<Waiting>,
    bytes_left: usize,
    ended: bool,
}

impl PageReader {
    /// Looks up where the streams stand.
    pub(super) async fn open(
        app: &App,
        caller: &Caller,
        wanted: Vec<WantedStream>,
        wishes: PageWishes,
        held: Held,
    ) -> Result<Self, AppError> {
        let mut reader = Self {
            store: Arc::clone(&app.components.store),
            binding: Binding {
                tenant: caller.tenant,
                key: app.keys(caller.tenant)?.page_mac(),
                encoding: wishes.encoding,
                held,
                reader_ops: Vec::new(),
            },
            wishes,
            news: Vec::new(),
            gone: VecDeque::new(),
            at_head: Vec::new(),
            sums: VecDeque::new(),
            waiting: VecDeque::new(),
            bytes_left: ANSWER_BYTES_MAX,
            ended: false,
        };
        let catalog = wanted.iter().find_map(|stream| match stream {
            WantedStream::Standard { head, .. } if head.key == StreamKey::Catalog => Some(head.id),
            _ => None,
        });
        for stream in wanted {
            match stream {
                WantedStream::Withheld => {}
                WantedStream::Gone {
                    selector,
                    stream_id,
                } => {
                    reader.gone.push_back((selector, stream_id));
                }
                WantedStream::Readable {
                    key,
                    held,
                    position,
                    parent,
                } => {
                    if let Some(head) = head(app, caller, key).await? {
                        if held != Some(head.id) || position != head.head {
                            reader.news.push(News { head, parent });
                        }
                        reader.add(head, 0, position);
                    }
                }
                WantedStream::Standard {
                    head,
                    index,
                    position,
                    neighbour,
                } => {
                    if let Some(waiting) = reader.add(head, index, position) {
                        waiting.neighbour_at = neighbour;
                        waiting.has_odd_handle = has_odd_handle(&head, catalog);
                    }
                }
            }
        }
        if reader.refers_to_reader() {
            reader.binding.reader_ops = last_own_ops(app, caller, &reader.binding.held).await?;
        }
        Ok(reader)
    }

    /// Tells the sums of these streams as well, where the reader stands at their heads.
    pub(super) fn with_sums_of(mut self, odd: &BTreeSet<StreamId>) -> Self {
        let odd = self
            .at_head
            .iter()
            .filter(|(head, _)| odd.contains(&head.id));
        self.sums = odd.map(|(head, index)| sum_alone(head, *index)).collect();
        self
    }

    /// Whether a page will refer to the reader's own ops.
    fn refers_to_reader(&self) -> bool {
        let mut waiting = self.waiting.iter();
        self.wishes.encoding == PageEncoding::Columns
            && waiting.any(|waiting| waiting.index > 0 && waiting.is_day())
    }

    fn add(&mut self, head: StreamHead, index: u32, position: u64) -> Option<&mut Waiting> {
        if position >= head.head {
            self.at_head.push((head, index));
            return None;
        }
        let behind = head.head.saturating_sub(position);
        let in_columns = self.wishes.encoding == PageEncoding::Columns;
        let small = position == 0 || (in_columns && behind > SMALL_PAGES_BEHIND_OPS);
        let limit = if small {
            FIRST_PAGE_BYTES_MAX
        } else {
            PAGE_BYTES_MAX
        };
        let wanted = match self.wishes.bytes_max {
            0 => limit,
            wanted => wanted.min(limit),
        };
        let mut waiting = Waiting::new(head, index, position, wanted);
        // In a place's day nothing is superseded.
        let from_the_start = position == 0 && !waiting.is_day();
        waiting.snapshot = in_columns && (from_the_start || behind > SNAPSHOT_BEHIND_OPS);
        self.waiting.push_back(waiting);
        self.waiting.back_mut()
    }

    /// The streams with something new to tell: their handle, or their head.
    pub(crate) fn news(&self) -> &[News] {
        &self.news
    }

    /// The next part; `None` after the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, AppError> {
        if let Some((selector, stream_id)) = self.gone.pop_front() {
            return Ok(Some(Part::Gone {
                selector,
                stream_id,
            }));
        }
        if let Some(page) = self.sums.pop_front() {
            return Ok(Some(Part::Page(page)));
        }
        if self.ended {
            return Ok(None);
        }
        let waiting = self.waiting.pop_front().filter(|_| self.bytes_left > 0);
        let Some(mut waiting) = waiting else {
            self.ended = true;
            return Ok(Some(Part::End {
                more: self.bytes_left == 0,
            }));
        };
        let page = self.page(&mut waiting).await?;
        self.bytes_left = self.bytes_left.saturating_sub(page.bytes());
        if waiting.position < waiting.head.head {
            self.waiting.push_front(waiting);
        }
        Ok(Some(match page {
            Paged::Short(page) => Part::ShortPage(page),
            Paged::Full(page) => Part::Page(page),
        }))
    }

    async fn page(&self, waiting: &mut Waiting) -> Result<Paged, AppError> {
        let first = waiting.read.is_empty() && waiting.context.is_empty();
        if let Some(at) = waiting.neighbour_at.take() {
            self.read_neighbour(waiting, at).await?;
        }
        let refers = first && !waiting.snapshot;
        if refers && matches!(waiting.head.key, StreamKey::Participant(_)) {
            self.read_context(waiting).await?;
        }
        if waiting.read.is_empty() {
            self.read_on(waiting).await?;
        }
        // A snapshot's pages are as full as they may be.
        let few = usize::try_from(STREAM_READ_OPS).unwrap_or(usize::MAX);
        while waiting.snapshot && !waiting.read_out && waiting.read.len() <= few {
            self.read_on(waiting).await?;
        }
        if waiting.read.is_empty() && !waiting.snapshot {
            return Err(StoreError::Inconsistent("a stream ends below its head").into());
        }
        Ok(waiting.page(&self.binding))
    }

    async fn read_on(&self, waiting: &mut Waiting) -> Result<(), AppError> {
        let head = waiting.head;
        let after = waiting.read.back().map(|op| op.position);
        let after = after.unwrap_or(waiting.position);
        let left = head.head.saturating_sub(after);
        let limit = u32::try_from(left)
            .unwrap_or(STREAM_READ_OPS)
            .min(STREAM_READ_OPS);
        let tenant = self.binding.tenant;
        let (reading, limit) = if waiting.snapshot {
            (Reading::Live, STREAM_READ_OPS)
        } else {
            (Reading::All, limit)
        };
        let part = self
            .store
            .read_part(
                tenant,
                PartOf {
                    stream: head.key,
                    after,
                    limit,
                    reading,
                },
            )
            .await?;
        let Some(part) = part else {
            // Erased meanwhile.
            waiting.read_out = true;
            waiting.snapshot = true;
            return Ok(());
        };
        let full = u32::try_from(part.ops.len()).is_ok_and(|count| count >= limit);
        let last = part.ops.last().map_or(after, |op| op.position);
        if waiting.snapshot {
            // What is live is so at this moment: it goes as far as the stream does now.
            waiting.head = part.head;
            waiting.read_out = !full;
        } else {
            waiting.read_out = last >= head.head;
        }
        waiting.read.extend(part.ops);
        Ok(())
    }

    async fn read_neighbour(&self, waiting: &mut Waiting, at: Neighbour) -> Result<(), AppError> {
        if self.wishes.encoding != PageEncoding::Columns {
            return Ok(());
        }
        let (tenant, after) = (self.binding.tenant, at.position.saturating_sub(1));
        let read = self.store.read_stream(tenant, at.key, after, 1).await?;
        waiting.neighbour = read.into_iter().next().map(|op| op.admitted);
        Ok(())
    }

    /// What the reader holds before its position, for columns to refer to.
    async fn read_context(&self, waiting: &mut Waiting) -> Result<(), AppError> {
        let count = self.wishes.context.ops(waiting.position);
        if self.wishes.encoding != PageEncoding::Columns || count == 0 {
            return Ok(());
        }
        let (tenant, key) = (self.binding.tenant, waiting.head.key);
        let after = waiting.position.saturating_sub(count);
        let limit = u32::try_from(count).unwrap_or(0);
        waiting.refers_to = count;
        let read = self.store.read_stream(tenant, key, after, limit).await?;
        waiting.context.extend(read);
        Ok(())
    }
}

/// The last accepted ops of the log that the reader means and that it holds.
async fn last_own_ops(app: &App, caller: &Caller, held: &Held) -> Result<Vec<Op>, AppError> {
    let Some((&log, &next)) = held.below.first_key_value() else {
        return Ok(Vec::new());
    };
    let first = next.saturating_sub(u64::from(READER_CONTEXT_OPS));
    let store = app.store();
    let entries = store
        .list_entries(caller.tenant, log, first, READER_CONTEXT_OPS)
        .await?;
    let accepted = |(_, op, rejected, deferred): (_, OpId, Option<String>, bool)| {
        (rejected.is_none() && !deferred).then_some(op)
    };
    let ids: Vec<OpId> = entries.into_iter().filter_map(accepted).collect();
    let ops = store.lookup_ops(caller.tenant, &ids).await?;
    let held = ops.into_iter().filter(|op| held.covers(op));
    Ok(held.map(|admitted| admitted.op).collect())
}

/// Where a stream stands; `None` when it does not exist and the caller can't call it into being.
pub(super) async fn head(
    app: &App,
    caller: &Caller,
    key: StreamKey,
) -> Result<Option<StreamHead>, AppError> {
    let heads = app.store().lookup_streams(caller.tenant, &[key]).await?;
    if let Some(head) = heads.into_iter().next() {
        return Ok(Some(head));
    }
    match openable(app, caller, key).await? {
        Some(target) => Ok(app.store().open_stream(caller.tenant, target).await?),
        None => Ok(None),
    }
}
