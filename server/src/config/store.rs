//! `[store]`: where data and keys lie.

use std::path::PathBuf;

use super::{faults::Reader, store_url::StoreUrl};

/// The section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The database: the embedded one in `data_dir`, or `PostgreSQL`.
    pub url: StoreUrl,
    /// Connections of this process to `PostgreSQL`, at most.
    pub connections_max: u32,
    /// How long a call waits for a connection to `PostgreSQL`, and a statement there may take, in
    /// milliseconds. Less than a phone has for a sync, so that it is told what it is.
    pub wait_ms_max: u64,
    /// The folder with the embedded database, and by default the server's keys.
    pub data_dir: PathBuf,
    /// The file with the server's keys; empty for `server-keys.toml` in `data_dir`. Keep it out of
    /// the database's backups.
    pub credential_file: PathBuf,
    /// The folder with the journal; empty for `journal` in `data_dir`. A restore needs it: keep it on
    /// another disk than the database, and out of the database's backups.
    pub journal_dir: PathBuf,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: StoreUrl::default(),
            connections_max: 16,
            wait_ms_max: 3_000,
            data_dir: PathBuf::from("askel-data"),
            credential_file: PathBuf::new(),
            journal_dir: PathBuf::new(),
        }
    }
}

impl StoreConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            url: reader.secret("store.url", default.url, "sqlite:PATH or postgres://…"),
            connections_max: reader.number(
                "store.connections_max",
                default.connections_max,
                1..=1_000,
            ),
            wait_ms_max: reader.number("store.wait_ms_max", default.wait_ms_max, 100..=60_000),
            data_dir: reader.parsed("store.data_dir", default.data_dir, "a path"),
            credential_file: reader.parsed(
                "store.credential_file",
                default.credential_file,
                "a path",
            ),
            journal_dir: reader.parsed("store.journal_dir", default.journal_dir, "a path"),
        }
    }

    /// The file whose time says when the last backup was made. Whoever copies the database with other
    /// tools touches it.
    pub fn backed_up_path(&self) -> PathBuf {
        self.data_dir.join("askel.backed-up")
    }

    /// The journal's file.
    pub fn journal_path(&self) -> PathBuf {
        let folder = if self.journal_dir.as_os_str().is_empty() {
            self.data_dir.join("journal")
        } else {
            self.journal_dir.clone()
        };
        folder.join("askel.journal")
    }

    /// The embedded database's file; `None` for another database.
    pub fn database_path(&self) -> Option<PathBuf> {
        match &self.url {
            StoreUrl::Embedded => Some(self.data_dir.join("askel.sqlite")),
            StoreUrl::EmbeddedAt(path) => Some(path.clone()),
            StoreUrl::Postgres(_) => None,
        }
    }

    /// The file with the server's keys.
    pub fn credential_path(&self) -> PathBuf {
        if self.credential_file.as_os_str().is_empty() {
            self.data_dir.join("server-keys.toml")
        } else {
            self.credential_file.clone()
        }
    }
}
