//! Every query is served by an index: none reads a whole table.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use askel_store_sqlite::SqliteStore;
use sqlx::{Row as _, SqlitePool, sqlite::SqliteConnectOptions};

/// Steps that may read all there is, with the reason.
const ALLOWED: [(&str, &str); 10] = [
    (
        "SCAN json_each VIRTUAL TABLE INDEX",
        "the caller's own rows, unpacked",
    ),
    (
        "SCAN wanted VIRTUAL TABLE INDEX",
        "the caller's own rows, unpacked",
    ),
    ("SCAN (subquery-", "what other steps have found"),
    ("SCAN CONSTANT ROW", "one row of parameters"),
    (
        "SCAN tenant",
        "the list of all tenants is the whole table, a handful of rows",
    ),
    (
        "SEARCH tenant USING PRIMARY KEY",
        "a tenant has one row there",
    ),
    (
        "SEARCH participant USING PRIMARY KEY (tenant=?)",
        "the list of all is for whole-tenant work",
    ),
    (
        "SEARCH ancestor USING PRIMARY KEY (tenant=?)",
        "the doctor counts them all",
    ),
    (
        "SEARCH log_claim USING PRIMARY KEY (tenant=?)",
        "the doctor counts them all",
    ),
    (
        "SCAN gone VIRTUAL TABLE INDEX",
        "the caller's own rows, unpacked",
    ),
];

/// Queries that may, with the reason.
const ALLOWED_QUERIES: [(&str, &str); 6] = [
    (
        "UPDATE job_lease SET generation",
        "a tenant has one row a job",
    ),
    (
        "DELETE FROM push AS forgotten",
        "a restore forgets who registered",
    ),
    (
        "DELETE FROM participant",
        "foreign keys are checked, by an index that the planner takes for no better; erasures are rare",
    ),
    ("DELETE FROM pass", "the same"),
    (
        "SELECT goal, points, people FROM frozen_contribution",
        "an erasure tells the journal all of it, lest the part that moved show whose it was; the file is written anew then too",
    ),
    (
        "SELECT place, date, session_kind, session, people FROM frozen_attendance",
        "the same",
    ),
];

#[tokio::test]
async fn no_query_reads_a_whole_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("askel.db");
    SqliteStore::open(&path)
        .await
        .expect("a new store")
        .close()
        .await;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let database = SqlitePool::connect_with(options)
        .await
        .expect("the migrated database");
    let mut faults = Vec::new();
    for query in queries() {
        let steps = plan(&database, &query).await;
        for step in steps
            .iter()
            .filter(|step| reads_too_much(step, &steps, &query))
        {
            faults.push(format!("{step}\n  in {query}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A step that reads a whole table, or all that a tenant has in one.
fn reads_too_much(step: &str, steps: &[String], query: &str) -> bool {
    let excused = |(prefix, _): &(&str, &str)| step.starts_with(prefix);
    let rare = |(prefix, _): &(&str, &str)| query.starts_with(prefix);
    if ALLOWED.iter().any(excused) || ALLOWED_QUERIES.iter().any(rare) {
        return false;
    }
    // The first rows in the order of a key: nothing is read that is not returned.
    let sorts = steps.iter().any(|step| step.starts_with("USE TEMP B-TREE"));
    let pages = query.contains("LIMIT") && !sorts;
    step.starts_with("SCAN") || step.ends_with("(tenant=?)") && !pages
}

/// The texts of the checked queries.
fn queries() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(folder).expect("the checked-in query data");
    let query = |file: std::io::Result<fs::DirEntry>| {
        let content = fs::read_to_string(file.expect("a file").path()).expect("its content");
        let data: serde_json::Value = serde_json::from_str(&content).expect("JSON");
        data.get("query")
            .and_then(|query| query.as_str())
            .expect("a query")
            .to_owned()
    };
    let queries: Vec<String> = files.map(query).collect();
    assert!(
        queries.len() > 50,
        "only {} queries were found",
        queries.len()
    );
    queries
}

/// The steps of a query's plan.
async fn plan(database: &SqlitePool, query: &str) -> Vec<String> {
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
    let rows = sqlx::query(explain)
        .fetch_all(database)
        .await
        .expect("a plan");
    rows.iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect()
}
