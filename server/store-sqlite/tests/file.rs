//! The file: what is in it after a restart, and what is wrong with it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use askel_store::{
    Append, Audit, AuditAction, AuditStore as _, Entry, EntryOutcome, OpStore as _, PageRequest,
    StoreError, Tenant, TenantStore as _,
};
use askel_store_sqlite::SqliteStore;
use askel_sync::{
    id::{DeviceId, LogId, OpId, TenantId},
    time::Timestamp,
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_ms(1_460_440_800_000);

fn tenant() -> Tenant {
    Tenant {
        id: TENANT,
        root_hash: [3; 32],
        signed_key_list: vec![7; 100],
        key_list_version: 1,
        created_at: NOW,
    }
}

fn deferred(sequence: u64) -> Append {
    let entry = Entry {
        log: LogId::from_bytes([1; 16]),
        device: DeviceId::from_bytes([1; 16]),
        sequence,
        op: OpId::from_bytes([1; 16]),
        outcome: EntryOutcome::Deferred,
    };
    Append {
        entries: vec![entry],
        ..Append::default()
    }
}

/// Another connection to the file, for what the store itself never does.
async fn raw(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path);
    SqlitePool::connect_with(options).await.expect("the file")
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    let store = SqliteStore::open(&path).await.expect("a new store");
    store.record_tenant(&tenant()).await.expect("a tenant");
    store
        .append(TENANT, &deferred(0), NOW)
        .await
        .expect("an entry");
    store.close().await;
    let store = SqliteStore::open(&path).await.expect("the same store");
    assert_eq!(store.list_tenants().await.expect("the tenants"), [tenant()]);
    let logs = store
        .lookup_logs(TENANT, &[LogId::from_bytes([1; 16])])
        .await
        .expect("the log");
    assert_eq!(logs[0].next_sequence, 1);
}

#[tokio::test]
async fn a_closed_store_is_not_available() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("askel.db"))
        .await
        .expect("a new store");
    store.close().await;
    let read = store.list_tenants().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = store.record_tenant(&tenant()).await;
    assert!(
        matches!(written, Err(StoreError::Unavailable(_))),
        "{written:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    std::fs::write(&path, [b'x'; 4_096]).expect("a file");
    let opened = SqliteStore::open(&path).await;
    assert!(
        matches!(opened, Err(StoreError::Inconsistent(_))),
        "{opened:?}"
    );
    let missing = SqliteStore::open(&folder.path().join("none").join("askel.db")).await;
    assert!(
        matches!(missing, Err(StoreError::Unavailable(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    SqliteStore::open(&path)
        .await
        .expect("a new store")
        .close()
        .await;
    let database = raw(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, x'00', 0)",
    )
    .execute(&database)
    .await
    .expect("a later migration");
    database.close().await;
    let opened = SqliteStore::open(&path).await;
    assert!(
        matches!(opened, Err(StoreError::Inconsistent(_))),
        "{opened:?}"
    );
}

#[tokio::test]
async fn the_audit_log_can_not_be_rewritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    let store = SqliteStore::open(&path).await.expect("a new store");
    let action = AuditAction::TenantRecorded;
    let audit = Audit {
        at: NOW,
        actor: None,
        action,
        target: "tenants/1".to_owned(),
    };
    store.record_audit(TENANT, &audit).await.expect("a note");
    let database = raw(&path).await;
    for statement in ["DELETE FROM audit", "UPDATE audit SET target = ''"] {
        sqlx::query(statement)
            .execute(&database)
            .await
            .expect_err("append-only");
    }
    database.close().await;
    let page = PageRequest {
        size: 10,
        after: Vec::new(),
    };
    assert_eq!(
        store
            .list_audit(TENANT, &page)
            .await
            .expect("the log")
            .items[0]
            .audit,
        audit
    );
}

#[tokio::test]
async fn a_damaged_op_is_not_handed_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    let store = SqliteStore::open(&path).await.expect("a new store");
    let database = raw(&path).await;
    sqlx::query(
        "INSERT INTO op (tenant, op, origin_log, origin_sequence, kind, payload, corrected_at_ms,
                         received_at_ms, subject, strength, flags, author_role)
         VALUES (?, zeroblob(16), zeroblob(16), 0, 1, x'', 0, 0, NULL, 0, 0, 0)",
    )
    .bind(&TENANT.as_bytes()[..])
    .execute(&database)
    .await
    .expect("a damaged row");
    database.close().await;
    let found = store.lookup_ops(TENANT, &[OpId::from_bytes([0; 16])]).await;
    assert!(
        matches!(found, Err(StoreError::Inconsistent(_))),
        "{found:?}"
    );
}

/// What an erasure left behind that was cut off before the file was swept.
#[tokio::test]
async fn a_file_that_is_due_is_swept_when_it_is_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    let store = SqliteStore::open(&path).await.expect("a new store");
    store.close().await;
    let database = raw(&path).await;
    for statement in [
        "PRAGMA secure_delete = OFF",
        "INSERT INTO catalog VALUES (x'01', 1, zeroblob(32), x'', 0, CAST('canary' AS BLOB))",
        "DELETE FROM catalog",
    ] {
        let done = sqlx::query(statement).execute(&database).await;
        done.expect("a statement");
    }
    database.close().await;
    let canary = || {
        let content = std::fs::read(&path).expect("the file");
        content.windows(6).any(|window| window == b"canary")
    };
    let store = SqliteStore::open(&path).await.expect("the same store");
    store.close().await;
    assert!(canary(), "nothing is swept that is not due");
    let database = raw(&path).await;
    let due = sqlx::query("PRAGMA user_version = 1")
        .execute(&database)
        .await;
    due.expect("a note");
    database.close().await;
    let store = SqliteStore::open(&path).await.expect("the same store");
    assert!(!canary(), "swept");
    store.close().await;
}
