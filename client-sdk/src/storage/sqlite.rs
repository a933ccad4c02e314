//! Storage in one `SQLite` file: WAL, and an fsync at every commit.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{RowKey, RowWrite, SealedRow, Storage, StorageError};

/// The schema, one file a version.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/client/0001_rows.sql")];

/// Rows in a `SQLite` file.
#[derive(Debug)]
pub struct SqliteStorage {
    connection: Connection,
}

impl SqliteStorage {
    /// Opens the file, creates it if it is absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StorageError::NewerSchema`] when a later version wrote it, [`StorageError::Io`] when it can't be
    /// opened or another process holds it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let connection = Connection::open(path)?;
        // A WAL that is synced at every commit; overwritten pages keep no trace of old rows.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        let mut storage = Self { connection };
        storage.migrate()?;
        Ok(storage)
    }

    fn migrate(&mut self) -> Result<(), StorageError> {
        let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
        let found: u32 = self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(StorageError::NewerSchema { found, known });
        }
        let transaction = self.connection.transaction()?;
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        for migration in MIGRATIONS.iter().skip(done) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
        Ok(())
    }
}

impl Storage for SqliteStorage {
    fn load(&mut self) -> Result<Vec<SealedRow>, StorageError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT table_number, row_number, sealed FROM sealed_row \
             ORDER BY table_number, row_number",
        )?;
        let rows = statement.query_map([], |row| {
            let key = RowKey {
                table: row.get(0)?,
                number: row.get(1)?,
            };
            Ok(SealedRow {
                key,
                sealed: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn commit(&mut self, writes: &[RowWrite]) -> Result<(), StorageError> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO sealed_row (table_number, row_number, sealed) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (table_number, row_number) DO UPDATE SET sealed = excluded.sealed",
            )?;
            let mut delete = transaction.prepare_cached(
                "DELETE FROM sealed_row WHERE table_number = ?1 AND row_number = ?2",
            )?;
            for write in writes {
                match write {
                    RowWrite::Put(SealedRow { key, sealed }) => {
                        put.execute(params![key.table, key.number, sealed])?
                    }
                    RowWrite::Delete(key) => delete.execute(params![key.table, key.number])?,
                };
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn scrub(&mut self) -> Result<(), StorageError> {
        // Deleted rows are overwritten already; older copies of their pages lie in the log.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Io(Box::new(error))
    }
}
