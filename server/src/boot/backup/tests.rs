//! What a backup or a restore that is cut off leaves.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use askel_store::{Tenant, TenantStore as _};
use tempfile::TempDir;

use super::{restoring::unfinished, *};
use crate::{boot, clock::SystemClock, entropy::SystemEntropy};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);

/// A data folder with a database of one tenant, and a backup of it.
async fn backed_up() -> (TempDir, Config, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::default();
    folder.path().clone_into(&mut config.store.data_dir);
    let store = SqliteStore::open(&database(&config)).await.expect("opened");
    let tenant = Tenant {
        id: TENANT,
        root_hash: [1; 32],
        signed_key_list: Vec::new(),
        key_list_version: 1,
        created_at: askel_sync::time::Timestamp::from_ms(1),
    };
    store.record_tenant(&tenant).await.expect("recorded");
    store.close().await;
    let to = folder.path().join("a.backup");
    let made = backup(&config, &to, &Sealing::Open, &SystemEntropy).await;
    made.expect("backed up");
    (folder, config, to)
}

fn database(config: &Config) -> PathBuf {
    config.store.database_path().expect("an embedded one")
}

async fn go_back(config: &Config, from: &Path) -> Result<Restored, BackupError> {
    let options = RestoreOptions {
        identities: Vec::new(),
        journals: Journals::LeftOut,
        standing: StandingDatabase::Replace,
    };
    restore(config, from, &options, &SystemEntropy).await
}

async fn started(config: &Config) -> Result<crate::Components, BootError> {
    boot::embedded(config, Arc::new(SystemClock::start())).await
}

#[tokio::test]
async fn no_database_comes_to_be_while_a_restore_is_unfinished() {
    let (_folder, config, _) = backed_up().await;
    // Killed before the restored one had its name.
    fs::remove_file(database(&config)).expect("removed");
    fs::write(unfinished(&config.store.data_dir), []).expect("marked");
    let refused = started(&config).await;
    assert!(matches!(refused, Err(BootError::RestoreUnfinished)));
    let refused = boot::open_store(&config.store).await;
    assert!(matches!(refused, Err(BootError::RestoreUnfinished)));
    let refused = boot::migrate(&config.store).await;
    assert!(matches!(refused, Err(BootError::RestoreUnfinished)));
    assert!(!database(&config).exists());
}

#[tokio::test]
async fn no_server_opens_a_database_that_is_being_put_back() {
    let (_folder, config, _) = backed_up().await;
    let _restoring = super::super::lock(&config.store.data_dir).expect("locked");
    let refused = started(&config).await;
    assert!(matches!(refused, Err(BootError::DataDirTaken(_))));
}

#[tokio::test]
async fn a_restore_that_is_cut_off_while_files_change_places_is_known_as_unfinished() {
    let (_folder, config, from) = backed_up().await;
    // What stands there can't be removed: the restore ends between two steps, as by a kill.
    let mut log = database(&config).into_os_string();
    log.push("-wal");
    fs::create_dir(&log).expect("made");
    go_back(&config, &from).await.expect_err("cut off");
    assert!(
        database(&config).exists(),
        "the name is never without a file"
    );
    let refused = started(&config).await;
    assert!(matches!(refused, Err(BootError::RestoreUnfinished)));
    fs::remove_dir(&log).expect("removed");
    let restored = go_back(&config, &from).await.expect("restored");
    assert_eq!(restored.tenants, 1);
    started(&config).await.expect("started");
}

#[tokio::test]
async fn whoever_put_a_link_beside_a_backup_to_come_has_nothing_written_through_it() {
    let (folder, config, _) = backed_up().await;
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "dear").expect("written");
    let to = folder.path().join("b.backup");
    let partial = folder.path().join("b.backup.partial");
    std::os::unix::fs::symlink(&elsewhere, &partial).expect("linked");
    let made = backup(&config, &to, &Sealing::Open, &SystemEntropy).await;
    made.expect("backed up");
    assert_eq!(fs::read(&elsewhere).expect("there"), b"dear");
    assert!(fs::symlink_metadata(&to).expect("there").is_file());
}

#[tokio::test]
async fn a_backup_that_is_left_of_one_that_was_killed_is_nobody_elses_to_read() {
    let (folder, config, _) = backed_up().await;
    let to = folder.path().join("b.backup");
    let partial = folder.path().join("b.backup.partial");
    fs::write(&partial, "half").expect("written");
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o644)).expect("set");
    let made = backup(&config, &to, &Sealing::Open, &SystemEntropy).await;
    made.expect("backed up");
    let permissions = fs::metadata(&to).expect("there").permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
}
