//! Watching: which streams a caller may hear of, and which have moved already.

use std::collections::BTreeSet;

use askel_sync::id::StreamId;

use super::{
    App, AppError, Caller, StreamCursor, WantedStream, read_streams::head, streams::resolve,
};

/// What a watch listens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) streams: BTreeSet<StreamId>,
    /// Ahead of the caller's cursors already.
    pub(crate) moved: Vec<StreamId>,
}

/// Checks the cursors and looks where their streams stand. Subscribe to the fan-out before, so that
/// nothing falls between.
pub(crate) async fn watched(
    app: &App,
    caller: &Caller,
    cursors: Vec<StreamCursor>,
) -> Result<Watched, AppError> {
    let mut watched = Watched {
        streams: BTreeSet::new(),
        moved: Vec::new(),
    };
    for stream in resolve(app, caller, cursors).await? {
        match stream {
            WantedStream::Withheld | WantedStream::Standard { .. } => {}
            WantedStream::Gone { stream_id, .. } => watched.moved.push(stream_id),
            WantedStream::Readable { key, position, .. } => {
                if let Some(head) = head(app, caller, key).await? {
                    watched.streams.insert(head.id);
                    watched
                        .moved
                        .extend((head.head != position).then_some(head.id));
                }
            }
        }
    }
    Ok(watched)
}
