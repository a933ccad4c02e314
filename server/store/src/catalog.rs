//! Catalogs.

use askel_proto::v1;
use askel_sync::{id::TenantId, op::Payload, stream::StreamKey, time::Timestamp};
use async_trait::async_trait;

use crate::{Audit, OutboxDraft, PageOf, PageRequest, StoreError};

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

impl CatalogVersion {
    /// What is said of it in the catalogs' stream.
    pub fn announcement(&self) -> Announcement {
        let payload = Payload::CatalogPublished(v1::CatalogPublished {
            version: self.version,
            hash: self.hash.to_vec(),
            size_bytes: u64::try_from(self.content.len()).unwrap_or(u64::MAX),
            signature: self.signature.clone(),
        });
        Announcement(payload.kind() as u32, payload.encode())
    }
}

/// What the catalogs' stream says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement(u32, Vec<u8>);

impl Announcement {
    /// The item for the outbox.
    pub fn draft(&self) -> OutboxDraft<'_> {
        OutboxDraft {
            stream: StreamKey::Catalog,
            kind: self.0,
            payload: &self.1,
        }
    }
}

/// Stores catalogs.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Adds a version, puts its announcement into the outbox and marks everyone dirty: with
    /// another catalog, anyone's awards may change. Returns `false`, and changes nothing, when its number is not the next one,
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
