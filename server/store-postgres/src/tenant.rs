//! Tenants.

use askel_store::{StoreError, Tenant, TenantStore};
use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{
    PostgresStore,
    column::{array, id, number},
    error::store_error,
    store::commit,
};

struct TenantRow {
    tenant: Vec<u8>,
    root_hash: Vec<u8>,
    signed_key_list: Vec<u8>,
    key_list_version: i64,
    created_at_ms: i64,
}

impl TryFrom<TenantRow> for Tenant {
    type Error = StoreError;

    fn try_from(row: TenantRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&row.tenant)?,
            root_hash: array(&row.root_hash)?,
            signed_key_list: row.signed_key_list,
            key_list_version: number(row.key_list_version)?,
            created_at: Timestamp::from_ms(row.created_at_ms),
        })
    }
}

#[async_trait]
impl TenantStore for PostgresStore {
    async fn record_tenant(&self, tenant: &Tenant) -> Result<Tenant, StoreError> {
        let mut transaction = self.write_in_company(tenant.id).await?;
        let standing = record(&mut transaction, tenant).await?;
        commit(transaction).await?;
        Ok(standing)
    }

    async fn lookup_tenant(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        read(&mut *self.read(tenant).await?, tenant).await
    }

    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut connection = self.of_no_tenant().await?;
        let ids = sqlx::query_scalar!("SELECT id FROM tenant_directory ORDER BY id")
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)?;
        drop(connection);
        let mut tenants = Vec::with_capacity(ids.len());
        for tenant in ids {
            tenants.extend(self.lookup_tenant(id(&tenant)?).await?);
        }
        Ok(tenants)
    }
}

/// One tenant.
pub(crate) async fn read(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<Option<Tenant>, StoreError> {
    let key = &tenant.as_bytes()[..];
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT tenant, root_hash, signed_key_list, key_list_version, created_at_ms
         FROM tenant WHERE tenant = $1",
        key
    )
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(TryInto::try_into).transpose()
}

/// Adds a tenant, or replaces its key list by a newer one.
pub(crate) async fn record(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Tenant, StoreError> {
    let (key, root_hash) = (&tenant.id.as_bytes()[..], &tenant.root_hash[..]);
    let key_list = &tenant.signed_key_list[..];
    let created_at = tenant.created_at.as_ms();
    sqlx::query!(
        "INSERT INTO tenant (tenant, root_hash, signed_key_list, key_list_version, created_at_ms)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant) DO UPDATE
         SET signed_key_list = excluded.signed_key_list,
             key_list_version = excluded.key_list_version
         WHERE excluded.key_list_version > tenant.key_list_version
         AND excluded.root_hash = tenant.root_hash",
        key,
        root_hash,
        key_list,
        i64::from(tenant.key_list_version),
        created_at
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query!(
        "INSERT INTO tenant_directory (id) VALUES ($1) ON CONFLICT (id) DO NOTHING",
        key
    )
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    let standing = read(connection, tenant.id).await?;
    standing.ok_or(StoreError::Inconsistent("a tenant was not recorded"))
}
