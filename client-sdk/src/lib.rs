//! What a mobile app embeds: everything offline, sync when it can.

mod answer;
mod client;
mod clock;
mod engine;
mod entropy;
mod error;
mod key_store;
mod storage;
mod transport;

pub use answer::*;
pub use client::{Client, Components};
pub use clock::{Clock, ClockReading, SystemClock};
pub use entropy::{Entropy, NoEntropy, SystemEntropy};
pub use error::{Advice, Cause, Error};
pub use key_store::{DeviceKeys, FileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore};
pub use storage::{
    MemoryStorage, RowKey, RowWrite, SealedRow, SqliteStorage, Storage, StorageError,
};
pub use transport::{Credential, GrpcTransport, Refusal, SyncAnswer, Transport, TransportError};

/// README.md's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
