//! A Sync's answer: an opening where there is something to open with, outcomes, pages, a closing.
//!
//! What is small is ready before the first byte leaves, and leaves at once.

use std::sync::Arc;

use askel_proto::v1::{self, sync_response::Part as Told};
use askel_sync::limits::{
    BATCHES_PER_SYNC_MAX, CARRIED_FRAMES_MAX, CURSORS_MAX, OPS_PER_BATCH_MAX, OPS_PER_HOUR_MAX,
    PAYLOAD_BYTES_MAX, RETURNED_PAGES_MAX, SYNC_REQUEST_BYTES_MAX,
};
use askel_sync::time::Timestamp;
use futures::{Stream, StreamExt as _, stream};
use prost::Message as _;
use tonic::Status;
use tracing::Instrument as _;

use super::{VERSION, open_answers::Place};
use crate::{
    app::{AppError, Exchange, Form, News, PageReader, Part, Reason},
    limits::{BUSY_RETRY_MS, GATHERED_BYTES, LIMITS_REVISION, PLACE_DAYS_MAX},
    rpc::{
        error::status,
        outcome::{is_all_accepted, outcomes},
    },
};

type Answered = Result<v1::SyncResponse, Status>;

/// The parts of an answer in their order; the first of them are made already, and the others kept where
/// `keep` says.
pub(super) async fn parts<K>(
    exchange: Exchange,
    limits_held: u32,
    language: &str,
    keep: K,
) -> impl Stream<Item = Answered> + Send + use<K>
where
    K: FnOnce(Rest) -> Place<Rest>,
{
    let retry_after_ms = exchange.retry_after_ms;
    let opening = opening(&exchange, limits_held);
    let named = match exchange.form {
        Form::Short(log) => log,
        Form::Long => None,
    };
    let is_short = matches!(exchange.form, Form::Short(_));
    let goes_without_saying = is_short && is_all_accepted(&exchange.receipt, named);
    let outcomes = if goes_without_saying && exchange.frames.is_empty() {
        None
    } else {
        outcomes(exchange.receipt, exchange.frames, named, language)
    };
    let first = [opening.map(Told::Opening), outcomes.map(Told::Outcomes)];
    let mut ready: Vec<Answered> = first
        .into_iter()
        .flatten()
        .map(|part| Ok(v1::SyncResponse { part: Some(part) }))
        .collect();
    let Some(mut pages) = exchange.pages else {
        ready.push(Ok(closing(v1::SyncClosing {
            long_form_wanted: true,
            retry_after_ms,
            ..v1::SyncClosing::default()
        })));
        return stream::iter(ready).chain(stream::empty().boxed());
    };
    let mut bytes: usize = ready
        .iter()
        .flatten()
        .map(v1::SyncResponse::encoded_len)
        .sum();
    let mut open = true;
    while open && bytes < GATHERED_BYTES {
        let next = next_part(&mut pages, retry_after_ms).await;
        open = matches!(next, Some(Ok(_)));
        if let Some(Ok(part)) = &next {
            bytes = bytes.saturating_add(part.encoded_len());
        }
        ready.extend(next);
    }
    let rest = if open {
        told(
            keep(Rest {
                pages,
                next: Next::Unread,
            }),
            retry_after_ms,
        )
        .boxed()
    } else {
        stream::empty().boxed()
    };
    stream::iter(ready).chain(rest)
}

/// What an answer has still to say.
pub(in crate::rpc) struct Rest {
    pages: PageReader,
    next: Next,
}

/// What is told next.
enum Next {
    Unread,
    /// `None` for the end.
    Read(Option<Answered>),
}

