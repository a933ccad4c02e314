//! Whether the role that serves is held by row-level security.

use askel_store::StoreError;
use sqlx::PgConnection;

use crate::error::store_error;

/// Refuses a role that may bypass row-level security, or that owns a table and could switch it off.
pub(crate) async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let role = sqlx::query!(
        r#"SELECT rolsuper OR rolbypassrls AS "bypasses!",
                  EXISTS (
                      SELECT 1 FROM pg_class
                      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                            AND pg_has_role(current_user, relowner, 'MEMBER')
                  ) AS "owns!"
           FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    if role.bypasses {
        return Err(StoreError::Inconsistent(
            "the serving role bypasses row-level security: give it one that is a member of askel_serving alone",
        ));
    }
    if role.owns {
        return Err(StoreError::Inconsistent(
            "the serving role owns the tables: give it one that is a member of askel_serving alone",
        ));
    }
    Ok(())
}
