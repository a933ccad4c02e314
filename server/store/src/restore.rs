//! After a restore: new handles for streams, what was lost and came back, and the journal.

use askel_sync::id::{StreamId, TenantId};
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::{
    Claim, Healing, StoreError,
    journal::{Entry, ImageOf},
};

/// Bytes of the seed of a restore.
pub const RENEWAL_SEED_BYTES: usize = 32;

/// The handle that follows one at a restore: the first 16 bytes of SHA-256 over
/// `askel/stream-handle/v1`, a zero byte, the restore's random seed and the handle of before.
pub fn renewed_handle(seed: &[u8; RENEWAL_SEED_BYTES], handle: StreamId) -> StreamId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"askel/stream-handle/v1\0")
        .chain_update(seed)
        .chain_update(handle.as_bytes())
        .finalize()
        .into();
    StreamId::from_bytes(digest.first_chunk().copied().unwrap_or_default())
}

/// Brings a store of before up to what is known since.
#[async_trait]
pub trait RestoreStore: Send + Sync {
    /// Gives every stream of the tenant a new handle ([`renewed_handle`]) and keeps the one of before
    /// as an ancestor with its head, and forgets who registered for pushes: some withdrew since. The same
    /// seed again changes nothing.
    async fn renew_streams(
        &self,
        tenant: TenantId,
        seed: &[u8; RENEWAL_SEED_BYTES],
    ) -> Result<(), StoreError>;

    /// Notes what readers and writers say was there; what is known already changes nothing, and a
    /// handle that is no ancestor's is passed over.
    async fn record_claims(&self, tenant: TenantId, claims: &[Claim]) -> Result<(), StoreError>;

    /// What came back and what is known to be missing.
    async fn count_healing(&self, tenant: TenantId) -> Result<Healing, StoreError>;

    /// What the journal has to say of something, as it stands now; `None` when there is no such
    /// thing. Read it and write it to the journal under one lock, so that of two images the later one
    /// is the newer.
    async fn read_image(&self, tenant: TenantId, of: &ImageOf)
    -> Result<Option<Entry>, StoreError>;

    /// Makes the store say what the journal says, in the journal's order; what the journal says twice
    /// changes nothing the second time. Nothing that was revoked, burned, used or erased comes back.
    async fn apply_journal(&self, tenant: TenantId, journal: &[Entry]) -> Result<(), StoreError>;
}
