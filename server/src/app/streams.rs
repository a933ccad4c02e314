//! Which streams a caller may read. Scope comes from the credential, never from the message.

use askel_proto::v1;
use askel_store::{Lineage, StreamHead, StreamTarget};
use askel_sync::{
    admission::Role,
    id::{PlaceId, StreamId},
    stream::StreamKey,
    time::LocalDate,
};

use super::{App, AppError, Caller, Reason};
use crate::limits::PLACE_DAYS_AWAY_MAX;

/// How far a reader says it has come in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamCursor {
    pub(crate) selector: v1::StreamSelector,
    /// The handle as last told; `None` in a first sync.
    pub(crate) stream_id: Option<StreamId>,
    pub(crate) position: u64,
}

/// What a cursor comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedStream {
    /// The caller reads on.
    Readable {
        key: StreamKey,
        /// The handle the reader holds.
        held: Option<StreamId>,
        /// Where to read on.
        position: u64,
        /// The stream of before a restore that the reader holds.
        parent: Option<Parent>,
    },
    /// One of the standard streams, or a place's day that a short form lists.
    Standard {
        head: StreamHead,
        /// From 1, the days after the standard streams.
        index: u32,
        position: u64,
        /// Whose last op that the reader holds its pages refer to.
        neighbour: Option<Neighbour>,
    },
    /// Nothing of it is told: the caller's own, while it was re-invited a short while ago, or a place's day
    /// that is past its time.
    Withheld,
    /// The stream is the caller's no more, or exists no more: it is to be purged.
    Gone {
        selector: v1::StreamSelector,
        stream_id: StreamId,
    },
}

impl WantedStream {
    /// The handle of a stream of a short form.
    pub(crate) fn standard_id(&self) -> Option<StreamId> {
        match self {
            Self::Standard { head, .. } => Some(head.id),
            _ => None,
        }
    }
}

/// A stream of which the reader holds something, up to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) key: StreamKey,
    pub(crate) position: u64,
}

/// A stream of before a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) id: StreamId,
    /// Up to this position both streams say the same.
    pub(crate) head: u64,
    /// Up to this position readers have handed everything back.
    pub(crate) healed_to: u64,
    /// Where the reader says that it stands.
    pub(crate) claimed: u64,
}

/// Checks all cursors before anything is done. A stream that never was the caller's is refused; one
/// that was, by the handle the caller holds, is gone.
pub(crate) async fn resolve(
    app: &App,
    caller: &Caller,
    cursors: Vec<StreamCursor>,
) -> Result<Vec<WantedStream>, AppError> {
    let mut wanted = Vec::with_capacity(cursors.len());
    for cursor in cursors {
        wanted.push(resolve_one(app, caller, cursor).await?);
    }
    Ok(wanted)
}

async fn resolve_one(
    app: &App,
    caller: &Caller,
    cursor: StreamCursor,
) -> Result<WantedStream, AppError> {
    let StreamCursor {
        selector,
        stream_id,
        position,
    } = cursor;
    let key = StreamKey::select(&selector, caller.device.id, caller.participant())
        .map_err(|_| AppError::field("cursors.selector", "names no stream of this version"))?
        .ok_or(Reason::StreamNotYours)?;
    let named = match stream_id {
        Some(id) => app.store().lookup_stream_id(caller.tenant, id).await?,
        None => None,
    };
    if named.is_some_and(|(named, _)| named != key) {
        return Err(Reason::StreamNotYours.into());
    }
    let parent = match (named, stream_id) {
        (Some((_, Lineage::Ancestor { head, healed_to })), Some(id)) => Some(Parent {
            id,
            head,
            healed_to,
            claimed: position,
        }),
        _ => None,
    };
    let is_past = is_past(app, key);
    match (right(caller, key), stream_id) {
        (Right::Never, _) | (Right::NotNow, None) => Err(Reason::StreamNotYours.into()),
        (Right::NotNow, Some(stream_id)) => Ok(WantedStream::Gone {
            selector,
            stream_id,
        }),
        (Right::Reads, Some(stream_id)) if named.is_none() || is_past => Ok(WantedStream::Gone {
            selector,
            stream_id,
        }),
        (Right::Withheld, _) => Ok(WantedStream::Withheld),
        (Right::Reads, None) if is_past => Ok(WantedStream::Withheld),
        (Right::Reads, held) => Ok(WantedStream::Readable {
            key,
            held,
            position: parent.map_or(position, |parent| position.min(parent.head)),
            parent,
        }),
    }
}

enum Right {
    Reads,
    /// Not until the probation is over.
    Withheld,
    /// A place the caller does not work at; it may have.
    NotNow,
    Never,
}

/// Whether the caller may read a stream.
pub(super) fn reads(caller: &Caller, key: StreamKey) -> bool {
    matches!(right(caller, key), Right::Reads)
}

fn right(caller: &Caller, key: StreamKey) -> Right {
    match key {
        StreamKey::Participant(_) if caller.is_on_probation() => Right::Withheld,
        StreamKey::Participant(participant) if caller.participant() == Some(participant) => {
            Right::Reads
        }
        StreamKey::Device(device) if device == caller.device.id => Right::Reads,
        StreamKey::Catalog | StreamKey::Challenge(_) => Right::Reads,
        StreamKey::PlaceDay(place, _) if caller.device.role != Role::Participant => {
            if covers(caller, place) {
                Right::Reads
            } else {
                Right::NotNow
            }
        }
        _ => Right::Never,
    }
}

/// Whether a place is one the caller works at.
pub(super) fn covers(caller: &Caller, place: PlaceId) -> bool {
    caller.participant().is_none()
        && caller
            .device
            .scope
            .as_ref()
            .is_none_or(|places| places.contains(&place))
}

/// Whether the caller works wherever something belongs; `None` is the whole tenant.
pub(super) fn works_within(caller: &Caller, scope: Option<&Vec<PlaceId>>) -> bool {
    match (&caller.device.scope, scope) {
        (None, _) => caller.participant().is_none(),
        (Some(_), None) => false,
        (Some(_), Some(places)) => places.iter().all(|place| covers(caller, *place)),
    }
}

/// A target for a stream that a reader may call into being: its own, or one of something that the
/// catalog knows and that is not far from today. Others exist once something is written there.
pub(super) async fn openable(
    app: &App,
    caller: &Caller,
    key: StreamKey,
) -> Result<Option<StreamTarget>, AppError> {
    let catalog = app.catalogs.newest(caller.tenant).await?;
    let known = match key {
        StreamKey::PlaceDay(place, date) => {
            let today = catalog.and_then(|catalog| catalog.local_date(place, app.now()));
            today.is_some_and(|today| is_near(date, today))
        }
        StreamKey::Challenge(goal) => catalog.is_some_and(|catalog| catalog.goal(goal).is_some()),
        _ => true,
    };
    Ok(if known {
        Some(StreamTarget {
            key,
            new_id: app
                .catalogs
                .new_handles(caller.tenant)
                .await?
                .of(key, &*app.components.entropy)?,
        })
    } else {
        None
    })
}

/// Whether it is a place's day that is past its time: what is left of it may be dropped at any moment.
pub(super) fn is_past(app: &App, key: StreamKey) -> bool {
    match key {
        StreamKey::PlaceDay(_, date) => date < app.retention.first_day_read(app.now()),
        _ => false,
    }
}

/// Whether a day is near enough to today to be asked for.
pub(super) fn is_near(date: LocalDate, today: LocalDate) -> bool {
    date.as_days()
        .saturating_sub(today.as_days())
        .saturating_abs()
        <= PLACE_DAYS_AWAY_MAX
}
