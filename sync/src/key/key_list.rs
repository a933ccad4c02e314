//! The keys of a tenant, signed by its root.

use askel_proto::v1;
use prost::Message as _;

use super::{BadSignature, IngestPublicKey, KeyPair, PublicKey, Purpose};
use crate::{id::TenantId, limits::KEYS_MAX, time::Timestamp};

/// A key list that was verified against its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyList {
    /// Readers refuse a lower version than they hold.
    pub version: u32,
    /// After this, readers ask for a newer one.
    pub expires_at: Timestamp,
    /// The keys, in the order of the list.
    pub keys: Vec<KeyEntry>,
}

/// One key and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// What it may sign.
    pub purpose: v1::KeyPurpose,
    /// The key.
    pub public_key: ListedKey,
    /// Good from here on.
    pub from: Timestamp,
    /// Good before this.
    pub until: Timestamp,
    /// Not good any more.
    pub revoked: bool,
}

/// A key by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListedKey {
    /// Ed25519: it signs.
    Signing(PublicKey),
    /// X25519: frames are sealed to it.
    Ingest(IngestPublicKey),
}

impl From<PublicKey> for ListedKey {
    fn from(key: PublicKey) -> Self {
        Self::Signing(key)
    }
}

impl From<IngestPublicKey> for ListedKey {
    fn from(key: IngestPublicKey) -> Self {
        Self::Ingest(key)
    }
}

impl ListedKey {
    /// The key, if it signs.
    pub fn signing(&self) -> Option<&PublicKey> {
        match self {
            Self::Signing(key) => Some(key),
            Self::Ingest(_) => None,
        }
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        match self {
            Self::Signing(key) => key.as_bytes(),
            Self::Ingest(key) => key.as_bytes(),
        }
    }
}

/// Why a key list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyListError {
    /// It is not a key list.
    #[error("the key list can't be read")]
    Malformed,
    /// Its root is not the one the invitation named.
    #[error("the key list is of another root")]
    OtherRoot,
    /// The root did not sign it.
    #[error("the key list's signature is not its root's")]
    BadSignature,
    /// It is older than the one held.
    #[error("the key list is older than the one held")]
    OldVersion,
}

impl From<BadSignature> for KeyListError {
    fn from(_: BadSignature) -> Self {
        Self::BadSignature
    }
}

impl KeyList {
    /// Signs a list with the root key.
    pub fn sign(&self, tenant: TenantId, root: &KeyPair) -> v1::SignedKeyList {
        let key_list = v1::KeyList {
            version: self.version,
            expires_at_ms: self.expires_at.as_ms(),
            keys: self.keys.iter().map(KeyEntry::to_proto).collect(),
            recovery_root_public_key: Vec::new(),
        }
        .encode_to_vec();
        v1::SignedKeyList {
            signature: root.sign(Purpose::KeyList, tenant, &key_list),
            root_public_key: root.public_key().as_bytes().to_vec(),
            key_list,
        }
    }

