//! What a mobile app embeds: everything offline, sync when it can.
//!
//! A [`Client`] is one installation. Whatever it is told is on disk, encrypted, before it answers, and
//! shows at once; [`Client::sync`] hands it in and pulls what is new whenever there is a network. What
//! it is made of comes in as [`Components`].
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use askel_client_sdk::*;
//!
//! # async fn example(link: &str) -> Result<(), Error> {
//! let client = Client::open(Components {
//!     storage: Box::new(SqliteStorage::open("askel.db")?),
//!     key_store: Box::new(FileKeyStore::new("askel.keys")),
//!     transport: Arc::new(GrpcTransport::new()),
//!     clock: Arc::new(SystemClock::new()),
//!     entropy: Arc::new(SystemEntropy),
//! })?;
//! client.enrol(link).await?; // once, with the invitation's link
//! client.sync(Budget { time: Duration::from_secs(20) }).await?; // brings the catalog
//! let checked_in = client.check_in(PlaceId::new(1))?; // no network needed
//! for award in checked_in.new_awards.iter().chain(&client.awards()) {
//!     let _shown_at_once = &award.name;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Below the API, the private `engine` decides everything and does no I/O; the API asks it, commits the
//! rows it returns in one transaction, and only then answers. Errors are named for what the app should
//! do about them ([`Error`]).

mod answer;
mod client;
mod clock;
mod engine;
mod entropy;
mod error;
mod key_store;
mod storage;
mod transport;

pub use answer::{
    Attended, Award, Budget, Change, CheckedIn, ComeBack, Confirmation, Enrolled, Footprint,
    Joining, Nearby, Notice, NoticeKind, Opening, OwnDevice, OwnScan, Place, PlaceDay, Presence,
    Profile, Progress, PushWish, QuietHours, RecoverySheet, RejectedOp, Scanned, SessionCounts,
    StageProgress, Status, StepReading, StepsRecorded, SyncEnd, SyncReport,
};
#[cfg(feature = "inspection")]
pub use answer::{SeenOp, SeenStanding};
pub use askel_proto::v1::{DeviceChange, DeviceState, Undo};
pub use client::{Client, Components};
pub use clock::{Clock, ClockReading, SystemClock};
pub use engine::retry_wait_ms;
pub use entropy::{Entropy, NoEntropy, SystemEntropy};
pub use error::{Advice, Cause, Error};
pub use key_store::{DeviceKeys, FileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore};
pub use storage::{
    MemoryStorage, RowKey, RowWrite, SealedRow, SqliteStorage, Storage, StorageError,
};
pub use transport::{
    Credential, GrpcTransport, Refusal, SyncAnswer, TraceContext, Transport, TransportError,
};

/// README.md's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The words of the API that the core owns.
pub use askel_sync::{
    admission::{Role, Strength},
    goal::GoalKind,
    id::{
        ActivityId, AwardId, BadgeId, DeviceId, GoalId, OpId, ParticipantId, PlaceId, SessionId,
        SlotId, StepSourceId,
    },
    key::PublicKey,
    op::{Alias, CorrectionReason, Measure, SessionRef},
    time::{ClockSegment, LocalDate, Timestamp},
};
