//! A store on a private PostgreSQL, as a deployment has it.

use askel_private_services::{Database, postgres};
use askel_store_postgres::{PostgresOptions, PostgresStore, migrate};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const SERVING: &str = "askel_wire_serving";

/// On a database of its own.
pub(crate) async fn open() -> (PostgresStore, Database) {
    let server = postgres().expect("a private server");
    let database = server.new_database().expect("a database");
    migrate(&database.url()).await.expect("the migrations run");
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    // Roles are the whole server's: another test may make it at the same time.
    sqlx::query(AssertSqlSafe(format!(
        "DO $$ BEGIN
             CREATE ROLE {SERVING} LOGIN PASSWORD '{SERVING}' IN ROLE askel_serving;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )))
    .execute(&mut owner)
    .await
    .expect("the serving role");
    owner.close().await.expect("an end");
    let url = database.url();
    let (_, rest) = url.split_once('@').expect("a URL with a user");
    let url = format!("postgres://{SERVING}:{SERVING}@{rest}");
    let store = PostgresStore::connect(&url, PostgresOptions::default()).await;
    (store.expect("the store"), database)
}