/// What is kept, as it is told.
fn told(place: Place<Rest>, retry_after_ms: u64) -> impl Stream<Item = Answered> + Send {
    stream::unfold(Some(Arc::new(place)), move |place| async move {
        let place = place?;
        loop {
            let Some(mut rest) = place.take() else {
                return Some((Err(status(&too_many())), None));
            };
            if let Next::Read(next) = std::mem::replace(&mut rest.next, Next::Unread) {
                place.put(rest);
                return next.map(|part| (part, Some(place)));
            }
            // To its end, however slowly the answer is read: an answer that nobody asks to go on would keep
            // one of few connections to the store.
            let reading = read_on(rest.pages, retry_after_ms, Arc::clone(&place));
            if tokio::spawn(reading.in_current_span()).await.is_err() {
                return Some((Err(status(&Reason::Internal.into())), None));
            }
        }
    })
}

async fn read_on(mut pages: PageReader, retry_after_ms: u64, place: Arc<Place<Rest>>) {
    let next = Next::Read(next_part(&mut pages, retry_after_ms).await);
    place.put(Rest { pages, next });
}

/// What ends an answer when its device asks for more of them than it reads.
fn too_many() -> AppError {
    AppError::Later {
        reason: Reason::ServerBusy,
        retry_after_ms: BUSY_RETRY_MS,
    }
}

/// In a short answer only what the caller has to hear.
fn opening(exchange: &Exchange, limits_held: u32) -> Option<v1::SyncOpening> {
    let news = exchange.pages.as_ref().map(PageReader::news);
    let in_full = exchange.form == Form::Long && exchange.pages.is_some();
    let opening = v1::SyncOpening {
        version: if in_full { VERSION } else { 0 },
        server_time_ms: exchange.server_time.map_or(0, Timestamp::as_ms),
        limits: (in_full && limits_held != LIMITS_REVISION).then(limits),
        streams: news.unwrap_or_default().iter().map(stream_info).collect(),
        staff_certificate: exchange.staff_certificate.clone(),
    };
    (in_full || opening != v1::SyncOpening::default()).then_some(opening)
}

async fn next_part(pages: &mut PageReader, retry_after_ms: u64) -> Option<Answered> {
    let part = match pages.next().await {
        Ok(part) => part?,
        Err(error) => return Some(Err(status(&error))),
    };
    let part = match part {
        Part::Page(page) => Told::Page(page),
        Part::ShortPage(page) => Told::ShortPage(page),
        Part::Gone {
            selector,
            stream_id,
        } => Told::StreamGone(v1::StreamGone {
            selector: Some(selector),
            stream_id: stream_id.to_vec(),
        }),
        Part::End { more } => Told::Closing(v1::SyncClosing {
            more,
            retry_after_ms,
            ..v1::SyncClosing::default()
        }),
    };
    Some(Ok(v1::SyncResponse { part: Some(part) }))
}

fn closing(closing: v1::SyncClosing) -> v1::SyncResponse {
    v1::SyncResponse {
        part: Some(Told::Closing(closing)),
    }
}

fn stream_info(news: &News) -> v1::StreamInfo {
    let News { head, parent } = news;
    v1::StreamInfo {
        selector: Some(head.key.selector()),
        stream_id: head.id.to_vec(),
        head: head.head,
        // Only a cursor at a stream of before leads to its parent.
        parent_stream_id: Vec::new(),
        parent_as_asked: parent.is_some(),
        parent_head: parent.map_or(0, |parent| parent.head),
        healed_to: parent.map_or(0, |parent| parent.healed_to),
    }
}

fn limits() -> v1::Limits {
    let told = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    v1::Limits {
        revision: LIMITS_REVISION,
        ops_per_batch_max: told(OPS_PER_BATCH_MAX),
        batches_per_sync_max: told(BATCHES_PER_SYNC_MAX),
        payload_bytes_max: told(PAYLOAD_BYTES_MAX),
        request_bytes_max: told(SYNC_REQUEST_BYTES_MAX),
        cursors_max: told(CURSORS_MAX),
        carried_frames_max: told(CARRIED_FRAMES_MAX),
        returned_pages_max: told(RETURNED_PAGES_MAX),
        ops_per_hour_max: told(OPS_PER_HOUR_MAX),
        place_days_max: told(PLACE_DAYS_MAX),
    }
}
