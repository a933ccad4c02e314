//! Reading on from cursors, page by page.

use std::{collections::VecDeque, sync::Arc};

use askel_proto::v1;
use askel_store::{PartOf, Reading, Store, StoreError, StreamHead};
use askel_sync::{
    id::StreamId,
    limits::{FIRST_PAGE_BYTES_MAX, PAGE_BYTES_MAX, PAGE_CONTEXT_OPS_MAX},
    stream::StreamKey,
};
use prost::Message as _;

use super::{
    App, AppError, Caller, WantedStream,
    pages::{Binding, Held, PageEncoding, Waiting},
    streams::{Parent, openable},
};
use crate::limits::{
    ANSWER_BYTES_MAX, SMALL_PAGES_BEHIND_OPS, SNAPSHOT_BEHIND_OPS, STREAM_READ_OPS,
};

/// How a reader wants its pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PageWishes {
    pub(crate) encoding: PageEncoding,
    /// The largest page wanted, in bytes; 0 for the server's own limit.
    pub(crate) bytes_max: usize,
    /// How many of the last positions of its participant's stream it holds without a gap.
    pub(crate) context_ops: usize,
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
            },
            wishes,
            news: Vec::new(),
            gone: VecDeque::new(),
            waiting: VecDeque::new(),
            bytes_left: ANSWER_BYTES_MAX,
            ended: false,
        };
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
                } => reader.add(head, index, position),
            }
        }
        Ok(reader)
    }

    fn add(&mut self, head: StreamHead, index: u32, position: u64) {
        if position >= head.head {
            return;
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
        waiting.snapshot = in_columns && (position == 0 || behind > SNAPSHOT_BEHIND_OPS);
        self.waiting.push_back(waiting);
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
        self.bytes_left = self.bytes_left.saturating_sub(page.encoded_len());
        if waiting.position < waiting.head.head {
            self.waiting.push_front(waiting);
        }
        Ok(Some(Part::Page(page)))
    }

    async fn page(&self, waiting: &mut Waiting) -> Result<v1::Page, AppError> {
        let first = waiting.read.is_empty() && waiting.context.is_empty();
        let refers = first && !waiting.snapshot;
        if refers && matches!(waiting.head.key, StreamKey::Participant(_)) {
            self.read_context(waiting).await?;
        }
        if waiting.read.is_empty() {
            self.read_on(waiting).await?;
        }
        if waiting.read.is_empty() && !waiting.snapshot {
            return Err(StoreError::Inconsistent("a stream ends below its head").into());
        }
        Ok(waiting.page(&self.binding))
    }

    async fn read_on(&self, waiting: &mut Waiting) -> Result<(), AppError> {
        let head = waiting.head;
        let left = head.head.saturating_sub(waiting.position);
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
                    after: waiting.position,
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
        let last = part.ops.last().map_or(waiting.position, |op| op.position);
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

    /// What the reader holds before its position, for columns to refer to.
    async fn read_context(&self, waiting: &mut Waiting) -> Result<(), AppError> {
        let most = u64::try_from(self.wishes.context_ops.min(PAGE_CONTEXT_OPS_MAX)).unwrap_or(0);
        let count = most.min(waiting.position);
        if self.wishes.encoding != PageEncoding::Columns || count == 0 {
            return Ok(());
        }
        let (tenant, key) = (self.binding.tenant, waiting.head.key);
        let after = waiting.position.saturating_sub(count);
        let limit = u32::try_from(count).unwrap_or(0);
        let read = self.store.read_stream(tenant, key, after, limit).await?;
        waiting.context.extend(read);
        Ok(())
    }
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
        Some(target) => Ok(Some(app.store().open_stream(caller.tenant, target).await?)),
        None => Ok(None),
    }
}
