//! Writing the file anew, so that nothing of the erased is left between its rows.

use askel_store::StoreError;
use sqlx::SqliteConnection;

use super::Erasing;
use crate::{SqliteStore, error::store_error};

/// The largest file that is swept within the call that erases, in bytes: a matter of a second or two,
/// in which nobody else writes. A larger one is swept when the server starts.
const SWEPT_AT_ONCE_BYTES_MAX: i64 = 256 * 1_024 * 1_024;

/// What the header's user version says when the file has to be swept.
const DUE: i64 = 1;

impl Erasing<'_> {
    /// Notes, in the transaction that erases, that the file has to be swept: a crash must not make
    /// anyone forget it.
    pub(crate) async fn leave_for_sweeping(&mut self) -> Result<(), StoreError> {
        run(self.connection, "PRAGMA user_version = 1").await
    }
}

impl SqliteStore {
    /// Sweeps a file that is not too large for it now.
    pub(crate) async fn sweep_if_small(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let pages = pragma(&mut writer, "PRAGMA page_count").await?;
        let page_bytes = pragma(&mut writer, "PRAGMA page_size").await?;
        if pages.saturating_mul(page_bytes) > SWEPT_AT_ONCE_BYTES_MAX {
            empty_wal(&mut writer).await?;
            return Ok(());
        }
        sweep(&mut writer).await
    }

    /// Sweeps the file if that is due.
    pub(crate) async fn sweep_if_due(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        if pragma(&mut writer, "PRAGMA user_version").await? == DUE {
            sweep(&mut writer).await?;
        }
        Ok(())
    }
}

async fn sweep(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    run(writer, "VACUUM").await?;
    if empty_wal(writer).await? {
        run(writer, "PRAGMA user_version = 0").await?;
    }
    Ok(())
}

/// Moves the write-ahead log into the database and empties it. Returns whether that was possible: a
/// reader that takes long keeps it from being so, and the file stays due for sweeping.
async fn empty_wal(writer: &mut SqliteConnection) -> Result<bool, StoreError> {
    // The first column of its answer says whether it was kept from finishing.
    Ok(pragma(writer, "PRAGMA wal_checkpoint(TRUNCATE)").await? == 0)
}

async fn run(writer: &mut SqliteConnection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::query(statement)
        .execute(writer)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn pragma(writer: &mut SqliteConnection, pragma: &'static str) -> Result<i64, StoreError> {
    sqlx::query_scalar(pragma)
        .fetch_one(writer)
        .await
        .map_err(store_error)
}
