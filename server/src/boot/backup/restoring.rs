//! Going back to a backup.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use askel_store::{
    RENEWAL_SEED_BYTES, Store,
    journal::{Entry, Noted, folded, merged},
};
use askel_store_postgres::{count_connections_of, list_tables};
use askel_store_sqlite::SqliteStore;
use askel_sync::id::TenantId;

use super::{
    BackupError,
    kept::{self, Content},
    postgres::{Reach, put_back},
    privileged_url, remove, remove_companions, remove_file,
};
use crate::{
    age::Identity,
    boot::{backend, lock},
    config::{Config, StoreConfig},
    entropy::{Entropy, draw},
    journal::FileJournal,
    journaled::parse_noted,
};

/// How long a statement may take in a restore, in milliseconds.
const STATEMENT_MS: u64 = 600_000;
/// How often it is looked whether servers are still connected, and how long after one another.
const SERVERS_LOOKS: u32 = 20;
const SERVERS_LOOK: Duration = Duration::from_millis(250);

/// What going back takes as given.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// What opens an encrypted backup; one that is not needs none.
    pub identities: Vec<Identity>,
    /// The journals that are applied.
    pub journals: Journals,
    /// What to do about a database that is there.
    pub standing: StandingDatabase,
}

/// Which journals are applied. Nothing happens without one that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Journals {
    /// The configured one: that of the only server.
    Configured,
    /// Those of several servers, as one would have written it.
    Of(Vec<PathBuf>),
    /// None: what was revoked, used or erased since the backup comes back.
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

/// Goes back to a backup: gives every stream a new handle and applies the journal. The embedded
/// database comes to be beside the standing one, and takes its place in the last step; cut off there, it
/// has to be done again before anything opens it. `PostgreSQL` is
/// put back by its own `pg_restore` in one transaction, and brought up to this version's schema; no
/// server may run meanwhile, and none starts on this data folder before all is done
/// ([`follow_restore`]). Blocks while it reads.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(
    config: &Config,
    from: &Path,
    options: &RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let store = &config.store;
    let _lock = lock(&store.data_dir)?;
    let back = Back {
        from,
        options,
        journal: journal(store, &options.journals)?,
        entropy,
    };
    match store.database_path() {
        Some(database) => back.embedded(store, &database).await,
        None => back.postgres(config).await,
    }
}

/// What one goes back to, and by what.
struct Back<'a> {
    from: &'a Path,
    options: &'a RestoreOptions,
    journal: Applied,
    entropy: &'a dyn Entropy,
}

impl Back<'_> {
    async fn embedded(
        &self,
        config: &StoreConfig,
        database: &Path,
    ) -> Result<Restored, BackupError> {
        if database.exists() && self.options.standing == StandingDatabase::Keep {
            return Err(BackupError::WouldReplace(database.to_owned()));
        }
        let bytes = self.open(Content::Sqlite)?;
        let beside = beside(database);
        remove(&beside)?;
        let made = match put_private(bytes, &beside) {
            Ok(()) => brought_up(&beside, &self.journal, draw(self.entropy)?).await,
            Err(error) => Err(error),
        };
        let restored = match made {
            Ok(restored) => restored,
            Err(error) => {
                remove(&beside)?;
                return Err(error);
            }
        };
        begin(&config.data_dir)?;
        // Never without a file of that name. What goes with the standing one alone goes first: its log
        // would be taken for the new one's.
        remove_companions(database)?;
        fs::rename(&beside, database)?;
        sync_folder(database)?;
        finish(&config.data_dir)?;
        Ok(restored)
    }

    async fn postgres(&self, config: &Config) -> Result<Restored, BackupError> {
        let url = privileged_url(config)?;
        // All of it is read once before anything happens: what was cut short or changed is found.
        io::copy(&mut self.open(Content::Postgres)?, &mut io::sink())?;
        let standing = self.options.standing;
        nobody_serves(url).await?;
        let tables = list_tables(url).await?;
        if standing == StandingDatabase::Keep && !tables.is_empty() {
            return Err(BackupError::WouldReplaceTables);
        }
        let (reach, mut bytes) = (Reach::by(url)?, self.open(Content::Postgres)?);
        begin(&config.store.data_dir)?;
        if let Err(error) = put_back(&reach, &mut bytes, standing) {
            // It may have come too late, or only its answer be lost.
            if is_as_before(url, &tables).await {
                finish(&config.store.data_dir)?;
            }
            return Err(error);
        }
        askel_store_postgres::migrate(url).await?;
        let store = backend(&patient(&config.store)).await?;
        let restored = bring_up(&*store, &self.journal, &draw(self.entropy)?).await?;
        finish(&config.store.data_dir)?;
        Ok(restored)
    }

    fn open(&self, wanted: Content) -> Result<Box<dyn BufRead + Send>, BackupError> {
        kept::open(self.from, &self.options.identities, wanted)
    }
}

/// Refuses while a server is connected, on whatever machine: it would serve what the journals are not
/// applied to yet. Connections of one that has just ended are waited for.
async fn nobody_serves(url: &str) -> Result<(), BackupError> {
    for _ in 0..SERVERS_LOOKS {
        if count_connections_of(url, "askel").await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(SERVERS_LOOK).await;
    }
    Err(BackupError::ServersRun)
}

