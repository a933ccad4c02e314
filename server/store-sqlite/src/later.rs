//! Calls that this backend does not carry out yet.

use std::collections::BTreeSet;

use askel_store::{
    Audit, Claim, Erased, ErasureStore, Healing, RestoreStore, StoreError, Tombstone, journal,
};
use askel_sync::id::{ParticipantId, TenantId};
use async_trait::async_trait;

use crate::{NOT_YET, SqliteStore};

#[async_trait]
impl ErasureStore for SqliteStore {
    async fn erase(
        &self,
        _tenant: TenantId,
        _participant: ParticipantId,
        _audit: &Audit,
    ) -> Result<Erased, StoreError> {
        Err(NOT_YET)
    }

    async fn lookup_erased(
        &self,
        _tenant: TenantId,
        _ids: &[Tombstone],
    ) -> Result<BTreeSet<Tombstone>, StoreError> {
        Ok(BTreeSet::new())
    }
}

#[async_trait]
impl RestoreStore for SqliteStore {
    async fn renew_streams(&self, _tenant: TenantId, _seed: &[u8; 32]) -> Result<(), StoreError> {
        Err(NOT_YET)
    }

    async fn record_claims(&self, _tenant: TenantId, _claims: &[Claim]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn count_healing(&self, _tenant: TenantId) -> Result<Healing, StoreError> {
        Ok(Healing::default())
    }

    async fn read_image(
        &self,
        _tenant: TenantId,
        _of: &journal::ImageOf,
    ) -> Result<Option<journal::Entry>, StoreError> {
        Ok(None)
    }

    async fn apply_journal(
        &self,
        _tenant: TenantId,
        _journal: &[journal::Entry],
    ) -> Result<(), StoreError> {
        Err(NOT_YET)
    }
}
