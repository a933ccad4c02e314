//! Nothing of an erased person is left in any row of any table: a scan for what only they had.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use askel_store::conformance::canary::{canaries, erase_the_first, live};
use data_encoding::HEXLOWER;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Ops of a person.
const OPS: u64 = 300;

/// The canaries that some row of some table holds, read by who sees all.
async fn found(owner: &mut PgConnection, canaries: &[(String, Vec<u8>)]) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name",
    )
    .fetch_all(&mut *owner)
    .await
    .expect("the tables");
    let mut found = Vec::new();
    for table in tables {
        // Bytes are in hex there, and text as it is.
        let rows: String = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT coalesce(string_agg(one::text, ' '), '') FROM {table} AS one"
        )))
        .fetch_one(&mut *owner)
        .await
        .expect("all rows");
        for (what, canary) in canaries {
            let text = String::from_utf8_lossy(canary);
            if rows.contains(&HEXLOWER.encode(canary)) || rows.contains(&*text) {
                found.push(format!("{what} in {table}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_in_any_table() {
    let (store, database) = common::open().await;
    let ops = live(&store, OPS).await;
    let canaries = canaries(&ops);
    let mut owner = PgConnection::connect(&database.url())
        .await
        .expect("the owner");
    let before = found(&mut owner, &canaries).await;
    assert!(
        before.len() >= canaries.len(),
        "the scan finds what is there: {before:?}"
    );
    erase_the_first(&store).await;
    assert_eq!(found(&mut owner, &canaries).await, Vec::<String>::new());
}
