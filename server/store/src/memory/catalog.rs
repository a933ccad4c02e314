//! Catalogs in memory.

use std::collections::BTreeMap;

use askel_sync::id::TenantId;
use async_trait::async_trait;

use super::{MemoryStore, TenantData, page_of};
use crate::{Audit, CatalogStore, CatalogVersion, PageOf, PageRequest, StoreError};

#[derive(Debug, Clone, Default)]
pub(super) struct Catalogs {
    versions: BTreeMap<u32, CatalogVersion>,
}

impl Catalogs {
    pub(super) fn version(&self, version: u32) -> Option<CatalogVersion> {
        self.versions.get(&version).cloned()
    }

    pub(super) fn newest(&self) -> Option<&CatalogVersion> {
        self.versions.values().next_back()
    }
}

/// What became of a version.
pub(super) enum TakenUp {
    Now,
    Before,
    /// Its number is not the next one, or another content stands there.
    NotNext,
}

impl TenantData {
    /// Adds a version, announces it and marks everyone dirty.
    pub(super) fn take_up(&mut self, catalog: &CatalogVersion) -> TakenUp {
        if let Some(standing) = self.catalogs.versions.get(&catalog.version) {
            return if standing.hash == catalog.hash {
                TakenUp::Before
            } else {
                TakenUp::NotNext
            };
        }
        let newest = self.catalogs.newest().map_or(0, |newest| newest.version);
        if newest.checked_add(1) != Some(catalog.version) {
            return TakenUp::NotNext;
        }
        self.catalogs
            .versions
            .insert(catalog.version, catalog.clone());
        for participant in self.enrolment.participants() {
            self.projection.mark_dirty(participant);
        }
        self.projection.put_out(catalog.announcement().draft());
        TakenUp::Now
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
        Ok(self.write(tenant, |data| match data.take_up(catalog) {
            TakenUp::Now => {
                data.audit.note(tenant, audit);
                true
            }
            TakenUp::Before => true,
            TakenUp::NotNext => false,
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
