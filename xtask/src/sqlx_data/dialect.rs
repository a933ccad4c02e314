//! The databases that a server's store may have.

use super::scratch::Engine;

/// A dialect of SQL: its migrations, and the store whose queries speak it.
pub(super) struct Dialect {
    /// Which database.
    pub(super) engine: Engine,
    /// The store.
    pub(super) package: &'static str,
    /// The folder of its query data, from the root.
    pub(super) data: &'static str,
    /// The folder of its migrations, from the root.
    pub(super) migrations: &'static str,
    /// What its migrations come to, as SQL, from the root.
    pub(super) schema: &'static str,
}

/// All that there are.
pub(super) const ALL: &[Dialect] = &[
    Dialect {
        engine: Engine::Sqlite,
        package: "askel-store-sqlite",
        data: "server/store-sqlite/.sqlx",
        migrations: "migrations/sqlite",
        schema: "migrations/sqlite/schema.sql",
    },
    Dialect {
        engine: Engine::Postgres,
        package: "askel-store-postgres",
        data: "server/store-postgres/.sqlx",
        migrations: "migrations/postgres",
        schema: "migrations/postgres/schema.sql",
    },
];
