//! Rows of some sort for every table that the schema has.

use sqlx::{PgConnection, Row as _};

/// Tables without rows of tenants: the ids of all, and the note of what migrations ran.
const OF_NO_TENANT: [&str; 2] = ["tenant_directory", "_sqlx_migrations"];

/// Columns of bytes that are 32 long; all others are as long as an id.
const LONG: [&str; 6] = [
    "root_hash",
    "code_hash",
    "public_key",
    "hash",
    "previous_hash",
    "seed",
];

/// All tables with rows of tenants.
pub(crate) async fn tables(connection: &mut PgConnection) -> Vec<String> {
    let all: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name",
    )
    .fetch_all(connection)
    .await
    .expect("the tables");
    let tables: Vec<_> = all
        .into_iter()
        .filter(|table| !OF_NO_TENANT.contains(&&**table))
        .collect();
    assert!(tables.len() >= 20, "{tables:?}");
    tables
}

/// A statement that adds rows of a tenant, the first of which has no bytes but the tenant's.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    table: &str,
    tenant: u8,
    rows: u32,
) -> String {
    let columns = sqlx::query(
        "SELECT column_name::text, data_type::text FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
               AND (is_nullable = 'NO' OR data_type = 'bytea')
         ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .expect("the columns");
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let own = format!("decode(repeat('{tenant:02x}', 16), 'hex')");
    for column in columns {
        let (name, kind): (String, String) = (column.get(0), column.get(1));
        let bytes = format!(
            "CASE n WHEN 1 THEN {own} ELSE decode(md5('{name} {tenant} ' || n), 'hex') END"
        );
        values.push(match &*kind {
            "bytea" if name == "tenant" => own.clone(),
            "bytea" if LONG.contains(&&*name) => format!("({bytes}) || {own}"),
            "bytea" => bytes,
            "boolean" => "n % 10 = 1".to_owned(),
            "text" => "'text'".to_owned(),
            "smallint" => "1".to_owned(),
            _ => "n".to_owned(),
        });
        names.push(name);
    }
    let (names, values) = (names.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {rows}) AS n")
}
