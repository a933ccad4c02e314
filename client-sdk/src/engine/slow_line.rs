//! How much a request hands in over a line that may be slow: half after one that did not arrive, and half
//! as much again after one that did. So two or three arrive for each that does not, where the line can't
//! take more.

use askel_proto::v1;
use prost::Message as _;

use super::{
    Decided, Engine, ONLY, Write,
    row::{Attempt, Row},
};

/// No request is made smaller than this, in bytes: one batch or frame always goes.
const ROOM_MIN: u32 = 1_024;

impl Engine {
    /// What a request may hand in, in bytes.
    pub(super) fn request_room(&self) -> usize {
        let room = self.model.attempt.request_room;
        let room = room.map_or(usize::MAX, |room| {
            usize::try_from(room).unwrap_or(usize::MAX)
        });
        room.min(self.model.limits().request_bytes)
    }

    /// Takes in that a request was not answered.
    pub(crate) fn request_lost(&self, bytes: usize) -> Decided<()> {
        let tried = u32::try_from(bytes.min(self.request_room())).unwrap_or(u32::MAX);
        self.set_request_room(Some(tried.div_euclid(2).max(ROOM_MIN)))
    }

    /// Takes in that a request arrived which handed something in.
    pub(crate) fn request_arrived(&self) -> Decided<()> {
        let most = u32::try_from(self.model.limits().request_bytes).unwrap_or(u32::MAX);
        let room = self.model.attempt.request_room;
        let room = room.map(|room| room.saturating_add(room.div_euclid(2)));
        self.set_request_room(room.filter(|room| *room < most))
    }

    fn set_request_room(&self, request_room: Option<u32>) -> Decided<()> {
        if request_room == self.model.attempt.request_room {
            return Decided::new(Vec::new(), ());
        }
        let attempt = Attempt {
            request_room,
            ..self.model.attempt.clone()
        };
        Decided::new(vec![Write::Put(ONLY, Row::Attempt(attempt))], ())
    }
}

/// How many bytes a request is of that hands something in; 0 if it only asks.
pub(crate) fn handed_in(request: &v1::SyncRequest) -> usize {
    let only_asks = request.batches.is_empty()
        && request.short_batches.is_empty()
        && request.carried_frames.is_empty()
        && request.returned_pages.is_empty();
    if only_asks { 0 } else { request.encoded_len() }
}
