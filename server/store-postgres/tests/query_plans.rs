//! Every query is served by an index, row-level security included: none reads all that a tenant has in
//! a table.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::{fs, path::Path};

use common::rows::{insert, tables};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Tables that may be read whole, with the reason.
const ALLOWED: [(&str, &str); 7] = [
    (
        "tenant_directory",
        "the list of all tenants is the whole table",
    ),
    (
        "_sqlx_migrations",
        "the start looks at all that ran, a handful",
    ),
    ("tenant", "a tenant has one row there"),
    ("participant", "the list of all is for whole-tenant work"),
    ("ancestor", "the doctor counts them all"),
    ("log_claim", "the doctor counts them all"),
    ("job_lease", "a tenant has one row a job"),
];

/// Queries that may, with the reason.
const ALLOWED_QUERIES: [(&str, &str); 5] = [
    (
        "DELETE FROM push AS forgotten",
        "a restore forgets who registered",
    ),
    (
        "SELECT goal, points, people FROM frozen_contribution",
        "an erasure tells the journal all of it, lest the part that moved show whose it was",
    ),
    (
        "SELECT place, date, session_kind, session, people FROM frozen_attendance",
        "the same",
    ),
    (
        "DELETE FROM dirty WHERE tenant = $1 AND participant = $2",
        "an erasure looks through what still waits, which is short",
    ),
    (
        "SELECT rolsuper",
        "the start looks at its role in the catalogs",
    ),
];

/// Rows of a tenant in each table.
const ROWS: u32 = 5_000;

struct Query {
    text: String,
    parameters: usize,
}

#[tokio::test]
async fn no_query_reads_a_whole_table() {
    let database = common::database().await;
    fill(&database.url()).await;
    let mut connection = PgConnection::connect(&common::serving_url(&database))
        .await
        .expect("the serving role");
    // As the store sets them; and plans that are the same for all parameters.
    for setting in [
        "SET enable_seqscan = off",
        "SET enable_hashjoin = off",
        "SET enable_mergejoin = off",
        "SET plan_cache_mode = force_generic_plan",
    ] {
        connection.execute(setting).await.expect("a setting");
    }
    let mut faults = Vec::new();
    for query in queries() {
        let plan = plan(&mut connection, &query).await;
        let pages = query.text.contains("LIMIT") && !has(&plan, "Sort");
        let rare = |(prefix, _): &(&str, &str)| query.text.starts_with(prefix);
        if ALLOWED_QUERIES.iter().any(rare) {
            continue;
        }
        let mut steps = Vec::new();
        reading_too_much(&plan, pages, &mut steps);
        faults.extend(
            steps
                .iter()
                .map(|step| format!("{step}\n  in {}", query.text)),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Many rows of two tenants, and statistics of them, so that a plan's cost is what it would be.
async fn fill(url: &str) {
    let mut owner = PgConnection::connect(url).await.expect("the owner");
    let no_foreign_keys = "SET session_replication_role = replica";
    owner.execute(no_foreign_keys).await.expect("a superuser");
    for table in tables(&mut owner).await {
        for tenant in [1, 2] {
            let statement = insert(&mut owner, &table, tenant, ROWS).await;
            // A tenant has one row in some.
            let statement = format!("{statement} ON CONFLICT DO NOTHING");
            let done = owner.execute(AssertSqlSafe(statement)).await;
            done.unwrap_or_else(|error| panic!("{table}: {error}"));
        }
    }
    // What some indexes are of.
    for change in [
        "UPDATE recovery_sheet SET used_by = NULL",
        "UPDATE op SET kind = 32 WHERE origin_sequence % 2 = 0",
    ] {
        owner.execute(change).await.expect("a change");
    }
    owner.execute("ANALYZE").await.expect("statistics");
}

/// The texts of the checked queries, and how many parameters they take.
fn queries() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(folder).expect("the checked-in query data");
    let query = |file: std::io::Result<fs::DirEntry>| {
        let content = fs::read_to_string(file.expect("a file").path()).expect("its content");
        let data: Value = serde_json::from_str(&content).expect("JSON");
        let parameters = data.pointer("/describe/parameters/Left");
        Query {
            text: data["query"].as_str().expect("a query").to_owned(),
            parameters: parameters.and_then(Value::as_array).map_or(0, Vec::len),
        }
    };
    let queries: Vec<Query> = files.map(query).collect();
    assert!(queries.len() > 50, "only {} were found", queries.len());
    queries
}

async fn plan(connection: &mut PgConnection, query: &Query) -> Value {
    let run = |statement: String| AssertSqlSafe(statement);
    connection
        .execute(run(format!("PREPARE one AS {}", query.text)))
        .await
        .unwrap_or_else(|error| panic!("{error}\n  in {}", query.text));
    let nothing = vec!["NULL"; query.parameters].join(", ");
    let arguments = if nothing.is_empty() {
        String::new()
    } else {
        format!("({nothing})")
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE one{arguments}");
    let mut plans: Value = sqlx::query_scalar::<_, sqlx::types::Json<Value>>(run(explain))
        .fetch_one(&mut *connection)
        .await
        .expect("a plan")
        .0;
    connection.execute("DEALLOCATE one").await.expect("an end");
    plans[0]["Plan"].take()
}

fn children(step: &Value) -> impl Iterator<Item = &Value> {
    step["Plans"].as_array().into_iter().flatten()
}

fn has(step: &Value, kind: &str) -> bool {
    step["Node Type"] == kind || children(step).any(|child| has(child, kind))
}

/// Steps that read a whole table, or all that a tenant has in one.
fn reading_too_much(step: &Value, pages: bool, faults: &mut Vec<String>) {
    let kind = step["Node Type"].as_str().unwrap_or_default();
    let table = step["Relation Name"]
        .as_str()
        .or_else(|| step["Index Name"].as_str())
        .unwrap_or_default();
    let allowed = ALLOWED
        .iter()
        .any(|(name, _)| table == *name || table == format!("{name}_pkey"));
    let by_index = ["Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(&kind);
    let too_much = kind == "Seq Scan" || by_index && !pages && asks_by_tenant_alone(step);
    if too_much && !allowed {
        faults.push(format!("{kind} on {table}: {}", step["Index Cond"]));
    }
    for child in children(step) {
        reading_too_much(child, pages, faults);
    }
}

/// Whether an index is asked for nothing but the tenant: by the query, by the policy or by both.
fn asks_by_tenant_alone(step: &Value) -> bool {
    let condition = step["Index Cond"].as_str().unwrap_or_default();
    // A partial index is as short as its condition makes it.
    let names = [
        "log_entry_refused",
        "log_entry_carried",
        "device_by_participant",
    ];
    let is_partial = step["Index Name"]
        .as_str()
        .is_some_and(|name| names.contains(&name));
    !is_partial
        && condition
            .split(" AND ")
            .all(|part| part.trim_start_matches('(').starts_with("tenant = "))
}
