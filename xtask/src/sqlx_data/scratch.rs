//! A database made from the migrations, to be asked and thrown away.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use askel_private_services::{Database, postgres_program};
use sqlx::{
    Connection as _, Row as _,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tempfile::TempDir;

use super::schema;

/// Which database.
#[derive(Clone, Copy)]
pub(super) enum Engine {
    /// A file.
    Sqlite,
    /// A database of its own on a private server.
    Postgres,
}

/// The database; gone when dropped.
pub(super) enum Scratch {
    /// In a folder of its own.
    Sqlite(TempDir),
    /// On a private server.
    Postgres(Database),
}

impl Scratch {
    /// A new one with these migrations run.
    pub(super) fn make(engine: Engine, migrations: &Path) -> anyhow::Result<Self> {
        let scratch = match engine {
            Engine::Sqlite => Self::Sqlite(tempfile::tempdir()?),
            Engine::Postgres => Self::Postgres(askel_private_services::postgres()?.new_database()?),
        };
        block_on(scratch.migrate(migrations))?
            .with_context(|| format!("{} do not run", migrations.display()))?;
        Ok(scratch)
    }

    /// Where the SQL macros find it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", file_in(folder).display()),
            Self::Postgres(database) => database.url(),
        }
    }

    /// What it holds, as SQL that is the same on every machine.
    pub(super) fn schema(&self) -> anyhow::Result<String> {
        match self {
            Self::Sqlite(folder) => block_on(read_sqlite(&file_in(folder)))?,
            Self::Postgres(database) => dump_postgres(&database.url()),
        }
    }

    async fn migrate(&self, migrations: &Path) -> anyhow::Result<()> {
        let migrator = Migrator::new(migrations).await?;
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(file_in(folder));
                let options = options.create_if_missing(true);
                let mut connection = SqliteConnection::connect_with(&options).await?;
                migrator.run(&mut connection).await?;
                connection.close().await?;
            }
            Self::Postgres(database) => {
                let options: PgConnectOptions = database.url().parse()?;
                let mut connection = PgConnection::connect_with(&options).await?;
                migrator.run(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("askel.db")
}

fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Runtime::new()?.block_on(future))
}

/// Statements as the migrations wrote them, each table followed by what belongs to it.
async fn read_sqlite(file: &Path) -> anyhow::Result<String> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name <> '_sqlx_migrations' \
         ORDER BY tbl_name, type <> 'table', name",
    );
    let rows = rows.fetch_all(&mut connection).await?;
    connection.close().await?;
    let statements: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    Ok(schema::sqlite(&statements?))
}

fn dump_postgres(url: &str) -> anyhow::Result<String> {
    let output = Command::new(postgres_program("pg_dump")?)
        .args(["--schema-only", "--no-owner"])
        .args(["--exclude-table=_sqlx_migrations", url])
        .output()?;
    ensure!(
        output.status.success(),
        "pg_dump: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(schema::postgres(std::str::from_utf8(&output.stdout)?))
}
