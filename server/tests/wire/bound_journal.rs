//! A journal that may have no room.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use askel_server::journal::{Journal, JournalError, MemoryJournal};

/// A journal in memory, without room as long as it is told so.
#[derive(Clone, Default)]
pub(crate) struct BoundJournal {
    kept: MemoryJournal,
    is_full: Arc<AtomicBool>,
}

impl BoundJournal {
    pub(crate) fn records(&self) -> Vec<Vec<u8>> {
        self.kept.records()
    }

    /// Whether there is no room from now on.
    pub(crate) fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl Journal for BoundJournal {
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(JournalError::Full(std::io::Error::other("asked for")));
        }
        self.kept.append(record).await
    }
}
