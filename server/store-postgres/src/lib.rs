//! The store of many nodes: a `PostgreSQL` database.
//!
//! Every transaction begins with its tenant (`askel.tenant`), without which row-level security shows
//! no row; nothing here runs outside of one but the start's checks and the list of tenants' ids.
//!
//! Who may change what at once:
//!
//! - Each transaction that writes takes a lock of the tenant, for the time of the transaction. What is
//!   frequent (appends, clocks, claims) takes it in company, what is rare and looks at much
//!   (enrolments, erasures, catalogs) alone.
//! - In company, an append locks rows in one order: its logs, its streams, its streams of before, each
//!   in the order of bytes; it then inserts what is new in the same order, and takes the chain of audit
//!   entries last. Whoever finds that a row it was about to make is there begins anew.
//!
//! Every query is checked against the schema when the crate is built, by the data in `.sqlx`;
//! `cargo xtask sqlx-data` renews it. Files are named as the traits of `askel-store`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use askel_store::TenantStore as _;
//! use askel_store_postgres::{PostgresOptions, PostgresStore, migrate};
//!
//! migrate("postgres://owner@db.example/askel").await?;
//! let url = "postgres://server@db.example/askel?sslmode=verify-full&sslrootcert=ca.pem";
//! let store = PostgresStore::connect(url, PostgresOptions::default()).await?;
//! assert!(store.list_tenants().await?.is_empty());
//! store.close().await;
//! # Ok(()) }
//! ```

mod audit;
mod catalog;
mod column;
mod enrolment;
mod erasure;
mod error;
mod gather;
mod job_lease;
mod op;
mod projection;
mod push;
mod restore;
mod retention;
mod role;
mod standing;
mod store;
mod tenant;

pub use standing::{count_connections_of, list_tables};
pub use store::{PostgresOptions, PostgresStore, migrate};
