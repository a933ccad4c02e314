//! Tenants in memory.

use askel_sync::id::TenantId;
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{StoreError, Tenant, TenantStore};

impl TenantData {
    /// Adds the tenant, or replaces its key list by a newer one.
    pub(super) fn record(&mut self, tenant: &Tenant) -> Tenant {
        let standing = self.tenant.get_or_insert_with(|| tenant.clone());
        let newer = tenant.key_list_version > standing.key_list_version;
        if newer && tenant.root_hash == standing.root_hash {
            standing.signed_key_list.clone_from(&tenant.signed_key_list);
            standing.key_list_version = tenant.key_list_version;
        }
        standing.clone()
    }
}

#[async_trait]
impl TenantStore for MemoryStore {
    async fn record_tenant(&self, tenant: &Tenant) -> Result<Tenant, StoreError> {
        Ok(self.write(tenant.id, |data| data.record(tenant)))
    }

    async fn lookup_tenant(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        Ok(self.read(tenant, |data| data.tenant.clone()))
    }

    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self
            .lock()
            .values()
            .filter_map(|data| data.tenant.clone())
            .collect())
    }
}
