//! Single-row inserts, each committed, by `pgbench`.

use std::{fs, path::Path, process::Command};

use askel_private_services::{Postgres, postgres_program};

use super::{PAYLOAD_BYTES, Rate};
use crate::load::sql;

/// Connections.
const CONNECTIONS: &str = "16";

/// Runs, each twice as long as the one before.
const TRIES_MAX: u32 = 5;

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

/// Runs it for so many seconds; on a machine that has no time for it, for longer.
pub(crate) fn run(postgres: &Postgres, folder: &Path, seconds: u64) -> anyhow::Result<Rate> {
    let script = folder.join("single.sql");
    let payload = "ab".repeat(PAYLOAD_BYTES);
    let insert = format!(
        "INSERT INTO bare.single (payload, at_ms) VALUES ('\\x{payload}', 1767225600000);\n"
    );
    fs::write(&script, insert)?;
    let mut seconds = seconds;
    for _ in 0..TRIES_MAX {
        if let Some(per_s) = transactions(postgres, &script, seconds)? {
            return Ok(Rate { per_s });
        }
        seconds = seconds.saturating_mul(2);
    }
    anyhow::bail!("pgbench came to nothing")
}

/// So many a second; `None` if there was not one.
fn transactions(postgres: &Postgres, script: &Path, seconds: u64) -> anyhow::Result<Option<f64>> {
    let output = Command::new(postgres_program("pgbench")?)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args(["--client", CONNECTIONS])
        .args(["--time", &seconds.to_string()])
        .arg("--file")
        .arg(script)
        .arg(postgres.url())
        .output()?;
    let why = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "pgbench: {why}");
    let told = String::from_utf8_lossy(&output.stdout);
    let line = told.lines().find_map(|line| line.strip_prefix("tps = "));
    Ok(line.and_then(|line| line.split_whitespace().next()?.parse().ok()))
}
