//! What cargo knows of the workspace.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// The workspace and where it is.
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
}

/// What `cargo metadata` says, as far as it is used here.
#[derive(Deserialize, Default)]
pub(crate) struct Metadata {
    /// Every package of the dependency graph, members included.
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
}

/// A package.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    id: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct Dependency {
    /// The package.
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// The one that this xtask was built in.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent")?;
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    /// A command that runs at the root.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo` at the root. What it builds is kept once: a build machine has no use for gigabytes of what
    /// only the next edit would profit from.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.env("CARGO_INCREMENTAL", "0").args(arguments);
        command
    }

    /// Asks cargo.
    pub(crate) fn metadata(&self) -> anyhow::Result<Metadata> {
        let output = self
            .cargo(&["metadata", "--format-version", "1", "--locked"])
            .output()?;
        ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata can't be read")
    }
}

impl Metadata {
    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }
}

#[cfg(test)]
impl Metadata {
    /// A workspace of these packages.
    pub(crate) fn of(members: Vec<Package>) -> Self {
        let workspace_members = members.iter().map(|package| package.id.clone()).collect();
        Self {
            packages: members,
            workspace_members,
        }
    }
}

#[cfg(test)]
impl Package {
    /// A package with normal dependencies.
    pub(crate) fn of(name: &str, dependencies: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            id: name.to_owned(),
            license: None,
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    kind: None,
                })
                .collect(),
        }
    }
}
