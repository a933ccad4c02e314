//! Bare inserts of many rows in one statement, each committed, on several connections to `PostgreSQL`.

use std::time::Duration;

use askel_private_services::Postgres;
use askel_server::clock::{Clock as _, SystemClock};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use super::{BATCH_ROWS, PAYLOAD_BYTES, Rate, keys};
use crate::load::{count, per_s, sql};

/// Connections.
const CONNECTIONS: usize = 4;
const INSERT: &str = "INSERT INTO bare.many (op, log, sequence, payload, at_ms)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[])";

/// A table like that of ops: a random key, and what is kept of one.
pub(crate) fn prepare(postgres: &Postgres) -> anyhow::Result<()> {
    sql(
        postgres,
        "CREATE TABLE bare.many (
             op bytea NOT NULL PRIMARY KEY,
             log bytea NOT NULL,
             sequence bigint NOT NULL,
             payload bytea NOT NULL,
             at_ms bigint NOT NULL
         )",
    )
}

/// Inserts for so long.
pub(crate) async fn run(postgres: &Postgres, time: Duration) -> anyhow::Result<Rate> {
    let clock = SystemClock::start();
    let mut writers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let url = postgres.url();
        writers.spawn(async move { write(&url, clock, time).await });
    }
    let mut rows: u64 = 0;
    while let Some(written) = writers.join_next().await {
        rows = rows.saturating_add(written??);
    }
    Ok(Rate {
        per_s: per_s(rows, clock.monotonic()),
    })
}

async fn write(url: &str, clock: SystemClock, time: Duration) -> anyhow::Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let mut rows: u64 = 0;
    loop {
        let ops = keys(BATCH_ROWS)?;
        let log = keys(1)?.concat();
        let numbers: Vec<i64> = (0..).take(BATCH_ROWS).collect();
        sqlx::query(INSERT)
            .bind(&ops)
            .bind(vec![log; BATCH_ROWS])
            .bind(&numbers)
            .bind(vec![vec![0xab_u8; PAYLOAD_BYTES]; BATCH_ROWS])
            .bind(&numbers)
            .execute(&mut connection)
            .await?;
        rows = rows.saturating_add(count(BATCH_ROWS));
        // One at least, also where there is no time.
        if clock.monotonic() >= time {
            break;
        }
    }
    connection.close().await?;
    Ok(rows)
}
