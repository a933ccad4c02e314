//! A key store that ends with the process.

use std::sync::{Arc, Mutex, PoisonError};

use super::{DeviceKeys, KeyStore, KeyStoreError};

/// Keys in memory. Clones share them, so that a test can open a client with them again.
#[derive(Debug, Clone, Default)]
pub struct MemoryKeyStore {
    keys: Arc<Mutex<Option<DeviceKeys>>>,
}

impl MemoryKeyStore {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }
}

impl KeyStore for MemoryKeyStore {
    fn load(&mut self) -> Result<Option<DeviceKeys>, KeyStoreError> {
        Ok(self
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }

    fn save(&mut self, keys: &DeviceKeys) -> Result<(), KeyStoreError> {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys.clone());
        Ok(())
    }
}
