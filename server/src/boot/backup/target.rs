//! The file that a backup is written to: under another name until it is whole and on the disk.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use super::{BackupError, Sealing, remove_file};
use crate::{age::Sealer, entropy::Entropy};

/// A file to come. Dropped before it is whole, nothing of it is left.
pub(super) struct Target {
    to: PathBuf,
    partial: PathBuf,
    file: File,
}

impl Target {
    /// Begins one that only its owner reads; there must be none of that name.
    pub(super) fn create(to: &Path) -> Result<Self, BackupError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        if to.exists() {
            return Err(BackupError::Taken(to.to_owned()));
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // One of that name was left by a backup that was killed. What others put there instead, a link
        // elsewhere or a file that they may read, is not written to.
        remove_file(&partial)?;
        let mut options = File::options();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        Ok(Self {
            to: to.to_owned(),
            partial,
            file,
        })
    }

    /// Writes all of it, and gives it its name.
    pub(super) fn fill(
        mut self,
        sealing: &Sealing,
        entropy: &dyn Entropy,
        write: impl FnOnce(&mut dyn Write) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        match sealing {
            Sealing::Open => write(&mut self.file)?,
            Sealing::To(recipients) => {
                let mut sealer = Sealer::new(&mut self.file, recipients, entropy)?;
                write(&mut sealer)?;
                sealer.finish()?;
            }
        }
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.to)?;
        let folder = self.to.parent().filter(|name| !name.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It is not there if it has its name.
        let _ = fs::remove_file(&self.partial);
    }
}
