//! Keys and what they sign.
//!
//! Every signature is over `askel/<purpose>/v1`, a zero byte, the tenant's 16 bytes and the
//! message; one key has one purpose. Verification is strict (RFC 8032 with the checks of
//! ed25519-dalek's `verify_strict`: no small-order keys, no malleable signatures).

mod certificate;
pub mod credential;
mod enrolment;
mod ingest;
mod key_list;

pub use certificate::{LeaseTooLong, StaffCertificate};
pub use enrolment::{prove_enrolment, verify_enrolment};
pub use ingest::{BadIngestKey, INGEST_KEY_BYTES, IngestPublicKey, IngestSecretKey};
pub use key_list::{KeyEntry, KeyList, KeyListError, ListedKey};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::id::{DeviceId, ID_BYTES, TenantId};

/// Length of an Ed25519 public key, in bytes.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Length of an Ed25519 signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// What a signature says; part of what is signed, so that it can't be used for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// A device seals a batch of ops.
    Batch,
    /// A device calls the server.
    Call,
    /// A device asks to be enrolled.
    Enrol,
    /// The organiser publishes a catalog.
    Catalog,
    /// The root signs the tenant's keys.
    KeyList,
    /// The server issues a pass.
    Pass,
    /// The server lets a staff device work for a while.
    StaffCertificate,
}

impl Purpose {
    /// The first bytes of what is signed.
    pub const fn context(self) -> &'static [u8] {
        match self {
            Self::Batch => b"askel/batch/v1\0",
            Self::Call => b"askel/call/v1\0",
            Self::Enrol => b"askel/enrol/v1\0",
            Self::Catalog => b"askel/catalog/v1\0",
            Self::KeyList => b"askel/key-list/v1\0",
            Self::Pass => b"askel/pass/v1\0",
            Self::StaffCertificate => b"askel/staff-certificate/v1\0",
        }
    }
}

/// A signature that is not good for its key, purpose, tenant and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit its key, purpose, tenant and message")]
pub struct BadSignature;

/// A public key, checked to be a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Parses 32 bytes.
    ///
    /// # Errors
    /// [`BadSignature`] when the bytes are no usable key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSignature> {
        let bytes: &[u8; PUBLIC_KEY_BYTES] = bytes.try_into().map_err(|_| BadSignature)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadSignature)?;
        if key.is_weak() {
            Err(BadSignature)
        } else {
            Ok(Self(key))
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        self.0.as_bytes()
    }

    /// SHA-256 of the key, as an invitation carries it for the root.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }

    /// Verifies a signature made with [`KeyPair::sign`].
    ///
    /// # Errors
    /// [`BadSignature`] when it does not fit.
    pub fn verify(
        &self,
        purpose: Purpose,
        tenant: TenantId,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        self.0
            .verify_strict(&signed_bytes(purpose, tenant, message), &signature)
            .map_err(|_| BadSignature)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

/// A private key with its public half. Wiped from memory when dropped.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// From 32 secret random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The secret bytes, for a key store.
    pub fn to_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message for one purpose and tenant.
    pub fn sign(&self, purpose: Purpose, tenant: TenantId, message: &[u8]) -> Vec<u8> {
        self.0
            .sign(&signed_bytes(purpose, tenant, message))
            .to_bytes()
            .to_vec()
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

/// The id of the device with this key: it certifies itself.
pub fn device_id(tenant: TenantId, key: &PublicKey) -> DeviceId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"askel/device-id/v1\0")
        .chain_update(tenant.as_bytes())
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    DeviceId::from_bytes(first_bytes(&digest))
}

/// The exact bytes a signature covers.
pub fn signed_bytes(purpose: Purpose, tenant: TenantId, message: &[u8]) -> Vec<u8> {
    [purpose.context(), tenant.as_bytes(), message].concat()
}

/// The first half of a SHA-256.
pub(crate) fn first_bytes(digest: &[u8; 32]) -> [u8; ID_BYTES] {
    let mut id = [0; ID_BYTES];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = *from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_one_purpose_tenant_and_message() {
        let key = KeyPair::from_seed(&[7; 32]);
        let tenant = TenantId::from_bytes([1; 16]);
        let other = TenantId::from_bytes([2; 16]);
        let signature = key.sign(Purpose::Batch, tenant, b"hello");
        let verify = |purpose, tenant, message: &[u8]| {
            key.public_key()
                .verify(purpose, tenant, message, &signature)
        };
        assert_eq!(verify(Purpose::Batch, tenant, b"hello"), Ok(()));
        assert_eq!(verify(Purpose::Call, tenant, b"hello"), Err(BadSignature));
        assert_eq!(verify(Purpose::Batch, other, b"hello"), Err(BadSignature));
        assert_eq!(verify(Purpose::Batch, tenant, b"hallo"), Err(BadSignature));
        assert_eq!(verify(Purpose::Batch, tenant, b""), Err(BadSignature));
    }

    #[test]
    fn a_weak_or_cut_key_is_refused() {
        assert!(PublicKey::from_bytes(&[0; 32]).is_err());
        assert!(PublicKey::from_bytes(&[9; 31]).is_err());
    }
}
