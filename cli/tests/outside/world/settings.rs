//! What every `askel` of a world is told by its environment.

use std::process::Command;

/// The database that a process works on.
const STORE_URL: &str = "ASKEL_STORE__URL";
const CREDENTIAL_FILE: &str = "ASKEL_STORE__CREDENTIAL_FILE";
const REDIS_URL: &str = "ASKEL_REDIS__URL";

/// Environment variables; none for a world on `SQLite`.
#[derive(Clone, Default)]
pub(crate) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// On this database.
    pub(crate) fn on(store_url: &str) -> Self {
        Self(vec![(STORE_URL, store_url.to_owned())])
    }

    /// With the server's keys in this file, wherever the data lie.
    pub(crate) fn with_keys(mut self, file: &std::path::Path) -> Self {
        self.0.push((CREDENTIAL_FILE, file.display().to_string()));
        self
    }

    /// With hints by this Redis.
    pub(crate) fn with_redis(mut self, url: &str) -> Self {
        self.0.push((REDIS_URL, url.to_owned()));
        self
    }

    /// With this variable too.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }

    /// The database, if it is not the one in the data folder.
    pub(super) fn store_url(&self) -> Option<&str> {
        let mut variables = self.0.iter();
        let (_, url) = variables.find(|(name, _)| *name == STORE_URL)?;
        Some(url)
    }

    /// Tells a command.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}
