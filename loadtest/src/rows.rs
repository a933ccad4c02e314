//! What lies in a device's database, seen from outside: the sizes of its sealed rows by table.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_client_sdk::{RowKey, RowWrite, SealedRow, SqliteStorage, Storage, StorageError};

/// Sealed bytes by row. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowSizes {
    rows: Arc<Mutex<BTreeMap<RowKey, usize>>>,
}

impl RowSizes {
    /// Sealed bytes and rows by table number.
    pub(crate) fn tables(&self) -> BTreeMap<u8, (u64, u64)> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tables: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
        for (key, bytes) in rows.iter() {
            let (sum, count) = tables.entry(key.table).or_default();
            *sum = sum.saturating_add(u64::try_from(*bytes).unwrap_or(u64::MAX));
            *count = count.saturating_add(1);
        }
        tables
    }

    fn put(&self, row: &SealedRow) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.insert(row.key, row.sealed.len());
    }

    fn delete(&self, key: RowKey) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.remove(&key);
    }
}

/// The storage of a phone, with an eye on its rows.
pub(crate) struct SizedStorage {
    inner: SqliteStorage,
    sizes: RowSizes,
}

impl SizedStorage {
    pub(crate) fn new(inner: SqliteStorage, sizes: RowSizes) -> Self {
        Self { inner, sizes }
    }
}

impl Storage for SizedStorage {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        let rows = self.inner.load()?;
        for row in &rows {
            self.sizes.put(row);
        }
        Ok(rows)
    }

    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError> {
        self.inner.commit(writes)?;
        for write in writes {
            match write {
                RowWrite::Put(row) => self.sizes.put(row),
                RowWrite::Delete(key) => self.sizes.delete(*key),
            }
        }
        Ok(())
    }
}
