//! What there is for a projector to do, in one statement: each round begins with it.

use askel_store::{Dirty, OutboxItem, StoreError, Work};
use askel_sync::id::TenantId;
use sqlx::PgConnection;

use crate::{
    column::{array, id, number, stream},
    error::store_error,
};

/// What a row tells.
const DIRTY: i16 = 1;
const OUTBOX: i16 = 2;
const CATALOG: i16 = 3;

struct WorkRow {
    what: i16,
    id: Vec<u8>,
    number: i64,
    kind: i64,
    payload: Option<Vec<u8>>,
}

/// Some of both, longest waiting first, and the newest catalog.
pub(super) async fn list(
    connection: &mut PgConnection,
    tenant: TenantId,
    dirty_max: u32,
    outbox_max: u32,
) -> Result<Work, StoreError> {
    let key = &tenant.as_bytes()[..];
    let rows = sqlx::query_as!(
        WorkRow,
        r#"(SELECT 1::smallint AS "what!", participant AS "id!", generation AS "number!",
                   0::bigint AS "kind!", NULL::bytea AS "payload?"
            FROM dirty WHERE tenant = $1 ORDER BY generation LIMIT $2)
           UNION ALL
           (SELECT 2::smallint, stream, item, kind, payload
            FROM outbox WHERE tenant = $1 ORDER BY item LIMIT $3)
           UNION ALL
           (SELECT 3::smallint, hash, 0, 0, NULL
            FROM catalog WHERE tenant = $1 ORDER BY version DESC LIMIT 1)"#,
        key,
        i64::from(dirty_max),
        i64::from(outbox_max)
    )
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut work = Work::default();
    for row in rows {
        row.note(&mut work)?;
    }
    Ok(work)
}

impl WorkRow {
    fn note(self, work: &mut Work) -> Result<(), StoreError> {
        match (self.what, self.payload) {
            (DIRTY, _) => work.dirty.push(Dirty {
                participant: id(&self.id)?,
                generation: number(self.number)?,
            }),
            (OUTBOX, Some(payload)) => work.outbox.push(OutboxItem {
                id: number(self.number)?,
                stream: stream(&self.id)?,
                kind: number(self.kind)?,
                payload,
            }),
            (CATALOG, _) => work.catalog = Some(array(&self.id)?),
            _ => return Err(StoreError::Inconsistent("a row nobody asked for")),
        }
        Ok(())
    }
}
