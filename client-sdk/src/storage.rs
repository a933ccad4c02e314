//! Where rows are kept: a component that sees only sealed bytes under dense numbers.
//!
//! One [`Storage::commit`] is one transaction. The engine acknowledges nothing before it returns
//! `Ok`, and reads everything again after it returned an error: whether a failed commit took effect is
//! not known, and doesn't have to be.

mod cipher;
mod memory;
mod sqlite;

pub(crate) use cipher::RowCipher;
pub use memory::MemoryStorage;
pub use sqlite::SqliteStorage;

/// Names a row. Says nothing about what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Which kind of row.
    pub table: u8,
    /// Which row of its kind, dense.
    pub number: u32,
}

/// A row as it lies in storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Its name.
    pub key: RowKey,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowWrite {
    /// Inserts the row, or replaces it.
    Put(SealedRow),
    /// Deletes the row; an absent one is a success.
    Delete(RowKey),
}

/// Why storage failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A later version of the SDK wrote it.
    #[error("the database has schema version {found}, this version knows {known}")]
    NewerSchema {
        /// What the database says.
        found: u32,
        /// The newest this version can read.
        known: u32,
    },
    /// It can't be read or written now: the disk is full, the file is locked, the device failed.
    #[error("the database can't be read or written")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps rows.
///
/// To write another one: run the suite of `tests/storage.rs` on it.
pub trait Storage: Send {
    /// All rows, in ascending order of their keys.
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError>;

    /// Makes the writes durable, in order, all or none.
    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError>;

    /// Leaves no trace of deleted rows on the disk, where that takes more than deleting them.
    fn scrub(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}
