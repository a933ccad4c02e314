//! Backups of the embedded store, going back to one, and what follows a restore of any store.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use askel_store::{Healing, RENEWAL_SEED_BYTES, Store, StoreError, journal::Entry};
use askel_store_sqlite::SqliteStore;
use askel_sync::id::TenantId;

use super::{BootError, backend, lock};
use crate::{
    config::StoreConfig,
    entropy::{Entropy, EntropyFailed, draw},
    journal::{FileJournal, JournalError},
    journaled::parse_record,
};

/// A backup was not made, or not gone back to. The database is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database is not the embedded one.
    #[error(
        "this is for the embedded database: copy PostgreSQL with its own tools, and after going back run `askel restore` without --from"
    )]
    NotEmbedded,
    /// The embedded database is restored from a file.
    #[error("name the backup with --from")]
    NoBackup,
    /// There is nothing to back up.
    #[error("there is no database at {0}")]
    NoDatabase(PathBuf),
    /// The file to write is there already.
    #[error("{0} is there already")]
    Taken(PathBuf),
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
    #[error("record {0} of the journal can't be read: a later version wrote it, or it is damaged")]
    Record(usize),
    /// A file can't be read, written or moved.
    #[error("a file can't be read, written or moved")]
    Io(#[from] io::Error),
    /// The store failed, or the backup is none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

/// Writes a consistent copy of the database as it stands now; a server may go on serving. Only its
/// owner can read the copy. The keys and the journal are not in it.
///
/// # Errors
/// [`BackupError`]; the file is then not there.
pub async fn backup(config: &StoreConfig, to: &Path) -> Result<(), BackupError> {
    let database = config.database_path().ok_or(BackupError::NotEmbedded)?;
    if !database.exists() {
        return Err(BackupError::NoDatabase(database));
    }
    if to.exists() {
        return Err(BackupError::Taken(to.to_owned()));
    }
    let store = SqliteStore::open(&database).await?;
    let made = store.backup(to).await;
    store.close().await;
    made?;
    // Its time is what counts; the backup is good without it.
    if let Err(error) = File::create(config.backed_up_path()) {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "when the backup was made can't be noted");
    }
    Ok(())
}

/// What going back takes as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Whether to go on without the journal.
    pub journal: JournalUse,
    /// What to do about a database that is there.
    pub standing: StandingDatabase,
}

/// Whether the journal is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalUse {
    /// It is, and nothing happens without it.
    Needed,
    /// It is not: what was revoked, used or erased since the backup comes back.
    LeftOut,
}

/// What to do about a database that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingDatabase {
    /// Leave everything as it is.
    Keep,
    /// Replace it.
    Replace,
}

/// What going back did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Tenants in the store.
    pub tenants: usize,
    /// Records of the journal that were applied.
    pub records: usize,
}

/// Goes back to a backup: copies it beside, gives every stream a new handle, applies the journal, and
/// moves it into place. Until that last step the standing database is untouched.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(
    config: &StoreConfig,
    from: &Path,
    options: RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let _lock = lock(&config.data_dir)?;
    let database = config.database_path().ok_or(BackupError::NotEmbedded)?;
    if database.exists() && options.standing == StandingDatabase::Keep {
        return Err(BackupError::WouldReplace(database));
    }
    let journal = match options.journal {
        JournalUse::Needed => journal(&config.journal_path())?,
        JournalUse::LeftOut => BTreeMap::new(),
    };
    let beside = config.data_dir.join("askel.restoring.sqlite");
    remove(&beside)?;
    copy_private(from, &beside)?;
    let made = brought_up(&beside, &journal, draw(entropy)?).await;
    let restored = match made {
        Ok(restored) => restored,
        Err(error) => {
            remove(&beside)?;
            return Err(error);
        }
    };
    remove(&database)?;
    fs::rename(&beside, &database)?;
    File::open(&config.data_dir)?.sync_all()?;
    Ok(restored)
}

async fn brought_up(
    path: &Path,
    journal: &BTreeMap<TenantId, Vec<Entry>>,
    seed: [u8; RENEWAL_SEED_BYTES],
) -> Result<Restored, BackupError> {
    let store = SqliteStore::open(path).await?;
    let done = bring_up(&store, journal, &seed).await;
    store.close().await;
    let restored = done?;
    File::open(path)?.sync_all()?;
    Ok(restored)
}

/// What has to follow when `PostgreSQL`'s own tools have put a database back, before any server starts
/// again: gives every stream a new handle and applies the journal.
///
/// # Errors
/// [`BackupError`]. Done again, it is done once.
pub async fn follow_restore(
    config: &StoreConfig,
    options: RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let _lock = lock(&config.data_dir)?;
    if config.database_path().is_some() {
        return Err(BackupError::NoBackup);
    }
    let journal = match options.journal {
        JournalUse::Needed => journal(&config.journal_path())?,
        JournalUse::LeftOut => BTreeMap::new(),
    };
    bring_up(&*backend(config).await?, &journal, &draw(entropy)?).await
}

async fn bring_up(
    store: &dyn Store,
    journal: &BTreeMap<TenantId, Vec<Entry>>,
    seed: &[u8; RENEWAL_SEED_BYTES],
) -> Result<Restored, BackupError> {
    // First the new handles: what the journal adds to streams is no part of those of before.
    for tenant in store.list_tenants().await? {
        store.renew_streams(tenant.id, seed).await?;
    }
    for (tenant, entries) in journal {
        store.apply_journal(*tenant, entries).await?;
    }
    Ok(Restored {
        tenants: store.list_tenants().await?.len(),
        records: journal.values().map(Vec::len).sum(),
    })
}

/// The journal by tenant, each in its order.
fn journal(path: &Path) -> Result<BTreeMap<TenantId, Vec<Entry>>, BackupError> {
    let records = FileJournal::read(path).map_err(|source| BackupError::Journal {
        path: path.to_owned(),
        source,
    })?;
    let mut journal: BTreeMap<TenantId, Vec<Entry>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let (tenant, entry) = parse_record(record).map_err(|_| BackupError::Record(index))?;
        journal.entry(tenant).or_default().push(entry);
    }
    Ok(journal)
}

/// What is known of losses, by tenant.
///
/// # Errors
/// [`BackupError::NoDatabase`] and [`BackupError::Store`].
pub async fn healing(config: &StoreConfig) -> Result<Vec<(TenantId, Healing)>, BackupError> {
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
    for suffix in ["-wal", "-shm", "-journal", ""] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Copies into a new file that only its owner reads.
fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut source = File::open(from)?;
    let mut options = File::options();
    let mut copy = options.write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}
