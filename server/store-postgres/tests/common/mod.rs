//! A database of its own for a test, as a deployment has it: an owner that migrates, and a role that
//! serves.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub(crate) mod rows;

use askel_private_services::{Database, postgres};
use askel_store_postgres::{PostgresOptions, PostgresStore, migrate};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

/// Migrated once for all tests of a process, which take copies.
static MIGRATED: OnceCell<Database> = OnceCell::const_new();

const SERVING: &str = "askel_test_serving";

/// What belongs to a member of `askel_serving` alone.
pub(crate) fn serving_url(database: &Database) -> String {
    let url = database.url();
    let (_, rest) = url.split_once('@').expect("a URL with a user");
    format!("postgres://{SERVING}:{SERVING}@{rest}")
}

async fn migrated() -> Database {
    let database = empty();
    migrate(&database.url()).await.expect("the migrations run");
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    // Roles are the whole server's: another process may make it at the same time.
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "DO $$ BEGIN
             CREATE ROLE {SERVING} LOGIN PASSWORD '{SERVING}' IN ROLE askel_serving;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )))
    .execute(&mut owner)
    .await
    .expect("the serving role");
    owner.close().await.expect("an end");
    database
}

/// A database with nothing in it.
pub(crate) fn empty() -> Database {
    let server = postgres().expect("a private server");
    server.new_database().expect("a database")
}

/// A database with the schema.
pub(crate) async fn database() -> Database {
    let template = MIGRATED.get_or_init(migrated).await;
    let server = postgres().expect("a private server");
    server.copy_of(template).expect("a copy")
}

/// A store on a database of its own.
pub(crate) async fn open() -> (PostgresStore, Database) {
    let database = database().await;
    let options = PostgresOptions {
        max_connections: 8,
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&serving_url(&database), options)
        .await
        .expect("the store");
    (store, database)
}
