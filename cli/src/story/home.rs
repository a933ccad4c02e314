//! Where the demo's data lives: the server's and every device's, in one folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The demo's folder.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// Removed when the demo ends; `None` for a folder that was asked for.
    _temporary: Option<tempfile::TempDir>,
}

impl Home {
    /// Takes a folder, which must be empty or not exist, or a fresh temporary one.
    pub(crate) fn take(path: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let temporary = tempfile::Builder::new().prefix("askel-demo-").tempdir()?;
            let path = temporary.path().to_owned();
            return Ok(Self {
                path,
                _temporary: Some(temporary),
            });
        };
        std::fs::create_dir_all(&path)
            .with_context(|| format!("the folder {} can't be made", path.display()))?;
        if std::fs::read_dir(&path)?.next().is_some() {
            bail!(
                "the folder {} is not empty; the demo needs one of its own",
                path.display()
            );
        }
        // The server is another process: it must find the same folder whatever it starts in.
        let path = std::fs::canonicalize(path)?;
        Ok(Self {
            path,
            _temporary: None,
        })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's.
    pub(crate) fn server(&self) -> PathBuf {
        self.path.join("server")
    }

    /// Where the organiser keeps root and catalog key.
    pub(crate) fn offline_keys(&self) -> PathBuf {
        self.path.join("offline-keys")
    }

    /// Where the server's log goes.
    pub(crate) fn server_log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// A device's, made on the way.
    pub(crate) fn device(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join("devices").join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("new");
        assert!(Home::take(Some(inner.clone())).is_ok());
        std::fs::write(inner.join("mine"), "mine").unwrap();
        let refused = Home::take(Some(inner)).unwrap_err();
        assert!(refused.to_string().contains("is not empty"), "{refused}");
    }

    #[test]
    fn a_temporary_folder_ends_with_the_demo() {
        let home = Home::take(None).unwrap();
        let path = home.path().to_owned();
        assert!(path.is_dir());
        drop(home);
        assert!(!path.exists());
    }
}
