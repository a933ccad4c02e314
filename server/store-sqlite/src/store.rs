//! The database file: opening, its two kinds of connections, closing.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use askel_store::StoreError;
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::{migrate_error, store_error};

/// Connections that only read.
const READERS: u32 = 4;
/// How long a call waits for its turn before it is answered with `Unavailable`.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Statements kept prepared on each connection: more than this crate has.
const PREPARED_STATEMENTS: usize = 128;

/// A store in one `SQLite` file. Cheap to share behind an `Arc`; one process at a time.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, creates it if there is none, and brings its schema up to date. Only its owner may
    /// read one that is created.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] for a file that is no database, or one that a later version
    /// wrote; [`StoreError::Unavailable`] when it can't be opened.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path)?;
        let writer = pool(1)
            .connect_with(options(path))
            .await
            .map_err(store_error)?;
        sqlx::migrate!("../../migrations/sqlite")
            .run(&writer)
            .await
            .map_err(migrate_error)?;
        let reading = options(path).pragma("query_only", "ON");
        let readers = pool(READERS)
            .connect_with(reading)
            .await
            .map_err(store_error)?;
        let store = Self {
            path: path.to_owned(),
            writer,
            readers,
        };
        store.sweep_if_due().await?;
        Ok(store)
    }

    /// Waits for calls under way and closes the file. Later calls get `Unavailable`.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The same, with everything in the one file: nothing of it stays in a log beside it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when something else uses the file, [`StoreError::Full`] when there is
    /// no room. It is closed all the same.
    pub async fn close_whole(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        let whole = self.take_log_in().await;
        self.writer.close().await;
        whole
    }

    /// What closing does as well, and says nothing when it fails.
    async fn take_log_in(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        // Not by a macro: it is no query of a table.
        let (is_busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await
            .map_err(store_error)?;
        if is_busy == 0 {
            return Ok(());
        }
        let error = std::io::Error::other("something else uses the database");
        Err(StoreError::Unavailable(Box::new(error)))
    }

    /// How another connection to the file is opened.
    pub(crate) fn options(&self) -> SqliteConnectOptions {
        options(&self.path)
    }

    /// The one writing connection.
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.writer.acquire().await.map_err(store_error)
    }

    /// A transaction on the one writing connection. IMMEDIATE, so that what it reads can't be
    /// changed before it writes.
    ///
    /// A transaction for which there was no room, `SQLite` has ended by itself: its connection is taken to
    /// be in it for good, and another one is opened in its place.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let transaction = || self.writer.begin_with("BEGIN IMMEDIATE");
        match transaction().await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer().await?.close().await.map_err(store_error)?;
                transaction().await
            }
            begun => begun,
        }
        .map_err(store_error)
    }
}

/// Commits; durable on return.
pub(crate) async fn commit(transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(store_error)
}

/// An empty file is an empty database; those beside it get its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::Unavailable(Box::new(error)))
        }
        _ => Ok(()),
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_WAIT_MAX)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(TURN_WAIT_MAX)
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .pragma("secure_delete", "ON")
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::*;

    #[tokio::test]
    async fn after_a_transaction_without_room_others_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("askel.db")).await;
        let store = store.unwrap();
        let say = async |statement: &'static str| {
            let mut writer = store.writer().await.unwrap();
            sqlx::query(statement).execute(&mut *writer).await.unwrap();
        };
        say("CREATE TABLE ballast (bytes BLOB) STRICT").await;
        let fill = async || {
            let mut transaction = store.write().await?;
            sqlx::query("INSERT INTO ballast VALUES (zeroblob(10000000))")
                .execute(&mut *transaction)
                .await
                .map_err(store_error)?;
            commit(transaction).await
        };
        // Of this connection alone.
        say("PRAGMA max_page_count = 1").await;
        let error = fill().await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)), "{error:?}");
        fill().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_whose_log_can_not_be_taken_into_it_is_not_called_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("askel.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let say = async |statement: &'static str| {
            let mut writer = store.writer().await.unwrap();
            sqlx::query(statement).execute(&mut *writer).await.unwrap();
        };
        // Nobody waits in a test.
        say("PRAGMA busy_timeout = 0").await;
        say("CREATE TABLE ballast (bytes BLOB) STRICT").await;
        let mut reader = store.options().connect().await.unwrap();
        let read = "BEGIN; SELECT * FROM ballast";
        sqlx::raw_sql(read).execute(&mut reader).await.unwrap();
        say("INSERT INTO ballast VALUES (zeroblob(10000))").await;
        let error = store.close_whole().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        reader.close().await.unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        store.close_whole().await.unwrap();
        assert!(!folder.path().join("askel.db-wal").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_its_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("askel.db");
        let _store = SqliteStore::open(&path).await.unwrap();
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let mode = std::fs::metadata(&name).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{suffix}");
        }
    }
}