/// Whether nothing was put back, and nothing is any more: not when that can't be known.
async fn is_as_before(url: &str, tables: &[i64]) -> bool {
    // In this order: what ends in between is seen.
    let is_over = count_connections_of(url, "pg_restore").await;
    let now = list_tables(url).await;
    matches!((is_over, now), (Ok(0), Ok(now)) if now == tables)
}

/// Where the database comes to be that will take the place of the standing one: on the same disk.
pub(super) fn beside(database: &Path) -> PathBuf {
    database.with_file_name("askel.restoring.sqlite")
}

/// While this file is there, a database is being put back, or was and what has to follow was not done.
pub(in crate::boot) fn unfinished(data_dir: &Path) -> PathBuf {
    data_dir.join("askel.restore-unfinished")
}

/// From now on nothing opens the database before all is done.
fn begin(data_dir: &Path) -> io::Result<()> {
    let unfinished = unfinished(data_dir);
    File::create(&unfinished)?.sync_all()?;
    sync_folder(&unfinished)
}

fn finish(data_dir: &Path) -> io::Result<()> {
    let unfinished = unfinished(data_dir);
    remove_file(&unfinished)?;
    sync_folder(&unfinished)
}

/// A name outlives a crash once its folder is on the disk.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|name| !name.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

async fn brought_up(
    path: &Path,
    journal: &Applied,
    seed: [u8; RENEWAL_SEED_BYTES],
) -> Result<Restored, BackupError> {
    let store = SqliteStore::open(path).await?;
    let done = bring_up(&store, journal, &seed).await;
    // What the journal did is in that one file, or nothing takes its place.
    let closed = store.close_whole().await;
    let restored = done?;
    closed?;
    File::open(path)?.sync_all()?;
    Ok(restored)
}

/// What has to follow when others have put a `PostgreSQL` database back, or [`restore`] did and was
/// killed then, before any server starts again: gives every stream a new handle and applies the journal.
///
/// # Errors
/// [`BackupError`]. Done again, it is done once.
pub async fn follow_restore(
    config: &Config,
    options: &RestoreOptions,
    entropy: &dyn Entropy,
) -> Result<Restored, BackupError> {
    let url = privileged_url(config);
    let config = &config.store;
    let _lock = lock(&config.data_dir)?;
    if config.database_path().is_some() {
        return Err(BackupError::NoBackup);
    }
    nobody_serves(url?).await?;
    let journal = journal(config, &options.journals)?;
    let store = backend(&patient(config)).await?;
    let restored = bring_up(&*store, &journal, &draw(entropy)?).await?;
    finish(&config.data_dir)?;
    Ok(restored)
}

/// No call waits here, and one statement may be about all rows of a tenant.
fn patient(config: &StoreConfig) -> StoreConfig {
    StoreConfig {
        wait_ms_max: config.wait_ms_max.max(STATEMENT_MS),
        ..config.clone()
    }
}

async fn bring_up(
    store: &dyn Store,
    journal: &Applied,
    seed: &[u8; RENEWAL_SEED_BYTES],
) -> Result<Restored, BackupError> {
    // First the new handles: what the journal adds to streams is no part of those of before.
    for tenant in store.list_tenants().await? {
        store.renew_streams(tenant.id, seed).await?;
    }
    for (tenant, entries) in &journal.entries {
        store.apply_journal(*tenant, entries).await?;
    }
    Ok(Restored {
        tenants: store.list_tenants().await?.len(),
        records: journal.records,
    })
}

/// What is applied, by tenant, each in its order; and of how many records.
struct Applied {
    entries: BTreeMap<TenantId, Vec<Entry>>,
    records: usize,
}

fn journal(config: &StoreConfig, journals: &Journals) -> Result<Applied, BackupError> {
    let paths = match journals {
        Journals::Configured => vec![config.journal_path()],
        Journals::Of(paths) => paths.clone(),
        Journals::LeftOut => Vec::new(),
    };
    let mut notes: BTreeMap<TenantId, Vec<Vec<Noted>>> = BTreeMap::new();
    let mut records = 0_usize;
    for path in &paths {
        let read = FileJournal::read(path).map_err(|source| BackupError::Journal {
            path: path.clone(),
            source,
        })?;
        records = records.saturating_add(read.len());
        for (tenant, told) in by_tenant(path, &read)? {
            notes.entry(tenant).or_default().push(told);
        }
    }
    let entries = notes.into_iter().map(|(tenant, mut told)| {
        // One that is alone is in its own order, whatever its server's clock said. Folded, it says of
        // an invitation first who used it: unused, and without them, it would be good again.
        let entries = match (told.pop(), told.is_empty()) {
            (Some(alone), true) => folded(alone.into_iter().map(|noted| noted.entry)),
            (last, _) => merged(told.into_iter().chain(last)),
        };
        (tenant, entries)
    });
    Ok(Applied {
        entries: entries.collect(),
        records,
    })
}

fn by_tenant(
    path: &Path,
    records: &[Vec<u8>],
) -> Result<BTreeMap<TenantId, Vec<Noted>>, BackupError> {
    let mut told: BTreeMap<TenantId, Vec<Noted>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let (tenant, noted) = parse_noted(record).map_err(|_| BackupError::Record {
            path: path.to_owned(),
            index,
        })?;
        told.entry(tenant).or_default().push(noted);
    }
    Ok(told)
}

/// Writes a backup's content into a new file that only its owner reads. What was sealed is whole when
/// this returns.
fn put_private(mut bytes: impl Read, to: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let mut copy = options.write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut bytes, &mut copy)?;
    Ok(copy.sync_all()?)
}
