//! The server's limits as it announced them, and this version's own until it did.

use askel_proto::v1;
use askel_sync::limits::{
    BATCH_BYTES_MAX, BATCHES_PER_SYNC_MAX, BOOTS_TOLD_MAX, CARRIED_FRAMES_MAX, CURSORS_MAX,
    OPS_PER_BATCH_MAX, RETURNED_PAGES_MAX, SYNC_REQUEST_BYTES_MAX,
};

/// What one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLimits {
    /// Of the announcement; 0 before the first.
    pub(crate) revision: u32,
    pub(crate) ops_per_batch: usize,
    pub(crate) batch_bytes: usize,
    /// Boots that the ops of a batch are of, at most: a request tells the time of no more.
    pub(crate) boots_per_batch: usize,
    pub(crate) batches_per_sync: usize,
    pub(crate) request_bytes: usize,
    pub(crate) cursors: usize,
    pub(crate) carried_frames: usize,
    pub(crate) returned_pages: usize,
    /// Places' days that a short form may list; 0 for a server that knows none such.
    pub(crate) place_days: usize,
    pub(crate) forms: Forms,
}

/// What a server can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    All,
    /// Only the long form and batches as they were signed: it announced nothing, or knows no frames.
    LongOnly,
}

/// What a batch takes in a request beside its bytes: its signature and tags.
const SEALED_FRAME_BYTES_MAX: usize = 128;
/// What a request may have beside batches, at most, when it may be long.
const BESIDE_BATCHES_BYTES_MAX: usize = 32 * 1_024;
/// Places' days that this version lists.
const PLACE_DAYS_MAX: usize = 64;

impl Default for RequestLimits {
    fn default() -> Self {
        Self::of(None)
    }
}

impl RequestLimits {
    pub(super) fn of(announced: Option<&v1::Limits>) -> Self {
        let announced = announced.copied().unwrap_or_default();
        let request_bytes = at_most(announced.request_bytes_max, SYNC_REQUEST_BYTES_MAX);
        let room = request_bytes
            .saturating_sub(Self::beside(request_bytes))
            .saturating_sub(SEALED_FRAME_BYTES_MAX);
        Self {
            revision: announced.revision,
            ops_per_batch: at_most(announced.ops_per_batch_max, OPS_PER_BATCH_MAX),
            batch_bytes: BATCH_BYTES_MAX.min(room),
            boots_per_batch: BOOTS_TOLD_MAX,
            batches_per_sync: at_most(announced.batches_per_sync_max, BATCHES_PER_SYNC_MAX),
            request_bytes,
            cursors: at_most(announced.cursors_max, CURSORS_MAX),
            carried_frames: at_most(announced.carried_frames_max, CARRIED_FRAMES_MAX),
            returned_pages: at_most(announced.returned_pages_max, RETURNED_PAGES_MAX),
            place_days: match usize::try_from(announced.place_days_max) {
                Ok(announced) => announced.min(PLACE_DAYS_MAX),
                Err(_) => PLACE_DAYS_MAX,
            },
            forms: match announced.carried_frames_max {
                0 => Forms::LongOnly,
                _ => Forms::All,
            },
        }
    }

    /// Bytes kept free for what a request has beside batches.
    pub(crate) fn beside_batches(&self) -> usize {
        Self::beside(self.request_bytes)
    }

    fn beside(request_bytes: usize) -> usize {
        BESIDE_BATCHES_BYTES_MAX.min(request_bytes.div_euclid(2))
    }
}

/// What was announced, as far as this version goes along; 0 says nothing.
fn at_most(announced: u32, own: usize) -> usize {
    match usize::try_from(announced) {
        Ok(0) | Err(_) => own,
        Ok(announced) => announced.min(own),
    }
}
