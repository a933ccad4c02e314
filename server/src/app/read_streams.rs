//! Reading on from cursors, page by page.

use std::{collections::VecDeque, sync::Arc};

use askel_proto::v1;
use askel_store::{Store, StreamHead, StreamOp};
use askel_sync::{
    id::{StreamId, TenantId},
    limits::{FIRST_PAGE_BYTES_MAX, PAGE_BYTES_MAX},
    stream::StreamKey,
};
use prost::Message as _;

use super::{App, AppError, Caller, WantedStream, streams::openable};
use crate::limits::{ANSWER_BYTES_MAX, STREAM_READ_OPS};

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
    tenant: TenantId,
    news: Vec<StreamHead>,
    gone: VecDeque<(v1::StreamSelector, StreamId)>,
    waiting: VecDeque<Waiting>,
    bytes_left: usize,
    ended: bool,
}

/// A stream with something to read.
struct Waiting {
    head: StreamHead,
    position: u64,
    page_bytes_max: usize,
    /// Ops that were read and not told yet, from the position on.
    read: VecDeque<StreamOp>,
}

impl PageReader {
    /// Looks up where the streams stand.
    pub(super) async fn open(
        app: &App,
        caller: &Caller,
        wanted: Vec<WantedStream>,
        page_bytes_max: usize,
    ) -> Result<Self, AppError> {
        let mut reader = Self {
            store: Arc::clone(&app.components.store),
            tenant: caller.tenant,
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
                } => {
                    let head = head(app, caller, key).await?;
                    reader.add(head, held, position, page_bytes_max);
                }
            }
        }
        Ok(reader)
    }

    fn add(
        &mut self,
        head: Option<StreamHead>,
        known: Option<StreamId>,
        position: u64,
        page_bytes_max: usize,
    ) {
        let Some(head) = head else { return };
        if known != Some(head.id) || position != head.head {
            self.news.push(head);
        }
        if position < head.head {
            let limit = if position == 0 {
                FIRST_PAGE_BYTES_MAX
            } else {
                PAGE_BYTES_MAX
            };
            let wanted = if page_bytes_max == 0 {
                limit
            } else {
                page_bytes_max
            };
            self.waiting.push_back(Waiting {
                head,
                position,
                page_bytes_max: wanted.min(limit),
                read: VecDeque::new(),
            });
        }
    }

    /// The streams with something new to tell: their handle, or their head.
    pub(crate) fn news(&self) -> &[StreamHead] {
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
        waiting.position = page.next_position;
        self.bytes_left = self.bytes_left.saturating_sub(page.encoded_len());
        if waiting.position < waiting.head.head {
            self.waiting.push_front(waiting);
        }
        Ok(Some(Part::Page(page)))
    }

    async fn page(&self, waiting: &mut Waiting) -> Result<v1::Page, AppError> {
        let Waiting {
            head,
            position,
            page_bytes_max,
            read,
        } = waiting;
        if read.is_empty() {
            let left = head.head.saturating_sub(*position);
            let limit = u32::try_from(left)
                .unwrap_or(STREAM_READ_OPS)
                .min(STREAM_READ_OPS);
            let next = self
                .store
                .read_stream(self.tenant, head.key, *position, limit);
            read.extend(next.await?);
        }
        let mut page = v1::Page {
            stream_id: head.id.to_vec(),
            first_position: position.saturating_add(1),
            next_position: *position,
            ..v1::Page::default()
        };
        let mut bytes = page.encoded_len().saturating_add(PAGE_TAIL_BYTES);
        while let Some(stream_op) = read.front() {
            let op = stream_op.admitted.to_proto();
            bytes = bytes
                .saturating_add(op.encoded_len())
                .saturating_add(OP_FRAME_BYTES);
            if bytes > *page_bytes_max && !page.ops.is_empty() {
                break;
            }
            page.next_position = stream_op.position;
            page.ops.push(op);
            read.pop_front();
        }
        if page.next_position == *position {
            return Err(
                askel_store::StoreError::Inconsistent("a stream ends below its head").into(),
            );
        }
        if page.next_position == head.head {
            page.sum = head.sum.bits();
        }
        Ok(page)
    }
}

/// Bytes that a page's position and sum may still add.
const PAGE_TAIL_BYTES: usize = 24;
/// Bytes around an op in a page: its tag and length.
const OP_FRAME_BYTES: usize = 4;

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
