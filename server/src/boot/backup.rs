//! Backups of the store, going back to one, and what follows a restore.

mod kept;
mod postgres;
mod restoring;
mod target;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use askel_store::{Healing, StoreError};
use askel_store_sqlite::SqliteStore;
use askel_sync::id::TenantId;

pub(super) use restoring::unfinished;
pub use restoring::{
    Journals, RestoreOptions, Restored, StandingDatabase, follow_restore, restore,
};

use self::{postgres::Reach, restoring::beside, target::Target};
use super::{BootError, backend, whole};
use crate::{
    age::{AgeError, Recipient},
    config::{Config, StoreConfig, StoreUrl},
    entropy::{Entropy, EntropyFailed},
    journal::JournalError,
};

/// A backup was not made, or not gone back to. The database is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database is not named as `PostgreSQL`'s programs can reach it.
    #[error("backup.url or store.url is not a URL as PostgreSQL's programs read it")]
    Url,
    /// A program of `PostgreSQL` is missing.
    #[error(
        "the program {0} is not there: install PostgreSQL's client programs, of the database's version or a later one"
    )]
    NoProgram(&'static str),
    /// A program of `PostgreSQL` refused.
    #[error("{name} failed: {complaint}")]
    Program {
        /// Which.
        name: &'static str,
        /// The beginning of what it said.
        complaint: String,
    },
    /// Going back would replace tables.
    #[error(
        "the PostgreSQL database holds tables already: say --replace to lose what only they hold, or name an empty one"
    )]
    WouldReplaceTables,
    /// Going back would happen under servers that serve.
    #[error("servers are connected to the PostgreSQL database: stop them first, on every machine")]
    ServersRun,
    /// The embedded database is restored from a file.
    #[error("name the backup with --from")]
    NoBackup,
    /// There is nothing to back up.
    #[error("there is no database at {0}")]
    NoDatabase(PathBuf),
    /// The file to write is there already.
    #[error("{0} is there already")]
    Taken(PathBuf),
    /// Another backup is being made.
    #[error("another backup is being made of this data folder")]
    UnderWay,
    /// The file to go back to is encrypted, and no key is there.
    #[error("the backup is encrypted: name the file with the secret key with --identity")]
    Locked,
    /// The file to go back to is of the other kind of database.
    #[error("{0} is a backup of another kind of database than store.url names")]
    OtherKind(PathBuf),
    /// The file to go back to is none of this store.
    #[error("{0} is no backup of this store")]
    NotABackup(PathBuf),
    /// The backup can't be encrypted or decrypted.
    #[error(transparent)]
    Sealed(AgeError),
    /// A server runs on the data folder, or it can't be used.
    #[error(transparent)]
    DataDir(#[from] BootError),
    /// Going back would replace a database.
    #[error("{0} is there already: say --replace to lose what only it holds")]
    WouldReplace(PathBuf),
    /// The journal can't be read.
    #[error(
        "the journal {path} can't be read: without it, what was revoked, used or erased since the backup may come back"
    )]
    Journal {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: JournalError,
    },
    /// A record of the journal is none of this version.
    #[error(
        "record {index} of the journal {path} can't be read: a later version wrote it, or it is damaged"
    )]
    Record {
        /// The journal's file.
        path: PathBuf,
        /// Counted from 0.
        index: usize,
    },
    /// A file can't be read, written or moved.
    #[error("a file can't be read, written or moved")]
    Io(#[source] io::Error),
    /// The store failed, or the backup is none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

impl From<AgeError> for BackupError {
    fn from(error: AgeError) -> Self {
        match error {
            AgeError::Io(error) => Self::Io(error),
            error => Self::Sealed(error),
        }
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        AgeError::from(error).into()
    }
}

/// Who can read a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// Whoever has a secret key of one of these.
    To(Vec<Recipient>),
    /// Whoever has the file.
    Open,
}

