//! The SDK for phones, through `UniFFI`: records, errors and callbacks, and no logic.
//!
//! One [`Client`] is one installation; its calls block for as long as storage takes, and those that use
//! the network for as long as that takes: an app calls them from a thread of its own. Ids travel as
//! bytes, times as milliseconds since 1970-01-01T00:00:00Z, days as days since 1970-01-01.

mod client;
mod error;
mod key_store;
mod observer;
mod record;

pub use client::Client;
pub use error::AskelError;
pub use key_store::{KeyStore, KeyStoreFailure};
pub use observer::{Change, Observer};
pub use record::{
    Attended, Award, CheckedIn, CorrectionReason, DaySteps, DeviceState, Enrolled, Measure, Nearby,
    Opening, OwnDevice, OwnScan, Place, PlaceDay, Profile, Progress, PushWish, QuietHours,
    RejectedOp, Role, Scanned, Session, SessionCounts, StageProgress, Status, StepReading,
    StepsRecorded, SyncReport,
};

uniffi::setup_scaffolding!();
