//! A key store in a file that only its owner may read, for desktops and tests.
//!
//! A phone uses the platform's key store instead: this file would go into a backup.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{DeviceKeys, KeyStore, KeyStoreError};

/// Keys in a file of 64 bytes, mode 0600.
#[derive(Debug, Clone)]
pub struct FileKeyStore {
    path: PathBuf,
}

impl FileKeyStore {
    /// Names the file; it is created by the first save.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl KeyStore for FileKeyStore {
    fn load(&mut self) -> Result<Option<DeviceKeys>, KeyStoreError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (data_key, rest) = bytes
            .split_first_chunk::<32>()
            .ok_or(KeyStoreError::Malformed)?;
        let device_seed = rest.try_into().map_err(|_| KeyStoreError::Malformed)?;
        Ok(Some(DeviceKeys {
            data_key: *data_key,
            device_seed,
        }))
    }

    /// Writes another file and renames it: a crash leaves the old keys or the new.
    fn save(&mut self, keys: &DeviceKeys) -> Result<(), KeyStoreError> {
        let bytes = Zeroizing::new([keys.data_key, keys.device_seed].concat());
        let new = self.path.with_extension("new");
        let mut file = create_private(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        sync_directory(&self.path)?;
        Ok(())
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // A file left by a crash may have been made by someone else: never write into it.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

/// A rename is durable once its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

impl From<io::Error> for KeyStoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_only_their_owner_may_read_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        let keys = DeviceKeys {
            data_key: [1; 32],
            device_seed: [2; 32],
        };
        let mut store = FileKeyStore::new(&path);
        assert_eq!(store.load().expect("read"), None);
        store.save(&keys).expect("written");
        assert_eq!(FileKeyStore::new(&path).load().expect("read"), Some(keys));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        for length in [0, 63, 65] {
            std::fs::write(&path, vec![0; length]).expect("written");
            let read = FileKeyStore::new(&path).load();
            assert!(matches!(read, Err(KeyStoreError::Malformed)));
        }
    }
}
