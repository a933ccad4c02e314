//! The server's key for frames that others carry: X25519, used by HPKE alone and never for signing.

use hpke::{Deserializable as _, Kem, Serializable as _, kem::X25519HkdfSha256};
use zeroize::Zeroizing;

/// Length of either half, in bytes.
pub const INGEST_KEY_BYTES: usize = 32;

/// Not a key of X25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an ingest key has {INGEST_KEY_BYTES} bytes and is a point that something can be sealed to"
)]
pub struct BadIngestKey;

/// What frames are sealed to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IngestPublicKey([u8; INGEST_KEY_BYTES]);

impl IngestPublicKey {
    /// From the key list.
    ///
    /// # Errors
    /// [`BadIngestKey`] for another length, and for the zero point.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadIngestKey> {
        let bytes: [u8; INGEST_KEY_BYTES] = bytes.try_into().map_err(|_| BadIngestKey)?;
        if bytes == [0; INGEST_KEY_BYTES] {
            return Err(BadIngestKey);
        }
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&bytes).map_err(|_| BadIngestKey)?;
        Ok(Self(bytes))
    }

    /// For the key list.
    pub const fn as_bytes(&self) -> &[u8; INGEST_KEY_BYTES] {
        &self.0
    }

    pub(crate) fn to_hpke(self) -> Option<<X25519HkdfSha256 as Kem>::PublicKey> {
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0).ok()
    }
}

impl std::fmt::Debug for IngestPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IngestPublicKey(…)")
    }
}

/// What opens them. Wiped from memory when dropped; kept in the server's credential file.
#[derive(Clone)]
pub struct IngestSecretKey(Zeroizing<[u8; INGEST_KEY_BYTES]>);

impl IngestSecretKey {
    /// From 32 secret random bytes.
    pub fn from_bytes(bytes: [u8; INGEST_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret bytes, for the credential file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; INGEST_KEY_BYTES]> {
        self.0.clone()
    }

    /// The half that the key list tells.
    pub fn public_key(&self) -> IngestPublicKey {
        let public = self.to_hpke().map(|key| X25519HkdfSha256::sk_to_pk(&key));
        IngestPublicKey(public.map_or([0; INGEST_KEY_BYTES], |key| key.to_bytes().into()))
    }

    pub(crate) fn to_hpke(&self) -> Option<<X25519HkdfSha256 as Kem>::PrivateKey> {
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*self.0).ok()
    }
}

impl std::fmt::Debug for IngestSecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IngestSecretKey(…)")
    }
}
