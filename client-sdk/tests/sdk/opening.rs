//! Opening a database, with its key and without.

use std::sync::Arc;

use askel_client_sdk::{
    Cause, Client, MemoryKeyStore, MemoryStorage, NoticeKind, RowKey, RowWrite, SealedRow,
    Storage as _,
};

use crate::common::{BUDGET, Desk, PLACE, enrolled};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    let reopened = phone.open();
    assert_eq!(reopened.enrolled(), client.enrolled());
    assert_eq!(reopened.awards(), client.awards());
    assert_eq!(reopened.progress(), client.progress());
    assert_eq!(reopened.attendances(), client.attendances());
    assert_eq!(reopened.status(), client.status());
    reopened.sync(BUDGET).await.expect("a sync");
}

#[tokio::test]
async fn a_database_without_its_key_begins_anew_with_another_device_key_and_says_so() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("a place that is open");
    let key_store = MemoryKeyStore::new();
    let restored = || {
        let storage = Box::new(phone.storage.clone());
        phone.components_on(storage, Box::new(key_store.clone()))
    };
    let fresh = Client::open(restored()).expect("a fresh start");
    assert_eq!(fresh.enrolled(), None);
    assert_ne!(
        fresh.device_public_key().as_bytes(),
        client.device_public_key().as_bytes()
    );
    let notice = fresh.status().notice.expect("one sentence for the person");
    assert_eq!(notice.kind, NoticeKind::KeyLost);
    // What was not handed in waits, sealed to the server.
    assert_eq!(fresh.status().carried, 1);
    let again = Client::start_fresh(restored()).expect("another fresh start");
    assert_eq!(again.status().carried, 1);
    drop((fresh, again));
    let reopened = Client::open(restored()).expect("its key is there now");
    assert_eq!(reopened.status().carried, 1);
}

#[tokio::test]
async fn a_key_without_its_database_begins_with_another_device_key() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let storage = Box::new(MemoryStorage::new());
    let components = phone.components_on(storage, Box::new(phone.key_store.clone()));
    let fresh = Client::open(components).expect("a fresh start");
    assert_eq!(fresh.enrolled(), None);
    assert_ne!(
        fresh.device_public_key().as_bytes(),
        client.device_public_key().as_bytes()
    );
    // Should the database come back, its device is not this one any more.
    let refused = Client::open(phone.components()).expect_err("another device");
    assert!(matches!(refused.cause(), Cause::DatabaseUnreadable));
}

#[tokio::test]
async fn a_foreign_key_opens_nothing() {
    let desk = Arc::new(Desk::new());
    let (phone, _) = enrolled(&desk, 1).await;
    let (other, _) = enrolled(&desk, 2).await;
    let storage = Box::new(phone.storage.clone());
    let components = phone.components_on(storage, Box::new(other.key_store.clone()));
    let refused = Client::open(components).expect_err("another key");
    assert!(matches!(refused.cause(), Cause::DatabaseUnreadable));
}

#[tokio::test]
async fn rows_that_were_swapped_cut_or_taken_away_are_noticed() {
    let desk = Arc::new(Desk::new());
    let (phone, _) = enrolled(&desk, 1).await;
    let rows = phone.storage.rows();
    let first = rows[0].clone();
    let other = rows
        .iter()
        .find(|row| row.key != first.key)
        .expect("more rows")
        .clone();
    let swapped = SealedRow {
        key: first.key,
        sealed: other.sealed.clone(),
    };
    let cut = SealedRow {
        sealed: first.sealed[..first.sealed.len() - 1].to_vec(),
        ..first.clone()
    };
    let unknown_table = SealedRow {
        key: RowKey {
            table: 200,
            number: 0,
        },
        ..first.clone()
    };
    for write in [
        RowWrite::Put(swapped),
        RowWrite::Put(cut),
        RowWrite::Put(unknown_table),
        RowWrite::Delete(first.key),
    ] {
        let mut storage = MemoryStorage::new();
        let mut writes: Vec<_> = rows.iter().cloned().map(RowWrite::Put).collect();
        writes.push(write);
        storage.commit(&writes).expect("memory");
        let components = phone.components_on(Box::new(storage), Box::new(phone.key_store.clone()));
        let refused = Client::open(components).expect_err("tampered with");
        assert!(matches!(refused.cause(), Cause::DatabaseUnreadable));
    }
}
