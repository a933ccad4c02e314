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

    /// The rows as they lie there, in ascending order of their keys.
    pub fn rows(&self) -> Vec<SealedRow> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(&key, sealed): (&RowKey, &Vec<u8>)| SealedRow {
            key,
            sealed: sealed.clone(),
        };
        rows.iter().map(row).collect()
    }
}

impl Storage for MemoryStorage {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        Ok(self.rows())
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
