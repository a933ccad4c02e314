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
    ///
    /// What cargo told this program of its package is not handed on: build scripts that ask for it (ring's) would
    /// find it changed, and all that stands on them would be built again whenever somebody calls cargo
    /// by hand.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_of_a_package) {
                command.env_remove(name);
            }
        }
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

/// Whether cargo sets the variable for a package's programs.
fn is_of_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_the_package_of_xtask() {
        // Set for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let workspace = Workspace::find().expect("built in a workspace");
        let cargo = workspace.cargo(&["version"]);
        let removed = |name: &str| cargo.get_envs().any(|env| env == (name.as_ref(), None));
        assert!(removed("CARGO_MANIFEST_DIR"));
        assert!(!removed("CARGO_HOME"));
        assert!(!removed("PATH"));
    }

    #[test]
    fn variables_of_a_package_are_known() {
        for variable in [
            "CARGO_PKG_NAME",
            "CARGO_PKG_VERSION_PRE",
            "CARGO_MANIFEST_LINKS",
        ] {
            assert!(is_of_a_package(variable), "{variable}");
        }
        assert!(!is_of_a_package("CARGO_TARGET_DIR"));
    }
}
