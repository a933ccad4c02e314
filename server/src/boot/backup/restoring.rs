//! Going back to a backup.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use askel_store::{RENEWAL_SEED_BYTES, Store, journal::Entry};
use askel_store_sqlite::SqliteStore;
use askel_sync::id::TenantId;

use super::{
    BackupError,
    kept::{self, Content, Kept},
    remove,
};
use crate::{
    age::Identity,
    boot::{backend, lock},
    config::{Config, StoreConfig},
    entropy::{Entropy, draw},
    journal::FileJournal,
    journaled::parse_record,
};

/// What going back takes as given.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// What opens an encrypted backup; one that is not needs none.
    pub identities: Vec<Identity>,
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
    config: &Config,
    from: &Path,
    options: &RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let config = &config.store;
    let _lock = lock(&config.data_dir)?;
    let database = config.database_path().ok_or(BackupError::NotEmbedded)?;
    if database.exists() && options.standing == StandingDatabase::Keep {
        return Err(BackupError::WouldReplace(database));
    }
    let journal = journal(config, options.journal)?;
    let kept = kept::open(from, &options.identities)?;
    let beside = beside(&config.data_dir);
    remove(&beside)?;
    let made = match put_private(kept, &beside) {
        Ok(()) => brought_up(&beside, &journal, draw(entropy)?).await,
        Err(error) => Err(error),
    };
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

/// Where the database comes to be that will take the place of the standing one.
pub(in crate::boot) fn beside(data_dir: &Path) -> PathBuf {
    data_dir.join("askel.restoring.sqlite")
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
    config: &Config,
    options: &RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let config = &config.store;
    let _lock = lock(&config.data_dir)?;
    if config.database_path().is_some() {
        return Err(BackupError::NoBackup);
    }
    let journal = journal(config, options.journal)?;
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
fn journal(
    config: &StoreConfig,
    used: JournalUse,
) -> Result<BTreeMap<TenantId, Vec<Entry>>, BackupError> {
    let mut journal: BTreeMap<TenantId, Vec<Entry>> = BTreeMap::new();
    if used == JournalUse::LeftOut {
        return Ok(journal);
    }
    let path = config.journal_path();
    let records = FileJournal::read(&path).map_err(|source| BackupError::Journal {
        path: path.clone(),
        source,
    })?;
    for (index, record) in records.iter().enumerate() {
        let (tenant, entry) = parse_record(record).map_err(|_| BackupError::Record(index))?;
        journal.entry(tenant).or_default().push(entry);
    }
    Ok(journal)
}

/// Writes a backup's content into a new file that only its owner reads. What was sealed is whole when
/// this returns.
fn put_private(kept: Kept, to: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let Kept { content, mut bytes } = kept;
    debug_assert_eq!(content, Content::Sqlite);
    let mut options = File::options();
    let mut copy = options.write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut bytes, &mut copy)?;
    Ok(copy.sync_all()?)
}
