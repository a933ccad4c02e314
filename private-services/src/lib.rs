//! Private throw-away PostgreSQL and Redis processes, for tests, drills and measurements.
//!
//! Each is started from the machine's programs (Debian's packages `postgresql` and `redis-server`) on a
//! free loopback port, with a password and a folder of its own, and ends with its value: nothing of it is
//! left, not even when the process that started it is killed. The machine's own services are neither
//! used nor touched. As root, the service runs as `nobody`.
//!
//! All of it blocks: starting takes about a second. A test takes a database of its own on the one
//! server of its process:
//!
//! ```
//! # fn main() -> Result<(), askel_private_services::Error> {
//! let database = askel_private_services::postgres()?.new_database()?;
//! assert!(database.url().starts_with("postgres://"));
//! # Ok(())
//! # }
//! ```

mod account;
mod database;
mod error;
mod folder;
mod port;
mod postgres;
mod process;
mod program;
mod random;
mod redis;
mod service;
mod shared;

#[cfg(doctest)]
#[doc = include_str!("../../docs/private-services.md")]
struct Documentation;

pub use crate::{
    database::Database,
    error::Error,
    postgres::{Durability, Postgres, PostgresSettings},
    program::{postgres_program, redis_program},
    redis::Redis,
    shared::{
        PRIVATE_POSTGRES_URL, PRIVATE_REDIS_URL, SharedPostgres, SharedRedis, postgres, redis,
    },
};
