//! Who may serve, on which schema; and connections that are lost.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use std::{task::Poll, time::Duration};

use askel_private_services::Database;
use askel_store::{StoreError, Tenant, TenantStore as _};
use askel_store_postgres::{PostgresOptions, PostgresStore, migrate};
use askel_sync::{id::TenantId, time::Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

fn tenant() -> Tenant {
    Tenant {
        id: TenantId::from_bytes([1; 16]),
        root_hash: [3; 32],
        signed_key_list: vec![7; 100],
        key_list_version: 1,
        created_at: Timestamp::from_ms(1_460_440_800_000),
    }
}

async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::connect(url, PostgresOptions::default()).await
}

async fn as_owner(database: &Database, statement: String) {
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    let done = owner.execute(AssertSqlSafe(statement)).await;
    done.expect("a statement of the owner's");
}

/// The reason for a refusal.
async fn refusal(url: &str) -> &'static str {
    match connect(url).await {
        Err(StoreError::Inconsistent(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_or_older_is_refused() {
    // For the roles, which are the whole server's.
    let _ = common::database().await;
    let database = common::empty();
    let serving = common::serving_url(&database);
    assert!(refusal(&serving).await.contains("askel migrate"));
    migrate(&database.url()).await.expect("the migrations");
    migrate(&database.url()).await.expect("nothing to do");
    connect(&serving).await.expect("a store").close().await;
    let last = "DELETE FROM _sqlx_migrations
                WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    as_owner(&database, last.to_owned()).await;
    assert!(refusal(&serving).await.contains("askel migrate"));
}

/// Somebody's long transaction that reads a table holds up who changes it, and everyone behind that.
#[tokio::test]
async fn migrating_waits_for_no_lock_for_long() {
    let database = common::database().await;
    for undone in [
        "ALTER TABLE log_entry DROP COLUMN subject",
        "DELETE FROM _sqlx_migrations WHERE version = 10",
    ] {
        as_owner(&database, undone.to_owned()).await;
    }
    let mut reader = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    let mut reading = reader.begin().await.expect("a transaction");
    let read = reading.execute("SELECT count(*) FROM log_entry").await;
    read.expect("a table");
    // Five seconds; a minute is for ever.
    let url = database.url();
    let given_up = tokio::time::timeout(Duration::from_mins(1), migrate(&url)).await;
    let given_up = given_up.expect("it gives up");
    assert!(
        matches!(given_up, Err(StoreError::Unavailable(_))),
        "{given_up:?}"
    );
    reading.rollback().await.expect("an end");
    migrate(&url).await.expect("nobody is in the way");
    let serving = common::serving_url(&database);
    connect(&serving).await.expect("a store").close().await;
}

#[tokio::test]
async fn a_schema_of_a_later_version_will_do_and_a_changed_one_not() {
    let database = common::database().await;
    let serving = common::serving_url(&database);
    let later = "INSERT INTO _sqlx_migrations
                     (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', true, '', 0)";
    as_owner(&database, later.to_owned()).await;
    connect(&serving).await.expect("a store").close().await;
    let changed = "UPDATE _sqlx_migrations SET checksum = '' WHERE version = 2";
    as_owner(&database, changed.to_owned()).await;
    assert!(refusal(&serving).await.contains("changed"));
}

#[tokio::test]
async fn a_role_that_the_policies_do_not_hold_is_refused() {
    let database = common::database().await;
    assert!(refusal(&database.url()).await.contains("bypasses"));
    let role = database.name();
    as_owner(
        &database,
        format!("CREATE ROLE {role} LOGIN PASSWORD '{role}' BYPASSRLS IN ROLE askel_serving"),
    )
    .await;
    let url = common::serving_url(&database);
    let (_, rest) = url.split_once('@').expect("a URL with a user");
    let url = format!("postgres://{role}:{role}@{rest}");
    assert!(refusal(&url).await.contains("bypasses"));
    as_owner(&database, format!("ALTER ROLE {role} NOBYPASSRLS")).await;
    connect(&url).await.expect("a store").close().await;
    as_owner(&database, format!("ALTER TABLE card OWNER TO {role}")).await;
    assert!(refusal(&url).await.contains("owns"));
    as_owner(
        &database,
        format!("ALTER TABLE card OWNER TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"),
    )
    .await;
}

#[tokio::test]
async fn what_was_written_is_there_for_another_process() {
    let (store, database) = common::open().await;
    store.record_tenant(&tenant()).await.expect("a tenant");
    let other = connect(&common::serving_url(&database)).await;
    let other = other.expect("another store");
    assert_eq!(other.list_tenants().await.expect("tenants"), [tenant()]);
}

#[tokio::test]
async fn a_closed_store_is_not_available() {
    let (store, _database) = common::open().await;
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
async fn a_store_whose_connections_were_ended_comes_back() {
    let (store, database) = common::open().await;
    store.record_tenant(&tenant()).await.expect("a tenant");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    as_owner(&database, end.to_owned()).await;
    // Each lost connection costs one call at most.
    let mut lost = 0;
    loop {
        match store.list_tenants().await {
            Ok(tenants) => break assert_eq!(tenants, [tenant()]),
            Err(StoreError::Unavailable(_)) => lost += 1,
            Err(error) => panic!("{error:?}"),
        }
        assert!(lost <= 8, "it stays away");
    }
}

#[tokio::test]
async fn nobody_listens_is_not_available() {
    // Port 9 of this machine: discarded, or refused.
    let options = PostgresOptions {
        acquire_timeout: Duration::from_millis(200),
        ..PostgresOptions::default()
    };
    let url = "postgres://nobody@127.0.0.1:9/askel?sslmode=disable";
    let away = PostgresStore::connect(url, options).await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
}

#[tokio::test]
async fn a_transaction_that_could_not_begin_leaves_its_connection_usable() {
    let database = common::database().await;
    let options = PostgresOptions {
        max_connections: 2,
        statement_timeout: Duration::from_millis(200),
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&common::serving_url(&database), options).await;
    let store = store.expect("a store");
    store.record_tenant(&tenant()).await.expect("recorded");
    // Who writes alone holds up all who write in company.
    let mut alone = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    let key = i64::from_be_bytes([1; 8]);
    let lock = AssertSqlSafe(format!("SELECT pg_advisory_lock({key})"));
    alone.execute(lock).await.expect("the lock");
    for _ in 0..4 {
        let waited = store.record_tenant(&tenant()).await;
        assert!(matches!(waited, Err(StoreError::Unavailable(_))));
    }
    alone.close().await.expect("an end");
    for _ in 0..10 {
        let found = store.lookup_tenant(tenant().id).await;
        assert_eq!(found.expect("a store"), Some(tenant()));
        store.record_tenant(&tenant()).await.expect("recorded");
    }
}

/// A caller who hangs up while a transaction begins. The next that reads on its connection would else
/// read what was there then.
#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_transaction_open() {
    let database = common::database().await;
    let options = PostgresOptions {
        max_connections: 1,
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&common::serving_url(&database), options).await;
    let store = store.expect("a store");
    store.record_tenant(&tenant()).await.expect("recorded");
    let other = connect(&common::serving_url(&database)).await;
    let other = other.expect("another store");
    let mut hung_up = 0;
    for version in 2..22 {
        {
            let reading = store.lookup_tenant(tenant().id);
            let mut reading = std::pin::pin!(reading);
            // As far as to what is sent, and to no answer.
            let begun = std::future::poll_fn(|context| Poll::Ready(reading.as_mut().poll(context)));
            hung_up += u32::from(begun.await.is_pending());
        }
        let changed = Tenant {
            key_list_version: version,
            ..tenant()
        };
        other.record_tenant(&changed).await.expect("recorded");
        let found = store.lookup_tenant(tenant().id).await;
        assert_eq!(found.expect("a store"), Some(changed));
    }
    // A database that answers at once leaves nobody to hang up on it.
    assert!(hung_up > 0);
}
