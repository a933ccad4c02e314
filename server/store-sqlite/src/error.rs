//! What an error of the database means to the caller.

use askel_store::StoreError;

/// `SQLite`'s primary result codes, <https://sqlite.org/rescode.html>.
mod code {
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CONSTRAINT: u32 = 19;
    pub(super) const MISMATCH: u32 = 20;
    pub(super) const NOT_A_DATABASE: u32 = 26;
}

/// Sorts an error by what can be done about it.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<u32>().ok());
            // The low byte of an extended code is its primary code.
            match code.map(|code| code & 0xff) {
                Some(code::FULL) => StoreError::Full(Box::new(error)),
                Some(code::CONSTRAINT) => StoreError::Inconsistent("a row breaks a constraint"),
                Some(code::MISMATCH) => StoreError::Inconsistent("a value has another type"),
                Some(code::CORRUPT) => StoreError::Inconsistent("the database file is damaged"),
                Some(code::NOT_A_DATABASE) => StoreError::Inconsistent("the file is no database"),
                _ => StoreError::Unavailable(Box::new(error)),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StoreError::Inconsistent("a column can't be read")
        }
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// Sorts an error of a migration.
pub(crate) fn migrate_error(error: sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            store_error(error)
        }
        MigrateError::VersionMissing(_) => {
            StoreError::Inconsistent("the database was written by a later version of Askel")
        }
        MigrateError::VersionMismatch(_) => {
            StoreError::Inconsistent("a migration was changed after it had run")
        }
        error => StoreError::Unavailable(Box::new(error)),
    }
}
