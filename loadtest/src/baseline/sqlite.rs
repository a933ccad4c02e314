//! Bare inserts into `SQLite`, many rows a transaction, each as durable as the server's.

use std::{path::Path, time::Duration};

use askel_server::clock::{Clock as _, SystemClock};
use rusqlite::{Connection, params};

use super::{BATCH_ROWS, PAYLOAD_BYTES, Rate, keys};
use crate::load::{count, per_s};

/// Inserts for so long. It blocks.
pub(crate) fn run(folder: &Path, time: Duration) -> anyhow::Result<Rate> {
    let mut connection = Connection::open(folder.join("bare.sqlite"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS many (
             op BLOB NOT NULL PRIMARY KEY,
             log BLOB NOT NULL,
             sequence INTEGER NOT NULL,
             payload BLOB NOT NULL,
             at_ms INTEGER NOT NULL
         ) WITHOUT ROWID",
    )?;
    let clock = SystemClock::start();
    let payload = [0xab_u8; PAYLOAD_BYTES];
    let mut rows: u64 = 0;
    loop {
        let ops = keys(BATCH_ROWS)?;
        let log = keys(1)?.concat();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO many (op, log, sequence, payload, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (sequence, op) in (0_i64..).zip(&ops) {
                insert.execute(params![op, log, sequence, payload, sequence])?;
            }
        }
        transaction.commit()?;
        rows = rows.saturating_add(count(BATCH_ROWS));
        // One at least, also where there is no time.
        if clock.monotonic() >= time {
            break;
        }
    }
    Ok(Rate {
        per_s: per_s(rows, clock.monotonic()),
    })
}
