//! Tenants: controllers of data, side by side in one server.

use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;

use crate::StoreError;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// SHA-256 of its root key.
    pub root_hash: [u8; 32],
    /// The newest signed key list, encoded.
    pub signed_key_list: Vec<u8>,
    /// That list's version.
    pub key_list_version: u32,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Stores tenants.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Adds a tenant, or replaces its key list by a newer one. An older list, or another root hash
    /// than the stored one, changes nothing; the stored tenant is returned either way.
    async fn record_tenant(&self, tenant: &Tenant) -> Result<Tenant, StoreError>;

    /// One tenant.
    async fn lookup_tenant(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError>;

    /// All tenants, by id.
    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError>;
}
