//! One data folder, one server.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use super::{BootError, backup::unfinished};

/// Takes the data folder for this process: two servers on one would each trust its own memory.
pub(super) fn lock(data_dir: &Path) -> Result<File, BootError> {
    std::fs::create_dir_all(data_dir).map_err(BootError::DataDir)?;
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let file = options
        .open(data_dir.join("askel.lock"))
        .map_err(BootError::DataDir)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BootError::DataDirTaken(data_dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(BootError::DataDir(error)),
    }
}

/// The same, of a folder on which no restore was begun and not finished.
pub(super) fn lock_whole(data_dir: &Path) -> Result<File, BootError> {
    let locked = lock(data_dir)?;
    whole(data_dir)?;
    Ok(locked)
}

/// Refuses a folder on which a restore was begun and not finished: its database may be gone, or lack what
/// the journal says.
pub(super) fn whole(data_dir: &Path) -> Result<(), BootError> {
    if unfinished(data_dir).exists() {
        return Err(BootError::RestoreUnfinished);
    }
    Ok(())
}
