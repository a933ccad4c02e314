//! The platform's key store, as a callback.

use std::sync::Arc;

use askel_client_sdk::{DeviceKeys, KeyStoreError};

/// Keeps this installation's secrets: the Keychain, the Keystore. Never in a backup.
#[uniffi::export(with_foreign)]
pub trait KeyStore: Send + Sync {
    /// The secret, 64 bytes, or nothing before the first save.
    fn load(&self) -> Result<Option<Vec<u8>>, KeyStoreFailure>;

    /// Keeps the secret in place of the one before; durable on return.
    fn save(&self, secret: Vec<u8>) -> Result<(), KeyStoreFailure>;
}

/// The platform's key store can't be used now.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum KeyStoreFailure {
    /// With the platform's words.
    #[error("{reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyStoreFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable {
            reason: error.reason,
        }
    }
}

/// The SDK's component over the callback.
pub(crate) struct PlatformKeyStore(pub(crate) Arc<dyn KeyStore>);

impl askel_client_sdk::KeyStore for PlatformKeyStore {
    fn load(&mut self) -> Result<Option<DeviceKeys>, KeyStoreError> {
        let Some(secret) = self.0.load().map_err(failed)? else {
            return Ok(None);
        };
        let (data_key, device_seed) = secret
            .split_at_checked(32)
            .ok_or(KeyStoreError::Malformed)?;
        Ok(Some(DeviceKeys {
            data_key: data_key.try_into().map_err(|_| KeyStoreError::Malformed)?,
            device_seed: device_seed
                .try_into()
                .map_err(|_| KeyStoreError::Malformed)?,
        }))
    }

    fn save(&mut self, keys: &DeviceKeys) -> Result<(), KeyStoreError> {
        self.0
            .save([keys.data_key, keys.device_seed].concat())
            .map_err(failed)
    }
}

fn failed(failure: KeyStoreFailure) -> KeyStoreError {
    KeyStoreError::Io(Box::new(failure))
}
