//! What migrations and queries give: the query data of a store, and the schema of its database.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use super::{dialect::Dialect, scratch::Scratch};
use crate::workspace::Workspace;

/// Files by name.
type Files = BTreeMap<String, String>;

/// What a dialect's migrations and queries give.
pub(super) struct Described {
    dialect: &'static Dialect,
    data: Files,
    schema: String,
}

impl Described {
    /// Asks the SQL macros about every query, against a new database.
    pub(super) fn make(workspace: &Workspace, dialect: &'static Dialect) -> anyhow::Result<Self> {
        let migrations = workspace.root.join(dialect.migrations);
        let scratch = Scratch::make(dialect.engine, &migrations)?;
        Ok(Self {
            dialect,
            data: ask_macros(workspace, dialect.package, &scratch.url())?,
            schema: scratch.schema()?,
        })
    }

    /// The files that are not what they should be.
    pub(super) fn stale(&self, workspace: &Workspace) -> anyhow::Result<Vec<&'static str>> {
        let mut stale = Vec::new();
        if read(&workspace.root.join(self.dialect.data))? != self.data {
            stale.push(self.dialect.data);
        }
        let schema = fs::read_to_string(workspace.root.join(self.dialect.schema));
        if schema.unwrap_or_default() != self.schema {
            stale.push(self.dialect.schema);
        }
        Ok(stale)
    }

    /// Writes what is new and removes what is gone.
    pub(super) fn write(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let folder = workspace.root.join(self.dialect.data);
        let standing = read(&folder)?;
        for name in standing
            .keys()
            .filter(|name| !self.data.contains_key(*name))
        {
            fs::remove_file(folder.join(name))?;
        }
        fs::create_dir_all(&folder)?;
        for (name, content) in self
            .data
            .iter()
            .filter(|(name, content)| standing.get(*name) != Some(content))
        {
            fs::write(folder.join(name), content)?;
        }
        fs::write(workspace.root.join(self.dialect.schema), &self.schema)?;
        Ok(())
    }
}

/// What the macros say of every query of a package.
fn ask_macros(workspace: &Workspace, package: &str, url: &str) -> anyhow::Result<Files> {
    let data = tempfile::tempdir()?;
    // A flag that is new each time makes cargo expand the macros again; the rest stays compiled.
    let nonce = format!("metadata={}", data.path().display());
    let status = workspace
        .cargo(&[
            "rustc",
            "--quiet",
            "--profile",
            "check",
            "--lib",
            "--package",
            package,
            "--",
            "-C",
            &nonce,
        ])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", data.path())
        .env("DATABASE_URL", url)
        .status()?;
    ensure!(status.success(), "{package} does not fit its migrations");
    read(data.path())
}

/// The query data in a folder; none when there is no folder.
fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.file_name().context("a file without a name")?;
            files.insert(
                name.to_string_lossy().into_owned(),
                fs::read_to_string(&path)?,
            );
        }
    }
    Ok(files)
}
