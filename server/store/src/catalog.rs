//! Catalogs.

use askel_sync::{id::TenantId, time::Timestamp};
use async_trait::async_trait;

use crate::{Audit, PageOf, PageRequest, StoreError};

/// A published catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogVersion {
    /// From 1, dense.
    pub version: u32,
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// The canonical content.
    pub content: Vec<u8>,
    /// The catalog key's signature.
    pub signature: Vec<u8>,
    /// When.
    pub published_at: Timestamp,
}

/// Stores catalogs.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Adds a version. Returns `false`, and changes nothing, when its number is not the next one,
    /// unless the same content stands at that number.
    async fn record_catalog(
        &self,
        tenant: TenantId,
        catalog: &CatalogVersion,
        audit: &Audit,
    ) -> Result<bool, StoreError>;

    /// One version, or the newest.
    async fn lookup_catalog(
        &self,
        tenant: TenantId,
        version: Option<u32>,
    ) -> Result<Option<CatalogVersion>, StoreError>;

    /// By the hash of its content.
    async fn lookup_catalog_hash(
        &self,
        tenant: TenantId,
        hash: [u8; 32],
    ) -> Result<Option<CatalogVersion>, StoreError>;

    /// Versions, newest first, without their content.
    async fn list_catalogs(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<CatalogVersion>, StoreError>;
}
