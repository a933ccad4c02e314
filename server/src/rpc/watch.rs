//! The answers of a Watch: hints until the caller goes, the server stops or the time is up.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use askel_proto::v1;
use askel_sync::{id::StreamId, stream::StreamKey};
use futures::{Stream, StreamExt as _, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::Sleep,
};
use tonic::Status;

use super::error::status;
use crate::{
    app::{App, AppError, Caller, Reason, StreamCursor, watched},
    fan_out::Moved,
    lifecycle::Stop,
    limits::{BUSY_RETRY_MS, STOPPING_RETRY_MS, WATCH_MS_MAX},
};

/// The answer to a watch too many.
pub(super) fn too_many() -> AppError {
    AppError::Later {
        reason: Reason::ServerBusy,
        retry_after_ms: BUSY_RETRY_MS,
    }
}

/// Subscribes, checks the cursors, and answers: first nothing (the watch stands), then what has
/// moved already, then what moves.
pub(super) async fn hints(
    app: &App,
    caller: &Caller,
    cursors: Vec<StreamCursor>,
    stop: Stop,
    place: OwnedSemaphorePermit,
) -> Result<impl Stream<Item = Result<v1::WatchResponse, Status>> + use<>, AppError> {
    let moves = app.components.fan_out.subscribe(caller.tenant);
    let watched = watched(app, caller, cursors).await?;
    let already = (!watched.moved.is_empty()).then(|| hint(watched.moved));
    let first = [Some(v1::WatchResponse::default()), already];
    let watch = Watch {
        moves,
        streams: watched.streams,
        stop,
        time_up: Box::pin(tokio::time::sleep(Duration::from_millis(WATCH_MS_MAX))),
        _place: place,
    };
    let later = stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Next::Hint(hint) => Some((Ok(hint), Some(watch))),
            Next::Stopping => Some((Err(status(&stopping())), None)),
            Next::TimeUp => None,
        }
    });
    Ok(stream::iter(first.into_iter().flatten().map(Ok)).chain(later))
}

fn stopping() -> AppError {
    AppError::Later {
        reason: Reason::ServerStopping,
        retry_after_ms: STOPPING_RETRY_MS,
    }
}

fn hint(streams: impl IntoIterator<Item = StreamId>) -> v1::WatchResponse {
    v1::WatchResponse {
        stream_ids: streams.into_iter().map(StreamId::to_vec).collect(),
    }
}

struct Watch {
    moves: broadcast::Receiver<Moved>,
    streams: BTreeMap<StreamKey, StreamId>,
    stop: Stop,
    time_up: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

enum Next {
    Hint(v1::WatchResponse),
    Stopping,
    TimeUp,
}

impl Watch {
    async fn next(&mut self) -> Next {
        loop {
            let moved = tokio::select! {
                moved = self.moves.recv() => moved,
                () = self.stop.begun() => return Next::Stopping,
                () = self.time_up.as_mut() => return Next::TimeUp,
            };
            let told: Vec<StreamId> = match moved {
                Ok(moved) => moved
                    .iter()
                    .filter(|head| self.streams.contains_key(&head.key))
                    .map(|head| head.id)
                    .collect(),
                // What was missed is not known: anything may have moved.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.streams.values().copied().collect()
                }
                Err(broadcast::error::RecvError::Closed) => return Next::Stopping,
            };
            if !told.is_empty() {
                return Next::Hint(hint(told));
            }
        }
    }
}
