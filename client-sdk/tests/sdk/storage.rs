//! One suite for every storage, and what is on disk.

use std::{path::Path, sync::Arc};

use askel_client_sdk::{
    Advice, Client, Error, FileKeyStore, MemoryStorage, RowKey, RowWrite, SealedRow, SqliteStorage,
    Storage, StorageError,
};

use crate::common::{BUDGET, Desk, PLACE, Phone};

fn row(table: u8, number: u32, sealed: &[u8]) -> SealedRow {
    SealedRow {
        key: RowKey { table, number },
        sealed: sealed.to_vec(),
    }
}

/// What every storage promises. `open` opens the same one again.
fn suite(open: impl Fn() -> Box<dyn Storage>) {
    assert_eq!(open().load().expect("read"), []);
    let (first, second) = (row(1, 0, b"one"), row(1, u32::MAX, b""));
    let other_table = row(255, 0, &[0; 4_096]);
    let mut storage = open();
    let puts = [&other_table, &second, &first].map(|row| RowWrite::Put(row.clone()));
    storage.commit(&puts).expect("written");
    let all = [first.clone(), second.clone(), other_table.clone()];
    assert_eq!(
        storage.load().expect("read"),
        all,
        "in ascending order of keys"
    );
    drop(storage);
    let mut storage = open();
    assert_eq!(
        storage.load().expect("read"),
        all,
        "there after opening again"
    );
    let changed = row(1, 0, b"two");
    let writes = [
        RowWrite::Put(row(1, 0, b"overtaken in the same transaction")),
        RowWrite::Put(changed.clone()),
        RowWrite::Delete(second.key),
        RowWrite::Delete(RowKey {
            table: 9,
            number: 9,
        }),
    ];
    storage.commit(&writes).expect("written");
    storage.commit(&writes).expect("written twice");
    storage.commit(&[]).expect("nothing");
    assert_eq!(storage.load().expect("read"), [changed, other_table]);
}

#[test]
fn memory_keeps_rows() {
    let storage = MemoryStorage::new();
    suite(|| Box::new(storage.clone()));
}

#[test]
fn sqlite_keeps_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("askel.db");
    suite(|| Box::new(SqliteStorage::open(&path).expect("a file")));
}

#[test]
fn a_database_of_a_later_version_asks_for_an_update() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("askel.db");
    drop(SqliteStorage::open(&path).expect("a file"));
    let later = rusqlite::Connection::open(&path).expect("a file");
    later
        .pragma_update(None, "user_version", 2)
        .expect("written");
    drop(later);
    let refused = SqliteStorage::open(&path).expect_err("a later version");
    assert!(matches!(
        refused,
        StorageError::NewerSchema { found: 2, known: 1 }
    ));
    assert_eq!(Error::from(refused).advice(), Advice::UpdateApp);
}

#[test]
fn a_file_that_is_no_database_or_is_held_by_another_can_not_be_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("askel.db");
    std::fs::write(&path, [b'x'; 4_096]).expect("written");
    assert!(matches!(
        SqliteStorage::open(&path),
        Err(StorageError::Io(_))
    ));
    let path = directory.path().join("held.db");
    let _held = SqliteStorage::open(&path).expect("a file");
    assert!(matches!(
        SqliteStorage::open(&path),
        Err(StorageError::Io(_))
    ));
}

#[tokio::test]
async fn nothing_in_the_file_can_be_read_without_the_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let open = |directory: &Path| {
        let storage = SqliteStorage::open(directory.join("askel.db")).expect("a file");
        let key_store = FileKeyStore::new(directory.join("keys"));
        Client::open(phone.components_on(Box::new(storage), Box::new(key_store))).expect("open")
    };
    let client = open(directory.path());
    let enrolled = client
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    client.sync(BUDGET).await.expect("a sync");
    client.check_in(PLACE).expect("a place that is open");
    let participant = *enrolled.participant.expect("a person").as_bytes();
    let canaries: [&[u8]; 5] = [
        b"Kellari",
        b"desk.invalid",
        b"Merkki",
        &participant,
        enrolled.device.as_bytes(),
    ];
    for entry in std::fs::read_dir(directory.path()).expect("a directory") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        for canary in canaries {
            assert!(
                !bytes.windows(canary.len()).any(|window| window == canary),
                "{path:?}"
            );
        }
    }
    drop(client);
    assert_eq!(open(directory.path()).awards().len(), 1);
}
