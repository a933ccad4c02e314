//! A Sync's request, as the use case takes it.

use askel_proto::v1;
use askel_sync::{
    admission::ClockReading,
    frame::ENCODING,
    id::{LogId, StreamId},
    limits::{
        BATCHES_PER_SYNC_MAX, BOOTS_TOLD_MAX, CARRIED_FRAMES_MAX, CURSORS_MAX, RETURNED_PAGES_MAX,
        SYNC_REQUEST_BYTES_MAX,
    },
    short::ShortBatch,
    stream::listed,
    time::{BootTime, Timestamp},
};
use prost::Message as _;

use crate::{
    app::{
        AppError, Context, ExchangeRequest, HandedIn, PageEncoding, PageWishes, Reason, ShortForm,
        StreamCursor,
    },
    ingest::Head,
    limits::{LOG_HEADS_MAX, PLACE_DAYS_MAX},
    rpc::enrolment::check_version,
};

/// Reads a request and checks its bounds.
pub(super) fn decode(
    message: v1::SyncRequest,
    encoding: PageEncoding,
) -> Result<ExchangeRequest, AppError> {
    if message.encoded_len() > SYNC_REQUEST_BYTES_MAX {
        return Err(Reason::MessageTooLarge.into());
    }
    check_version(message.versions)?;
    let batches = message
        .batches
        .len()
        .saturating_add(message.short_batches.len());
    within("batches", batches, BATCHES_PER_SYNC_MAX)?;
    within("log_heads", message.log_heads.len(), LOG_HEADS_MAX)?;
    within("boots", message.boots.len(), BOOTS_TOLD_MAX)?;
    within("sums", message.sums.len(), CURSORS_MAX)?;
    within("positions", message.positions.len(), CURSORS_MAX)?;
    within(
        "carried_frames",
        message.carried_frames.len(),
        CARRIED_FRAMES_MAX,
    )?;
    within(
        "returned_pages",
        message.returned_pages.len(),
        RETURNED_PAGES_MAX,
    )?;
    let days = listed::from_numbers(&message.place_days)
        .ok_or_else(|| AppError::field("place_days", "has three numbers for each day"))?;
    within("place_days", days.len(), PLACE_DAYS_MAX)?;
    let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let is_short = !message.positions.is_empty();
    let frames = message.carried_frames.into_iter();
    let short_batches = message.short_batches.iter().map(|bytes| short_batch(bytes));
    let mut batches = message.batches;
    for batch in short_batches {
        batches.push(batch?);
    }
    Ok(ExchangeRequest {
        handed_in: HandedIn {
            batches,
            heads: message
                .log_heads
                .iter()
                .map(head)
                .collect::<Result<_, _>>()?,
            clock: message.client_clock.map(clock),
            boots: message.boots.into_iter().map(BootTime::from).collect(),
            frames: frames.map(|frame| frame.sealed).collect(),
            returned: message.returned_pages,
        },
        cursors: cursors(message.cursors)?,
        short: is_short.then_some(ShortForm {
            positions: message.positions,
            days,
            state_tag: message.state_tag,
            sums_tag: message.sums_tag,
        }),
        sums: message.sums,
        wishes: PageWishes {
            encoding,
            bytes_max: number(message.page_bytes_max),
            context: if is_short {
                Context::AllBut(number(message.context_missing))
            } else {
                Context::UpTo(number(message.context_ops))
            },
        },
    })
}

fn short_batch(bytes: &[u8]) -> Result<v1::SealedBatch, AppError> {
    let batch = ShortBatch::from_bytes(bytes)
        .ok_or_else(|| AppError::field("short_batches", "has a batch that can't be read"))?;
    Ok(v1::SealedBatch {
        batch: Vec::new(),
        signature: batch.signature.to_vec(),
        encoding: ENCODING,
        columns: batch.columns,
        context_first_sequence: batch.context_first_sequence,
        context_ops: batch.context_ops,
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

/// Reads cursors.
pub(super) fn cursors(cursors: Vec<v1::Cursor>) -> Result<Vec<StreamCursor>, AppError> {
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
    let prefix = |field: &str, bytes: &[u8]| match bytes {
        [] => Ok(None),
        prefix => <[u8; 8]>::try_from(prefix)
            .map(Some)
            .map_err(|_| AppError::field(field, "has 8 bytes, or none")),
    };
    let last_op_prefix = prefix("log_heads.last_op_id_prefix", &head.last_op_id_prefix)?;
    let settled = prefix("log_heads.settled_op_id_prefix", &head.settled_op_id_prefix)?;
    Ok(Head {
        log,
        next_sequence: head.next_sequence,
        last_op_prefix,
        settled: head.settled_before.checked_sub(1).zip(settled),
    })
}

fn clock(clock: v1::ClientClock) -> ClockReading {
    ClockReading {
        wall: Timestamp::from_ms(clock.wall_ms),
        segment: clock.segment.unwrap_or_default().into(),
    }
}
