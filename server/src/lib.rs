//! The server: takes in what phones and scanners hand in, judges it, confirms awards, and hands out
//! what each may read.
//!
//! `boot` puts it together; `rpc` decodes, authorises, calls a use case of `app` and encodes;
//! `ingest` groups writes into transactions; `project` confirms. Clock, randomness, store, fan-out
//! and push are components.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use askel_server::{Config, boot, clock::SystemClock};
//! use std::sync::Arc;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let mut config = Config::default();
//! config.store.data_dir = folder.path().to_owned();
//! config.server.listen = "127.0.0.1:0".parse().unwrap();
//!
//! let components = boot::embedded(&config, Arc::new(SystemClock::start())).await.unwrap();
//! let server = boot::start(&config, components).await.unwrap();
//! assert_ne!(server.local_addr().port(), 0);
//! server.shutdown().await;
//! # });
//! ```

pub mod age;
mod app;
pub mod boot;
mod cache;
mod catalogs;
pub mod clock;
mod components;
pub mod config;
mod connection;
pub mod credential_file;
pub mod entropy;
pub mod fan_out;
pub mod in_process;
mod ingest;
pub mod journal;
mod journaled;
mod levels;
pub mod lifecycle;
pub mod limits;
mod measured;
mod meters;
pub mod operator;
mod overload;
mod project;
pub mod push;
mod retention;
pub mod rpc;
mod server_log;
mod spans;
pub mod telemetry;
mod tls;
mod waking;

pub use app::{AppError, Reason, VerifiedParticipant, VerifiedTenant, verify};
pub use boot::Server;
pub use components::Components;
pub use config::Config;
pub use journaled::{Journaled, parse_noted, parse_record};
pub use tls::TlsError;
