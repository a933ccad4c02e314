//! Asks the SQL macros what they say of every query.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use sqlx::{
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::workspace::Workspace;

const PACKAGE: &str = "askel-store-sqlite";
const MIGRATIONS: &str = "migrations/sqlite";
const DATA: &str = "server/store-sqlite/.sqlx";

/// Files by name.
type Files = BTreeMap<String, String>;

/// Fails if the data is not what the queries and migrations give.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    ensure!(
        read(&workspace.root.join(DATA))? == describe(workspace)?,
        "{DATA} is not what the queries and migrations give; run `cargo xtask sqlx-data`"
    );
    Ok(())
}

/// Writes what is new and removes what is gone.
pub(super) fn renew(workspace: &Workspace) -> anyhow::Result<()> {
    let fresh = describe(workspace)?;
    let folder = workspace.root.join(DATA);
    let standing = read(&folder)?;
    for name in standing.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    fs::create_dir_all(&folder)?;
    for (name, content) in fresh
        .iter()
        .filter(|(name, content)| standing.get(*name) != Some(content))
    {
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}

/// What the macros say of every query, against a new database.
fn describe(workspace: &Workspace) -> anyhow::Result<Files> {
    let scratch = tempfile::tempdir()?;
    let database = scratch.path().join("askel.db");
    tokio::runtime::Runtime::new()?
        .block_on(migrate(&database, &workspace.root.join(MIGRATIONS)))
        .context("the migrations do not run")?;
    let data = scratch.path().join("data");
    fs::create_dir(&data)?;
    // A flag that is new each time makes cargo expand the macros again; the rest stays compiled.
    let nonce = format!("metadata={}", scratch.path().display());
    let status = workspace
        .cargo(&[
            "rustc",
            "--quiet",
            "--profile",
            "check",
            "--lib",
            "--package",
            PACKAGE,
            "--",
            "-C",
            &nonce,
        ])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &data)
        .env("DATABASE_URL", format!("sqlite://{}", database.display()))
        .status()?;
    ensure!(status.success(), "{PACKAGE} does not fit its migrations");
    read(&data)
}

async fn migrate(database: &Path, migrations: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    Migrator::new(migrations).await?.run(&pool).await?;
    pool.close().await;
    Ok(())
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
