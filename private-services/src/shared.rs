//! One server for all tests of a process, or of a run of the test command.

use std::{
    env,
    sync::{Mutex, PoisonError},
};

use crate::{Database, Durability, Error, Postgres, PostgresSettings, Redis, database};

/// Names the server that tests use instead of one of their own.
pub const PRIVATE_POSTGRES_URL: &str = "PRIVATE_POSTGRES_URL";

/// The same of Redis.
pub const PRIVATE_REDIS_URL: &str = "PRIVATE_REDIS_URL";

/// A PostgreSQL server that others use as well: take a database of your own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPostgres {
    url: String,
}

/// A Redis server that others use as well: take names that nobody else takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRedis {
    url: String,
}

/// The PostgreSQL server of the environment's [`PRIVATE_POSTGRES_URL`], or else one for this process, whose
/// data no crash of the machine need outlive.
///
/// # Errors
/// See [`Error`].
pub fn postgres() -> Result<SharedPostgres, Error> {
    static OWN: Mutex<Option<Postgres>> = Mutex::new(None);
    let start = || Postgres::start(&PostgresSettings::new(Durability::Volatile));
    let url = shared(PRIVATE_POSTGRES_URL, &OWN, start, Postgres::url)?;
    Ok(SharedPostgres { url })
}

/// The Redis server of the environment's [`PRIVATE_REDIS_URL`], or else one for this process.
///
/// # Errors
/// See [`Error`].
pub fn redis() -> Result<SharedRedis, Error> {
    static OWN: Mutex<Option<Redis>> = Mutex::new(None);
    let url = shared(PRIVATE_REDIS_URL, &OWN, Redis::start, Redis::url)?;
    Ok(SharedRedis { url })
}

impl SharedPostgres {
    /// Where the superuser reaches the database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new empty database, gone when dropped.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new_database(&self) -> Result<Database, Error> {
        database::create(&self.url, None)
    }

    /// A copy of a database of this server, which nobody may be connected to; gone when dropped.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn copy_of(&self, database: &Database) -> Result<Database, Error> {
        database::create(&self.url, Some(database.name()))
    }
}

impl SharedRedis {
    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Nothing is dropped at the end of a process: the caretaker of its folder clears up.
fn shared<T>(
    variable: &str,
    own: &Mutex<Option<T>>,
    start: impl FnOnce() -> Result<T, Error>,
    url: impl FnOnce(&T) -> String,
) -> Result<String, Error> {
    if let Ok(named) = env::var(variable) {
        return Ok(named);
    }
    let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
    let server = match own.take() {
        Some(server) => server,
        None => start()?,
    };
    Ok(url(own.insert(server)))
}