    /// Verifies a signed list against the hash of the root key that an invitation named, and the
    /// version held so far (0 for none).
    ///
    /// # Errors
    /// [`KeyListError`], by the first check that fails.
    pub fn verify(
        signed: &v1::SignedKeyList,
        tenant: TenantId,
        root_hash: &[u8; 32],
        version_held: u32,
    ) -> Result<Self, KeyListError> {
        let root = PublicKey::from_bytes(&signed.root_public_key)?;
        if root.hash() != *root_hash {
            return Err(KeyListError::OtherRoot);
        }
        root.verify(
            Purpose::KeyList,
            tenant,
            &signed.key_list,
            &signed.signature,
        )?;
        let list = Self::parse(&signed.key_list)?;
        if list.version < version_held {
            Err(KeyListError::OldVersion)
        } else {
            Ok(list)
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, KeyListError> {
        let list = v1::KeyList::decode(bytes).map_err(|_| KeyListError::Malformed)?;
        if list.keys.len() > KEYS_MAX {
            return Err(KeyListError::Malformed);
        }
        Ok(Self {
            version: list.version,
            expires_at: Timestamp::from_ms(list.expires_at_ms),
            keys: list.keys.iter().filter_map(KeyEntry::from_proto).collect(),
        })
    }

    /// The keys that are good for signing something at an instant.
    pub fn good_keys(
        &self,
        purpose: v1::KeyPurpose,
        at: Timestamp,
    ) -> impl Iterator<Item = &PublicKey> {
        self.keys
            .iter()
            .filter(move |key| key.purpose == purpose && key.is_good_at(at))
            .filter_map(|key| key.public_key.signing())
    }

    /// The key to seal frames to at an instant: of several good ones the last to begin.
    pub fn ingest_key(&self, at: Timestamp) -> Option<&IngestPublicKey> {
        let good = self.keys.iter().filter(|key| key.is_good_at(at));
        good.filter_map(|key| match &key.public_key {
            ListedKey::Ingest(public_key) => Some((key.from, public_key)),
            ListedKey::Signing(_) => None,
        })
        .max_by_key(|(from, _)| *from)
        .map(|(_, key)| key)
    }
}

impl KeyEntry {
    fn is_good_at(&self, at: Timestamp) -> bool {
        !self.revoked && self.from <= at && at < self.until
    }

    fn to_proto(&self) -> v1::KeyEntry {
        v1::KeyEntry {
            purpose: self.purpose.into(),
            public_key: self.public_key.as_bytes().to_vec(),
            from_ms: self.from.as_ms(),
            until_ms: self.until.as_ms(),
            revoked: self.revoked,
        }
    }

    /// `None` for a purpose or key form of a later version: this version has no use for it.
    fn from_proto(entry: &v1::KeyEntry) -> Option<Self> {
        let purpose = v1::KeyPurpose::try_from(entry.purpose).ok()?;
        let public_key = match purpose {
            v1::KeyPurpose::Ingest => IngestPublicKey::from_bytes(&entry.public_key).ok()?.into(),
            _ => PublicKey::from_bytes(&entry.public_key).ok()?.into(),
        };
        Some(Self {
            purpose,
            public_key,
            from: Timestamp::from_ms(entry.from_ms),
            until: Timestamp::from_ms(entry.until_ms),
            revoked: entry.revoked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(version: u32) -> KeyList {
        let entry = KeyEntry {
            purpose: v1::KeyPurpose::Catalog,
            public_key: KeyPair::from_seed(&[2; 32]).public_key().into(),
            from: Timestamp::from_ms(10),
            until: Timestamp::from_ms(20),
            revoked: false,
        };
        KeyList {
            version,
            expires_at: Timestamp::from_ms(99),
            keys: vec![entry],
        }
    }

    #[test]
    fn only_the_named_root_and_a_version_not_lower_are_accepted() {
        let tenant = TenantId::from_bytes([1; 16]);
        let root = KeyPair::from_seed(&[1; 32]);
        let hash = root.public_key().hash();
        let signed = list(3).sign(tenant, &root);
        assert_eq!(KeyList::verify(&signed, tenant, &hash, 3), Ok(list(3)));
        assert_eq!(
            KeyList::verify(&signed, tenant, &hash, 4),
            Err(KeyListError::OldVersion)
        );
        assert_eq!(
            KeyList::verify(&signed, tenant, &[0; 32], 0),
            Err(KeyListError::OtherRoot)
        );
        let mut changed = signed;
        changed.key_list.push(0);
        assert_eq!(
            KeyList::verify(&changed, tenant, &hash, 0),
            Err(KeyListError::BadSignature)
        );
    }

    #[test]
    fn a_key_is_good_from_its_first_instant_and_not_at_its_last() {
        let good = |ms| {
            list(1)
                .good_keys(v1::KeyPurpose::Catalog, Timestamp::from_ms(ms))
                .count()
        };
        assert_eq!([good(9), good(10), good(19), good(20)], [0, 1, 1, 0]);
    }
}
