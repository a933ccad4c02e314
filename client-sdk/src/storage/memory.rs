//! Storage without a disk, for tests and short-lived tools.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{RowKey, RowWrite, SealedRow, Storage, StorageError};

/// Rows in memory. Clones share them, so that a test can open a client on them again.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    rows: Arc<Mutex<BTreeMap<RowKey, Vec<u8>>>>,
}

impl MemoryStorage {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows
            .iter()
            .map(|(&key, sealed)| SealedRow {
                key,
                sealed: sealed.clone(),
            })
            .collect())
    }

    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            match write {
                RowWrite::Put(row) => rows.insert(row.key, row.sealed.clone()),
                RowWrite::Delete(key) => rows.remove(key),
            };
        }
        Ok(())
    }
}
