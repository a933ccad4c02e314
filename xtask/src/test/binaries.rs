//! Which test binaries cargo has built.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

/// A binary with tests.
pub(super) struct TestBinary {
    /// As people call it: `sync` for a crate's own tests, `cli server_kills` for a test apart.
    pub(super) name: String,
    /// Where it is.
    pub(super) executable: PathBuf,
    /// Its crate's folder, where cargo runs it.
    pub(super) folder: PathBuf,
}

/// What a build made.
pub(super) struct TestBinaries(Vec<Artifact>);

/// A line of cargo's `--message-format json`.
#[derive(Deserialize)]
struct Artifact {
    reason: String,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    profile: Profile,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Profile {
    test: bool,
}

impl TestBinaries {
    /// Reads cargo's messages.
    pub(super) fn read(messages: &[u8]) -> anyhow::Result<Self> {
        let artifacts: Result<Vec<Artifact>, _> = serde_json::Deserializer::from_slice(messages)
            .into_iter()
            .collect();
        let mut artifacts = artifacts.context("cargo's messages can't be read")?;
        artifacts.retain(|artifact| artifact.reason == "compiler-artifact");
        Ok(Self(artifacts))
    }

    /// All with tests, crate by crate.
    pub(super) fn tests(&self) -> impl Iterator<Item = TestBinary> {
        let mut tests: Vec<TestBinary> = self.0.iter().filter_map(Artifact::as_test).collect();
        tests.sort_by(|a, b| a.name.cmp(&b.name));
        tests.into_iter()
    }

    /// The command `askel`.
    pub(super) fn askel(&self) -> Option<PathBuf> {
        let is_askel = |artifact: &&Artifact| {
            !artifact.profile.test
                && artifact.target.name == "askel"
                && artifact.target.kind.iter().any(|kind| kind == "bin")
        };
        self.0.iter().find(is_askel)?.executable.clone()
    }
}

impl Artifact {
    fn as_test(&self) -> Option<TestBinary> {
        if !self.profile.test {
            return None;
        }
        let folder = self.manifest_path.as_ref()?.parent()?.to_path_buf();
        let crate_name = folder.file_name()?.to_string_lossy();
        let name = match self.target.kind.first().map(String::as_str) {
            Some("test") => format!("{crate_name} {}", self.target.name),
            Some("bin") => format!("{crate_name} (bin {})", self.target.name),
            _ => crate_name.into_owned(),
        };
        Some(TestBinary {
            name,
            executable: self.executable.clone()?,
            folder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_the_command_are_told_apart() {
        let messages = br#"
            {"reason":"compiler-artifact","target":{"name":"askel_sync","kind":["lib"]},"profile":{"test":true},"executable":"/t/sync-1","manifest_path":"/a/sync/Cargo.toml"}
            {"reason":"compiler-artifact","target":{"name":"server_kills","kind":["test"]},"profile":{"test":true},"executable":"/t/kills-1","manifest_path":"/a/cli/Cargo.toml"}
            {"reason":"compiler-artifact","target":{"name":"askel","kind":["bin"]},"profile":{"test":false},"executable":"/t/askel","manifest_path":"/a/cli/Cargo.toml"}
            {"reason":"build-finished","success":true}"#;
        let binaries = TestBinaries::read(messages).expect("readable");
        let names: Vec<String> = binaries.tests().map(|test| test.name).collect();
        assert_eq!(names, ["cli server_kills", "sync"]);
        assert_eq!(binaries.askel(), Some(PathBuf::from("/t/askel")));
    }
}
