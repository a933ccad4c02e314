//! The suite of every store, on a file of its own for each test.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use askel_store_sqlite::SqliteStore;

async fn open() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("askel.db"))
        .await
        .expect("a new store");
    (store, folder)
}

askel_store::store_conformance!(open);
