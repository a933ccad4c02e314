//! `SyncService`: moving ops.

use std::{pin::Pin, sync::Arc};

use askel_proto::v1::{self, sync_response, sync_service_server::SyncService};
use askel_store::StreamHead;
use askel_sync::{
    admission::ClockReading,
    id::{LogId, StreamId},
    limits::{
        BATCHES_PER_SYNC_MAX, CURSORS_MAX, OPS_PER_BATCH_MAX, PAYLOAD_BYTES_MAX,
        SYNC_REQUEST_BYTES_MAX,
    },
    time::{ClockSegment, Timestamp},
};
use futures::{Stream, StreamExt as _, stream};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{caller, enrolment::check_version, error::status, outcome::outcomes, watch};
use crate::{
    app::{
        App, AppError, Exchange, ExchangeRequest, HandedIn, PageReader, Part, Reason, StreamCursor,
        exchange,
    },
    ingest::Head,
    lifecycle::Stop,
    limits::LOG_HEADS_MAX,
};

/// The protocol version of this server.
pub(super) const VERSION: u32 = 1;
/// The revision of the limits told in an opening.
const LIMITS_REVISION: u32 = 1;

/// The service.
pub(super) struct SyncRpc {
    pub(super) app: Arc<App>,
    pub(super) stop: Stop,
    pub(super) watches: watch::WatchPlaces,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SyncService for SyncRpc {
    type SyncStream = Answers<v1::SyncResponse>;

    async fn sync(
        &self,
        request: Request<v1::SyncRequest>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let caller = caller(&request)?;
        let language = language(&request);
        let message = request.into_inner();
        let limits_held = message.limits_revision;
        let asked = decode(message).map_err(|error| status(&error))?;
        let exchange = exchange(&self.app, &caller, asked)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(answer(exchange, limits_held, &language)))
    }

    type WatchStream = Answers<v1::WatchResponse>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let cursors = cursors(request.into_inner().cursors).map_err(|error| status(&error))?;
        let place = self.watches.take(&caller);
        let place = place.ok_or_else(|| status(&watch::too_many()))?;
        let hints = watch::hints(&self.app, &caller, cursors, self.stop.clone(), place);
        Ok(Response::new(
            hints.await.map_err(|error| status(&error))?.boxed(),
        ))
    }
}

/// The caller's language, from the metadata `accept-language`; its first tag decides.
fn language<T>(request: &Request<T>) -> String {
    let header = request.metadata().get("accept-language");
    header
        .and_then(|tags| tags.to_str().ok())
        .unwrap_or("en")
        .trim()
        .to_lowercase()
}

fn decode(message: v1::SyncRequest) -> Result<ExchangeRequest, AppError> {
    if message.encoded_len() > SYNC_REQUEST_BYTES_MAX {
        return Err(Reason::MessageTooLarge.into());
    }
    check_version(message.versions)?;
    within("batches", message.batches.len(), BATCHES_PER_SYNC_MAX)?;
    within("log_heads", message.log_heads.len(), LOG_HEADS_MAX)?;
    Ok(ExchangeRequest {
        handed_in: HandedIn {
            batches: message.batches,
            heads: message
                .log_heads
                .iter()
                .map(head)
                .collect::<Result<_, _>>()?,
            clock: message.client_clock.map(clock),
        },
        cursors: cursors(message.cursors)?,
        page_bytes_max: usize::try_from(message.page_bytes_max).unwrap_or(usize::MAX),
    })
}

fn within(field: &str, count: usize, most: usize) -> Result<(), AppError> {
    if count <= most {
        return Ok(());
    }
    Err(AppError::Field {
        reason: Reason::LimitExceeded,
        field: field.to_owned(),
        problem: format!("has at most {most} entries"),
    })
}

fn cursors(cursors: Vec<v1::Cursor>) -> Result<Vec<StreamCursor>, AppError> {
    within("cursors", cursors.len(), CURSORS_MAX)?;
    cursors
        .into_iter()
        .map(|cursor| {
            let stream_id =
                match &*cursor.stream_id {
                    [] => None,
                    id => Some(StreamId::try_from(id).map_err(|_| {
                        AppError::field("cursors.stream_id", "has 16 bytes, or none")
                    })?),
                };
            let selector = cursor.selector;
            let selector =
                selector.ok_or_else(|| AppError::field("cursors.selector", "is missing"))?;
            Ok(StreamCursor {
                selector,
                stream_id,
                position: cursor.position,
            })
        })
        .collect()
}

fn head(head: &v1::LogHead) -> Result<Head, AppError> {
    let log = LogId::try_from(&*head.log_id)
        .map_err(|_| AppError::field("log_heads.log_id", "has 16 bytes"))?;
    let last_op_prefix =
        match &*head.last_op_id_prefix {
            [] => None,
            prefix => Some(prefix.try_into().map_err(|_| {
                AppError::field("log_heads.last_op_id_prefix", "has 8 bytes, or none")
            })?),
        };
    Ok(Head {
        log,
        next_sequence: head.next_sequence,
        last_op_prefix,
    })
}

fn clock(clock: v1::ClientClock) -> ClockReading {
    let segment = clock.segment.unwrap_or_default();
    ClockReading {
        wall: Timestamp::from_ms(clock.wall_ms),
        segment: ClockSegment {
            boot_id: segment.boot_id,
            wall_minus_monotonic_ms: segment.wall_minus_monotonic_ms,
        },
    }
}

/// The opening, the outcomes, and then pages as they are read.
fn answer(exchange: Exchange, limits_held: u32, language: &str) -> Answers<v1::SyncResponse> {
    let opening = v1::SyncOpening {
        version: VERSION,
        server_time_ms: exchange.server_time.as_ms(),
        limits: (limits_held != LIMITS_REVISION).then(limits),
        streams: exchange.pages.news().iter().map(stream_info).collect(),
        staff_certificate: exchange.staff_certificate,
    };
    let outcomes = outcomes(exchange.receipt, language);
    let first = [
        Some(sync_response::Part::Opening(opening)),
        outcomes.map(sync_response::Part::Outcomes),
    ];
    let pages = stream::try_unfold(exchange.pages, next_part);
    let first = stream::iter(first.into_iter().flatten().map(Ok));
    first
        .chain(pages)
        .map(|part| part.map(|part| v1::SyncResponse { part: Some(part) }))
        .boxed()
}

async fn next_part(
    mut pages: PageReader,
) -> Result<Option<(sync_response::Part, PageReader)>, Status> {
    let part = pages.next().await.map_err(|error| status(&error))?;
    let part = part.map(|part| match part {
        Part::Page(page) => sync_response::Part::Page(page),
        Part::Gone {
            selector,
            stream_id,
        } => sync_response::Part::StreamGone(v1::StreamGone {
            selector: Some(selector),
            stream_id: stream_id.to_vec(),
        }),
        Part::End { more } => sync_response::Part::Closing(v1::SyncClosing {
            more,
            ..v1::SyncClosing::default()
        }),
    });
    Ok(part.map(|part| (part, pages)))
}

fn stream_info(head: &StreamHead) -> v1::StreamInfo {
    v1::StreamInfo {
        selector: Some(head.key.selector()),
        stream_id: head.id.to_vec(),
        head: head.head,
        ..v1::StreamInfo::default()
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
        ..v1::Limits::default()
    }
}
