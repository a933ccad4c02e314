//! Errors that say what the app should do.

use crate::{
    entropy::NoEntropy,
    key_store::KeyStoreError,
    storage::StorageError,
    transport::{Refusal, TransportError},
};

/// Why a call failed, named for what the app should do. Nothing of what was asked was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is wrong with what was asked: ask again later.
    #[error("try again later")]
    RetryLater(#[source] Cause),
    /// This installation has no right, or no readable data: enrol, or come back, again.
    #[error("enrol again")]
    EnrolAgain(#[source] Cause),
    /// A newer version of the app is needed.
    #[error("update the app")]
    UpdateApp(#[source] Cause),
    /// What was asked can't be done as it is: show the person why.
    #[error("the input can't be used")]
    FixInput(#[source] Cause),
    /// The SDK is wrong: report it.
    #[error("a mistake of the SDK")]
    Bug(#[source] Cause),
}

/// What the app should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Advice {
    /// Ask again later.
    RetryLater,
    /// Enrol, or come back, again.
    EnrolAgain,
    /// Update the app.
    UpdateApp,
    /// Show the person why.
    FixInput,
    /// Report it.
    Bug,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server was not reached, or refused.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The database can't be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The key store can't be read or written.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// The system gives no randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// There is a database, and no key for it: it was restored from a backup, or the key store was
    /// emptied. What was synced comes back with a recovery sheet.
    #[error("the database was found without its key")]
    DatabaseWithoutKey,
    /// A row of the database does not open with its key: the key is another one's, or the database was
    /// tampered with.
    #[error("the database does not open with its key")]
    DatabaseUnreadable,
    /// No invitation was used yet.
    #[error("this installation is not enrolled")]
    NotEnrolled,
    /// An invitation was used before.
    #[error("this installation is enrolled already")]
    AlreadyEnrolled,
    /// Only a participant's device can do this.
    #[error("only a participant's device can do this")]
    NotAParticipant,
    /// Only a staff device can do this.
    #[error("only a staff device can do this")]
    NotStaff,
    /// What is asked is for others to do: a volunteer takes back only an own scan, for ten minutes.
    #[error("this is for others to do")]
    NotAllowed,
    /// The link is no invitation or recovery sheet, or not one for this.
    #[error("the link can't be used: {0}")]
    Link(&'static str),
    /// What the server answered can't be trusted or read.
    #[error("the server's answer can't be used: {0}")]
    Answer(&'static str),
    /// The server speaks another version of the protocol.
    #[error("the server speaks another version of the protocol")]
    Version,
    /// A value is out of its bounds.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
    /// The catalog has no such thing.
    #[error("the catalog has no such {0}")]
    Unknown(&'static str),
    /// The pass is none, or not one of this tenant.
    #[error("the pass is none of this tenant's")]
    BadPass,
    /// The catalog is not here yet: sync once.
    #[error("the catalog is not here yet")]
    NoCatalog,
    /// The tenant's key list has no key that frames can be sealed to: sync once.
    #[error("frames can't be sealed yet")]
    NoIngestKey,
    /// These are no frames, or a part of them is missing.
    #[error("these are no frames")]
    Frames,
    /// The op can't be handed in again, or is none that was refused.
    #[error("this op can't be handed in again")]
    NotResubmittable,
    /// The staff lease has run out: a sync renews it.
    #[error("the staff lease has run out")]
    LeaseEnded,
    /// An invariant of the SDK does not hold.
    #[error("{0}")]
    Invariant(&'static str),
}

impl Error {
    /// What the app should do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::RetryLater(_) => Advice::RetryLater,
            Self::EnrolAgain(_) => Advice::EnrolAgain,
            Self::UpdateApp(_) => Advice::UpdateApp,
            Self::FixInput(_) => Advice::FixInput,
            Self::Bug(_) => Advice::Bug,
        }
    }

    /// What happened.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::RetryLater(cause)
            | Self::EnrolAgain(cause)
            | Self::UpdateApp(cause)
            | Self::FixInput(cause)
            | Self::Bug(cause) => cause,
        }
    }

    /// The server's own words, if it refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self.cause() {
            Cause::Transport(TransportError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }
}

/// The one place that says what to do about what.
impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        let advice = match &cause {
            Cause::Transport(TransportError::Refused(refusal)) => refusal.advice,
            Cause::Storage(StorageError::NewerSchema { .. }) | Cause::Version => Advice::UpdateApp,
            Cause::Transport(TransportError::Unreachable)
            | Cause::Storage(StorageError::Io(_))
            | Cause::KeyStore(_)
            | Cause::Entropy(_)
            | Cause::Answer(_)
            | Cause::NoCatalog
            | Cause::NoIngestKey
            | Cause::LeaseEnded => Advice::RetryLater,
            Cause::DatabaseWithoutKey | Cause::DatabaseUnreadable | Cause::NotEnrolled => {
                Advice::EnrolAgain
            }
            Cause::AlreadyEnrolled
            | Cause::NotAParticipant
            | Cause::NotStaff
            | Cause::NotAllowed
            | Cause::Link(_)
            | Cause::OutOfBounds(_)
            | Cause::Unknown(_)
            | Cause::BadPass
            | Cause::Frames
            | Cause::NotResubmittable => Advice::FixInput,
            Cause::Invariant(_) => Advice::Bug,
        };
        match advice {
            Advice::RetryLater => Self::RetryLater(cause),
            Advice::EnrolAgain => Self::EnrolAgain(cause),
            Advice::UpdateApp => Self::UpdateApp(cause),
            Advice::FixInput => Self::FixInput(cause),
            Advice::Bug => Self::Bug(cause),
        }
    }
}

macro_rules! error_from {
    ($($cause:ty),+) => {
        $(impl From<$cause> for Error {
            fn from(cause: $cause) -> Self {
                Cause::from(cause).into()
            }
        })+
    };
}

error_from!(TransportError, StorageError, KeyStoreError, NoEntropy);
