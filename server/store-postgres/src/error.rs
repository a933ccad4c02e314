//! What an error of the database means to the caller.

use askel_store::StoreError;

/// `PostgreSQL`'s error codes, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
mod code {
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const NOT_ALLOWED: &str = "42501";
    pub(super) const SERIALIZATION_FAILURE: &str = "40001";
    pub(super) const DEADLOCK: &str = "40P01";
    /// `admin_shutdown`, `crash_shutdown`.
    pub(super) const ENDED: [&str; 2] = ["57P01", "57P02"];
    /// `active_sql_transaction`, `in_failed_sql_transaction`.
    pub(super) const IN_TRANSACTION: [&str; 2] = ["25001", "25P02"];
    pub(super) const UNDEFINED: [&str; 3] = ["42P01", "42703", "42883"];
    /// Classes: the first two characters.
    pub(super) const DATA_EXCEPTION: &str = "22";
    pub(super) const CONSTRAINT: &str = "23";
    pub(super) const DAMAGED: &str = "XX";
}

/// Sorts an error by what can be done about it.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            match (&code[..], code.get(..2).unwrap_or_default()) {
                (code::DISK_FULL, _) => StoreError::Full(Box::new(error)),
                (code::NOT_ALLOWED, _) => {
                    StoreError::Inconsistent("the serving role may not do this")
                }
                (code, _) if code::UNDEFINED.contains(&code) => {
                    StoreError::Inconsistent("the schema is not up to date: run `askel migrate`")
                }
                (_, code::DATA_EXCEPTION) => StoreError::Inconsistent("a value can't be kept"),
                (_, code::CONSTRAINT) => StoreError::Inconsistent("a row breaks a constraint"),
                (_, code::DAMAGED) => StoreError::Inconsistent("the database is damaged"),
                _ => StoreError::Unavailable(Box::new(error)),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StoreError::Inconsistent("a column can't be read")
        }
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// Whether the database ended a transaction for another's sake: it changed nothing, and may be tried
/// again at once.
pub(crate) fn gave_way(error: &StoreError) -> bool {
    let StoreError::Unavailable(source) = error else {
        return false;
    };
    let database = source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error);
    database
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| [code::SERIALIZATION_FAILURE, code::DEADLOCK].contains(&&*code))
}

/// Whether a connection turned out to have ended before anything was done with it.
pub(crate) fn is_of_a_dead_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            code::ENDED.contains(&&*code)
        }
        _ => false,
    }
}

/// Whether a transaction could not begin because the connection was in one already.
pub(crate) fn is_of_a_connection_in_doubt(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            code::IN_TRANSACTION.contains(&&*code)
        }
        _ => false,
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
