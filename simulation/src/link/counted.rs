//! How much of answers arrived.

use std::sync::{Arc, Mutex, PoisonError};

use askel_proto::v1;
use prost::Message as _;

/// Parts of answers to Sync that arrived, and their bytes.
#[derive(Clone, Default)]
pub(super) struct Counted(Arc<Mutex<(usize, u64)>>);

impl Counted {
    pub(super) fn count(&self, part: &v1::SyncResponse) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.0 += 1;
        counted.1 += u64::try_from(part.encoded_len()).unwrap_or(0);
    }

    /// Parts, and bytes.
    pub(super) fn told(&self) -> (usize, u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
