//! Where the keys are kept: outside the database and outside every backup.

mod file;
mod memory;

pub use file::FileKeyStore;
pub use memory::MemoryKeyStore;

use zeroize::Zeroize as _;

/// A device's secrets. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKeys {
    /// Seals the rows of the database.
    pub data_key: [u8; 32],
    /// The seed of the device's Ed25519 key.
    pub device_seed: [u8; 32],
}

impl Drop for DeviceKeys {
    fn drop(&mut self) {
        self.data_key.zeroize();
        self.device_seed.zeroize();
    }
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKeys(…)")
    }
}

/// Why the key store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// What it holds are no keys.
    #[error("the key store holds something else than keys")]
    Malformed,
    /// It can't be read or written now.
    #[error("the key store can't be read or written")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps a device's secrets: the platform's key store on a phone.
pub trait KeyStore: Send {
    /// The keys, `None` before the first [`KeyStore::save`].
    fn load(&mut self) -> Result<Option<DeviceKeys>, KeyStoreError>;

    /// Keeps the keys in place of those before, durable on return.
    fn save(&mut self, keys: &DeviceKeys) -> Result<(), KeyStoreError>;
}
