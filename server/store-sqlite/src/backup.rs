//! A copy of the whole database, made while it is in use.

use std::{fs, path::Path};

use askel_store::StoreError;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{SqliteStore, error::store_error};

impl SqliteStore {
    /// Writes a copy into a new file that only its owner may read. What was committed before the call
    /// is in it, and nothing of a later transaction in part. Writers wait for nobody.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file exists already or can't be written,
    /// [`StoreError::Full`] when there is no room.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let name = to.to_str().ok_or_else(|| {
            let error = std::io::Error::other("the name of a backup must be Unicode");
            StoreError::Unavailable(Box::new(error))
        })?;
        create(to).map_err(io_error)?;
        // A connection of its own: those of the readers may not write, to other files neither.
        let mut connection = self.options().connect().await.map_err(store_error)?;
        let written = sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut connection)
            .await
            .map_err(store_error);
        connection.close().await.map_err(store_error)?;
        if written.is_err() {
            // Half a backup is none.
            fs::remove_file(to).map_err(io_error)?;
        }
        written?;
        fs::File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(io_error)
    }
}

/// An empty file, which is what `VACUUM INTO` takes for none.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(|_| ())
}

fn io_error(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
