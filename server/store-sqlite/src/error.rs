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

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

    use super::*;

    async fn database(path: &Path) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        SqlitePool::connect_with(options).await.unwrap()
    }

    #[tokio::test]
    async fn errors_are_sorted_by_what_can_be_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("askel.db");
        let database = database(&path).await;
        let mut connection = database.acquire().await.unwrap();
        for statement in [
            "CREATE TABLE one (n INTEGER NOT NULL) STRICT",
            "PRAGMA max_page_count = 4",
        ] {
            sqlx::query(statement)
                .execute(&mut *connection)
                .await
                .unwrap();
        }
        let mut check = async |statement: &'static str, expected: fn(&StoreError) -> bool| {
            let error = sqlx::query(statement)
                .execute(&mut *connection)
                .await
                .unwrap_err();
            let error = store_error(error);
            assert!(expected(&error), "{statement}: {error:?}");
        };
        let inconsistent = |error: &StoreError| matches!(error, StoreError::Inconsistent(_));
        check("INSERT INTO one VALUES (NULL)", inconsistent).await;
        check("INSERT INTO one VALUES ('text')", inconsistent).await;
        check("CREATE TABLE two AS SELECT zeroblob(100000)", |error| {
            matches!(error, StoreError::Full(_))
        })
        .await;
        let other = super::tests::database(&path).await;
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        check("INSERT INTO one VALUES (1)", |error| {
            matches!(error, StoreError::Unavailable(_))
        })
        .await;
        drop(held);
    }
}
