//! Single-row inserts, each committed, by `pgbench`.

use std::{fs, path::Path, process::Command};

use anyhow::Context as _;
use askel_private_services::{Postgres, postgres_program};

use super::{PAYLOAD_BYTES, Rate};
use crate::load::sql;

/// Connections.
const CONNECTIONS: &str = "16";

/// A table with a key and nothing else that costs.
pub(crate) fn prepare(postgres: &Postgres) -> anyhow::Result<()> {
    sql(
        postgres,
        "CREATE SCHEMA bare;
         CREATE TABLE bare.single (
             id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             payload bytea NOT NULL,
             at_ms bigint NOT NULL
         )",
    )
}

/// Runs it for so many seconds.
pub(crate) fn run(postgres: &Postgres, folder: &Path, seconds: u64) -> anyhow::Result<Rate> {
    let script = folder.join("single.sql");
    let payload = "ab".repeat(PAYLOAD_BYTES);
    let insert = format!(
        "INSERT INTO bare.single (payload, at_ms) VALUES ('\\x{payload}', 1767225600000);\n"
    );
    fs::write(&script, insert)?;
    let output = Command::new(postgres_program("pgbench")?)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args(["--client", CONNECTIONS])
        .args(["--time", &seconds.to_string()])
        .arg("--file")
        .arg(&script)
        .arg(postgres.url())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let line = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Rate {
        per_s: number.with_context(|| format!("pgbench: {why}"))?,
    })
}
