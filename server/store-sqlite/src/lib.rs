//! The embedded store: one `SQLite` file, durable on return of every write.
//!
//! One writer connection, whose transactions begin IMMEDIATE, and a few readers beside it (WAL).
//! Every query is checked against the schema when the crate is built, by the data in `.sqlx`;
//! `cargo xtask sqlx-data` renews it. Files are named as the traits of `askel-store`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use askel_store::TenantStore as _;
//! use askel_store_sqlite::SqliteStore;
//!
//! let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(&folder.path().join("askel.db")).await?;
//! assert!(store.list_tenants().await?.is_empty());
//! store.close().await;
//! # Ok(()) })
//! # }
//! ```

mod audit;
mod backup;
mod catalog;
mod column;
mod enrolment;
mod erasure;
mod error;
mod job_lease;
mod op;
mod projection;
mod push;
mod restore;
mod retention;
mod rows;
mod store;
mod tenant;

pub use store::SqliteStore;
