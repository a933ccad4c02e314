//! The audit log.

use askel_store::{Audit, AuditAction, AuditEntry, AuditStore, PageOf, PageRequest, StoreError};
use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore,
    column::{array, number, optional_id},
    error::store_error,
    store::{commit, lock_audit},
};

struct AuditRow {
    sequence: i64,
    at_ms: i64,
    actor: Option<Vec<u8>>,
    action: String,
    target: String,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let action = AuditAction::from_name(&row.action);
        Ok(Self {
            sequence: number(row.sequence)?,
            audit: Audit {
                at: Timestamp::from_ms(row.at_ms),
                actor: optional_id(row.actor.as_deref())?,
                action: action.ok_or(StoreError::Inconsistent("an action is not known"))?,
                target: row.target,
            },
            previous_hash: array(&row.previous_hash)?,
            hash: array(&row.hash)?,
        })
    }
}

/// Notes what goes with a change, in the change's transaction. Nothing else is locked after it by
/// those who write in company.
pub(crate) async fn note(
    connection: &mut PgConnection,
    tenant: TenantId,
    audit: &Audit,
) -> Result<(), StoreError> {
    lock_audit(connection, tenant).await?;
    let key = &tenant.as_bytes()[..];
    let newest = sqlx::query_as!(
        AuditRow,
        "SELECT sequence, at_ms, actor, action, target, previous_hash, hash
         FROM audit WHERE tenant = $1 ORDER BY sequence DESC LIMIT 1",
        key
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    let newest = newest.map(AuditEntry::try_from).transpose()?;
    let entry = AuditEntry::following(newest.as_ref(), tenant, audit.clone());
    let sequence: i64 = number(entry.sequence)?;
    let (previous_hash, hash) = (&entry.previous_hash[..], &entry.hash[..]);
    let actor = audit.actor.as_ref().map(|actor| &actor.as_bytes()[..]);
    let (at, action) = (audit.at.as_ms(), audit.action.name());
    sqlx::query!(
        "INSERT INTO audit (tenant, sequence, at_ms, actor, action, target, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        key,
        sequence,
        at,
        actor,
        action,
        audit.target,
        previous_hash,
        hash
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Notes what was not noted before.
pub(crate) async fn note_once(
    connection: &mut PgConnection,
    tenant: TenantId,
    audit: &Audit,
) -> Result<(), StoreError> {
    lock_audit(connection, tenant).await?;
    let key = &tenant.as_bytes()[..];
    let (at, action) = (audit.at.as_ms(), audit.action.name());
    let actor = audit.actor.as_ref().map(|actor| &actor.as_bytes()[..]);
    let noted = sqlx::query_scalar!(
        "SELECT sequence FROM audit
         WHERE tenant = $1 AND at_ms = $2 AND actor IS NOT DISTINCT FROM $3 AND action = $4 AND target = $5 LIMIT 1",
        key,
        at,
        actor,
        action,
        audit.target
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    match noted {
        Some(_) => Ok(()),
        None => note(connection, tenant, audit).await,
    }
}

#[async_trait]
impl AuditStore for PostgresStore {
    async fn record_audit(&self, tenant: TenantId, audit: &Audit) -> Result<(), StoreError> {
        let mut transaction = self.write_in_company(tenant).await?;
        note_once(&mut transaction, tenant, audit).await?;
        commit(transaction).await
    }

    async fn list_audit(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<AuditEntry>, StoreError> {
        let key = &tenant.as_bytes()[..];
        let after: i64 = match (&page.after[..], <[u8; 8]>::try_from(&page.after[..])) {
            ([], _) => 0,
            (_, Ok(after)) => i64::try_from(u64::from_be_bytes(after)).unwrap_or(i64::MAX),
            (_, Err(_)) => return Ok(PageOf::empty()),
        };
        let fetch = i64::from(page.fetch());
        let rows = sqlx::query_as!(
            AuditRow,
            "SELECT sequence, at_ms, actor, action, target, previous_hash, hash
             FROM audit WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
            key,
            after,
            fetch
        )
        .fetch_all(&mut *self.read(tenant).await?)
        .await
        .map_err(store_error)?;
        let items: Vec<AuditEntry> = rows
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        Ok(PageOf::cut(items, page, |entry| {
            entry.sequence.to_be_bytes().to_vec()
        }))
    }
}
