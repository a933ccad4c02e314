//! Catalogs in memory.

use std::collections::BTreeMap;

use askel_sync::id::TenantId;
use async_trait::async_trait;

use super::{MemoryStore, page_of};
use crate::{Audit, CatalogStore, CatalogVersion, PageOf, PageRequest, StoreError};

#[derive(Debug, Clone, Default)]
pub(super) struct Catalogs {
    versions: BTreeMap<u32, CatalogVersion>,
}

impl Catalogs {
    fn newest(&self) -> Option<&CatalogVersion> {
        self.versions.values().next_back()
    }
}

#[async_trait]
impl CatalogStore for MemoryStore {
    async fn record_catalog(
        &self,
        tenant: TenantId,
        catalog: &CatalogVersion,
        audit: &Audit,
    ) -> Result<bool, StoreError> {
        Ok(self.write(tenant, |data| {
            if let Some(standing) = data.catalogs.versions.get(&catalog.version) {
                return standing.hash == catalog.hash;
            }
            let newest = data.catalogs.newest().map_or(0, |newest| newest.version);
            if newest.checked_add(1) != Some(catalog.version) {
                return false;
            }
            data.catalogs
                .versions
                .insert(catalog.version, catalog.clone());
            data.audit.note(tenant, audit);
            for participant in data.enrolment.participants() {
                data.projection.mark_dirty(participant);
            }
            data.projection.put_out(catalog.announcement().draft());
            true
        }))
    }

    async fn lookup_catalog(
        &self,
        tenant: TenantId,
        version: Option<u32>,
    ) -> Result<Option<CatalogVersion>, StoreError> {
        Ok(self.read(tenant, |data| match version {
            Some(version) => data.catalogs.versions.get(&version).cloned(),
            None => data.catalogs.newest().cloned(),
        }))
    }

    async fn lookup_catalog_hash(
        &self,
        tenant: TenantId,
        hash: [u8; 32],
    ) -> Result<Option<CatalogVersion>, StoreError> {
        Ok(self.read(tenant, |data| {
            data.catalogs
                .versions
                .values()
                .rfind(|catalog| catalog.hash == hash)
                .cloned()
        }))
    }

    async fn list_catalogs(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<CatalogVersion>, StoreError> {
        Ok(self.read(tenant, |data| {
            // Newest first: the key counts down.
            let keyed = data.catalogs.versions.values().rev().map(|catalog| {
                let key = u32::MAX
                    .saturating_sub(catalog.version)
                    .to_be_bytes()
                    .to_vec();
                (
                    key,
                    CatalogVersion {
                        content: Vec::new(),
                        ..catalog.clone()
                    },
                )
            });
            page_of(keyed, page, size_of::<u32>())
        }))
    }
}