/// Writes a consistent copy of the database as it stands now; servers may go on serving. Only its
/// owner can read the file, and of a sealed one not even they. The keys and the journal are not in it.
/// The embedded database needs as much room again in the data folder meanwhile; nothing of that
/// outlives the call, or the next start or backup if this is killed. `PostgreSQL` is read by its own
/// `pg_dump`, as a role that may read everything. Blocks while it writes.
///
/// # Errors
/// [`BackupError`]; the file is then not there.
pub async fn backup(
    config: &Config,
    to: &Path,
    sealing: &Sealing,
    entropy: &dyn Entropy,
) -> Result<(), BackupError> {
    let store = &config.store;
    whole(&store.data_dir)?;
    let database = store.database_path();
    if let Some(path) = &database
        && !path.exists()
    {
        return Err(BackupError::NoDatabase(path.clone()));
    }
    let _alone = alone(&store.data_dir)?;
    let target = Target::create(to)?;
    if let Some(path) = database {
        let mut copy = copied(&store.data_dir, &path).await?;
        target.fill(sealing, entropy, |sink| {
            io::copy(&mut copy, sink)?;
            Ok(())
        })?;
    } else {
        let reach = Reach::by(privileged_url(config)?)?;
        target.fill(sealing, entropy, |sink| postgres::dump(&reach, sink))?;
    }
    // Its time is what counts; the backup is good without it.
    if let Err(error) = File::create(store.backed_up_path()) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "when the backup was made can't be noted");
    }
    Ok(())
}

/// `PostgreSQL` as the role of `backup.url`, or else that of the store.
fn privileged_url(config: &Config) -> Result<&str, BackupError> {
    match (&config.backup.url, &config.store.url) {
        (StoreUrl::Postgres(url), _) | (_, StoreUrl::Postgres(url)) => Ok(url),
        _ => Err(BackupError::Url),
    }
}

/// Removes what a backup or a restore left of the database that was killed. The caller holds the data
/// folder's lock, so that no restore is under way; a backup may be.
pub(super) fn sweep(config: &StoreConfig) -> io::Result<()> {
    let data_dir = &config.data_dir;
    if let Some(database) = config.database_path() {
        remove(&beside(&database))?;
    }
    if copy_path(data_dir).exists()
        && let Ok(_alone) = alone(data_dir)
    {
        remove(&copy_path(data_dir))?;
    }
    Ok(())
}

/// A whole copy that has no name any more: it goes with this process, however that ends.
async fn copied(data_dir: &Path, database: &Path) -> Result<File, BackupError> {
    let path = copy_path(data_dir);
    remove(&path)?;
    let store = SqliteStore::open(database).await?;
    let made = store.backup(&path).await;
    store.close().await;
    let copy = match made {
        Ok(()) => File::open(&path).map_err(BackupError::from),
        Err(error) => Err(error.into()),
    };
    remove(&path)?;
    copy
}

fn copy_path(data_dir: &Path) -> PathBuf {
    data_dir.join("askel.backing-up.sqlite")
}

/// Makes this the only backup under way; until the file is closed.
fn alone(data_dir: &Path) -> Result<File, BackupError> {
    fs::create_dir_all(data_dir)?;
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let file = options.open(data_dir.join("askel.backing-up.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::UnderWay),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What is known of losses, by tenant.
///
/// # Errors
/// [`BackupError::NoDatabase`], [`BackupError::Store`], and [`BackupError::DataDir`] when a restore was
/// not finished.
pub async fn healing(config: &StoreConfig) -> Result<Vec<(TenantId, Healing)>, BackupError> {
    whole(&config.data_dir)?;
    if let Some(database) = config.database_path()
        && !database.exists()
    {
        return Err(BackupError::NoDatabase(database));
    }
    let store = backend(config).await?;
    let mut told = Vec::new();
    for tenant in store.list_tenants().await? {
        told.push((tenant.id, store.count_healing(tenant.id).await?));
    }
    Ok(told)
}

/// Removes a database and the files that go with it.
fn remove(database: &Path) -> io::Result<()> {
    remove_companions(database)?;
    remove_file(database)
}

/// Removes the files that go with a database: what was committed last may be in them alone.
fn remove_companions(database: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        remove_file(Path::new(&name))?;
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
