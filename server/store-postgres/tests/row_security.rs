//! The second wall: what the database shows and takes when a query forgets whose rows it wants.
//!
//! Over every table that the schema has, so that a new one can't be left out.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use askel_private_services::Database;
use askel_store::EnrolmentStore as _;
use askel_store_postgres::{PostgresOptions, PostgresStore};
use askel_sync::id::TenantId;
use common::rows::{insert, tables};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const TENANTS: [u8; 2] = [0xaa, 0xbb];

async fn run(connection: &mut PgConnection, statement: String) -> Result<u64, sqlx::Error> {
    let done = connection.execute(AssertSqlSafe(statement)).await?;
    Ok(done.rows_affected())
}

async fn count(connection: &mut PgConnection, of: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {of}")))
        .fetch_one(connection)
        .await
        .expect("a count")
}

/// A database with a row of either tenant in every table; who owns it, and who serves.
async fn filled() -> (Database, PgConnection, PgConnection) {
    let database = common::database().await;
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    // No foreign keys meanwhile: the rows refer to nothing.
    run(
        &mut owner,
        "SET session_replication_role = replica".to_owned(),
    )
    .await
    .expect("a superuser");
    for table in tables(&mut owner).await {
        for tenant in TENANTS {
            let statement = insert(&mut owner, &table, tenant, 1).await;
            run(&mut owner, statement).await.expect("a row");
        }
        assert_eq!(count(&mut owner, &table).await, 2, "{table}");
    }
    let serving = PgConnection::connect(&common::serving_url(&database))
        .await
        .expect("the serving role");
    (database, owner, serving)
}

/// So that no tenant's rows lie among another's, and a query that names its tenant reads no one else's.
#[tokio::test]
async fn every_key_and_index_begins_with_the_tenant() {
    let database = common::database().await;
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    let tables = tables(&mut owner).await;
    assert!(tables.len() > 25, "{tables:?}");
    for table in tables {
        let keys: Vec<(String, bool, String)> = sqlx::query_as(
            "SELECT indexrelid::regclass::text, indisprimary, attname::text
             FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
             WHERE indrelid = $1::regclass",
        )
        .bind(&table)
        .fetch_all(&mut owner)
        .await
        .expect("a table");
        assert!(keys.iter().any(|(_, primary, _)| *primary), "{table}");
        for (index, _, first) in keys {
            assert_eq!(first, "tenant", "{index}");
        }
    }
}

/// Why a statement was refused: by row-level security or for lack of a right.
fn is_not_allowed(done: &Result<u64, sqlx::Error>) -> bool {
    let error = done.as_ref().err().and_then(sqlx::Error::as_database_error);
    error.and_then(sqlx::error::DatabaseError::code).as_deref() == Some("42501")
}

#[tokio::test]
async fn every_table_has_a_policy_that_holds_its_owner_too() {
    let database = common::database().await;
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    for table in tables(&mut owner).await {
        let held: bool = sqlx::query_scalar(
            "SELECT relrowsecurity AND relforcerowsecurity AND EXISTS (
                 SELECT 1 FROM pg_policies
                 WHERE tablename = $1 AND cmd = 'ALL' AND permissive = 'PERMISSIVE'
                       AND qual = with_check AND qual LIKE '(tenant = ( SELECT current_tenant()%'
             ) AND (SELECT count(*) FROM pg_policies WHERE tablename = $1) = 1
             FROM pg_class WHERE oid = $1::regclass",
        )
        .bind(&table)
        .fetch_one(&mut owner)
        .await
        .expect("a table");
        assert!(held, "{table}");
    }
    assert_eq!(count(&mut owner, "tenant_directory").await, 0);
}

#[tokio::test]
async fn without_a_tenant_no_row_is_seen_and_none_is_written() {
    let (_database, mut owner, mut serving) = filled().await;
    for table in tables(&mut owner).await {
        assert_eq!(count(&mut serving, &table).await, 0, "{table}");
        let changed = run(&mut serving, format!("DELETE FROM {table}")).await;
        assert!(
            is_not_allowed(&changed) || matches!(changed, Ok(0)),
            "{table}: {changed:?}"
        );
        let changed = run(&mut serving, format!("UPDATE {table} SET tenant = ''")).await;
        assert!(
            is_not_allowed(&changed) || matches!(changed, Ok(0)),
            "{table}: {changed:?}"
        );
        let other = insert(&mut owner, &table, 0xcc, 1).await;
        let added = run(&mut serving, other).await;
        assert!(is_not_allowed(&added), "{table}: {added:?}");
        assert_eq!(count(&mut owner, &table).await, 2, "{table}");
    }
}

#[tokio::test]
async fn a_query_without_its_where_sees_one_tenant() {
    let (_database, mut owner, mut serving) = filled().await;
    for table in tables(&mut owner).await {
        for tenant in [0xaa, 0xbb, 0xaa, 0xcc] {
            let theirs =
                format!("{table} WHERE tenant = decode(repeat('{tenant:02x}', 16), 'hex')");
            let expected = i64::from(tenant != 0xcc);
            let mut transaction = serving.begin().await.expect("a transaction");
            sqlx::query("SELECT set_config('askel.tenant', $1, true)")
                .bind(format!("{tenant:02x}").repeat(16))
                .execute(&mut *transaction)
                .await
                .expect("the tenant");
            assert_eq!(count(&mut transaction, &table).await, expected, "{table}");
            assert_eq!(count(&mut transaction, &theirs).await, expected, "{table}");
            let foreign = insert(&mut owner, &table, 0xdd, 1).await;
            let added = run(&mut transaction, foreign).await;
            assert!(is_not_allowed(&added), "{table}: {added:?}");
            transaction.rollback().await.expect("an end");
            // What was said of the tenant ended with the transaction.
            assert_eq!(count(&mut serving, &table).await, 0, "{table}");
        }
    }
}

#[tokio::test]
async fn tenants_that_take_turns_on_one_connection_see_their_own() {
    let (database, _owner, _serving) = filled().await;
    let options = PostgresOptions {
        max_connections: 1,
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&common::serving_url(&database), options)
        .await
        .expect("the store");
    for turn in 0..20 {
        let n = if turn % 2 == 0 { 0xaa } else { 0xbb };
        let tenant = TenantId::from_bytes([n; 16]);
        let people = store.list_participants(tenant).await.expect("people");
        let people: Vec<_> = people.iter().map(|person| *person.as_bytes()).collect();
        assert_eq!(people, [[n; 16]]);
    }
}
