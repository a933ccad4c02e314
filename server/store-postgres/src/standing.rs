//! Whether a database holds anything.

use askel_store::StoreError;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{error::store_error, store::options};

/// Whether there is a table in the database, whoever's it is. Asks the system's catalogs alone, as any
/// role that may connect.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can't be reached.
pub async fn holds_tables(url: &str) -> Result<bool, StoreError> {
    let mut connection = options(url)?.connect().await.map_err(store_error)?;
    // Not by a macro: it is of no migration's schema.
    let holds = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
         )",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(store_error);
    connection.close().await.map_err(store_error)?;
    holds
}
