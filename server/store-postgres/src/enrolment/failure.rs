//! Failed attempts to enrol.

use askel_store::StoreError;
use askel_sync::{id::TenantId, time::Timestamp};
use sqlx::PgConnection;

use crate::{column::number, error::store_error};

/// How many there were since then.
pub(super) async fn count(
    connection: &mut PgConnection,
    tenant: TenantId,
    since: Timestamp,
) -> Result<u64, StoreError> {
    let (key, since) = (&tenant.as_bytes()[..], since.as_ms());
    let failures = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(failures), 0)::bigint AS "failures!: i64"
       FROM enrol_failure WHERE tenant = $1 AND at_ms >= $2"#,
        key,
        since
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    number(failures)
}

/// Notes one, and forgets those of long ago: whom another call is forgetting, it may have.
pub(super) async fn record(
    connection: &mut PgConnection,
    tenant: TenantId,
    now: Timestamp,
    forget_before: Timestamp,
) -> Result<(), StoreError> {
    let key = &tenant.as_bytes()[..];
    let (now, forget_before) = (now.as_ms(), forget_before.as_ms());
    sqlx::query!(
        "INSERT INTO enrol_failure (tenant, at_ms, failures) VALUES ($1, $2, 1)
     ON CONFLICT (tenant, at_ms) DO UPDATE SET failures = enrol_failure.failures + 1",
        key,
        now
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!(
        "WITH old AS (
         SELECT at_ms FROM enrol_failure WHERE tenant = $1 AND at_ms < $2
         FOR UPDATE SKIP LOCKED
     )
     DELETE FROM enrol_failure USING old
     WHERE enrol_failure.tenant = $1 AND enrol_failure.at_ms = old.at_ms",
        key,
        forget_before
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
