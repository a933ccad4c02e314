//! What stands in a database, and who uses it.

use askel_store::StoreError;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::{error::store_error, store::options};

/// The tables in the database, whoever's they are, by ids that no other table of it ever has: put back from
/// a backup, a table is another one. Asks the system's catalogs alone, as any role that may connect.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can't be reached.
pub async fn list_tables(url: &str) -> Result<Vec<i64>, StoreError> {
    let mut connection = connect(url).await?;
    // Not by a macro: it is of no migration's schema.
    let tables = sqlx::query_scalar(
        "SELECT oid::bigint FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
         ORDER BY oid",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(store_error);
    connection.close().await.map_err(store_error)?;
    tables
}

/// How many other connections to the database say that they are that program's. A server's say `askel`.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can't be reached.
pub async fn count_connections_of(url: &str, program: &str) -> Result<i64, StoreError> {
    let mut connection = connect(url).await?;
    let others = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1",
    )
    .bind(program)
    .fetch_one(&mut connection)
    .await
    .map_err(store_error);
    connection.close().await.map_err(store_error)?;
    others
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    options(url)?.connect().await.map_err(store_error)
}
