//! The organiser's signature over a catalog.

use askel_proto::v1::KeyPurpose;

use crate::{
    id::TenantId,
    key::{BadSignature, KeyList, KeyPair, Purpose},
    time::Timestamp,
};

/// Signs a catalog's content with the catalog key, which is on the organiser's own machine.
pub fn sign(content: &[u8], tenant: TenantId, key: &KeyPair) -> Vec<u8> {
    key.sign(Purpose::Catalog, tenant, content)
}

/// Verifies a signature against the catalog keys that are good at an instant.
///
/// # Errors
/// [`BadSignature`] when none of them made it.
pub fn verify(
    content: &[u8],
    signature: &[u8],
    tenant: TenantId,
    keys: &KeyList,
    at: Timestamp,
) -> Result<(), BadSignature> {
    let signed = keys.good_keys(KeyPurpose::Catalog, at).any(|key| {
        key.verify(Purpose::Catalog, tenant, content, signature)
            .is_ok()
    });
    if signed { Ok(()) } else { Err(BadSignature) }
}
