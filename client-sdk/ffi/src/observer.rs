//! What changes, as a callback.

use crate::record::{Award, RejectedOp};

/// Is told what changes, on a thread of the SDK's. It must not call the client it observes and wait.
#[uniffi::export(with_foreign)]
pub trait Observer: Send + Sync {
    /// Something changed.
    fn changed(&self, change: Change);
}

/// Something an app may want to show at once.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Change {
    /// Facts of the participant changed: progress may have.
    Facts,
    /// An award is shown that was not.
    AwardShown {
        /// It.
        award: Award,
    },
    /// The server confirmed an award.
    AwardConfirmed {
        /// It.
        award: Award,
    },
    /// An award is not shown any more.
    AwardGone {
        /// Its id.
        id: Vec<u8>,
    },
    /// Counts of a place changed.
    PlaceDay {
        /// Where.
        place: u32,
        /// The local day.
        date: i32,
    },
    /// A new catalog is in force.
    Catalog {
        /// Its version.
        version: u32,
    },
    /// The server refused an op.
    Rejected {
        /// It.
        op: RejectedOp,
    },
    /// A device of the same principal was added, re-invited or revoked.
    Device {
        /// Which.
        device: Vec<u8>,
        /// Until when it may be refused, if it may.
        refusable_until_ms: Option<i64>,
    },
    /// Something happened that the person should be told, in one plain sentence.
    Notice {
        /// It.
        text: String,
    },
    /// A sync ended.
    Synced,
    /// Changes were missed: read everything again.
    Missed,
}

impl Change {
    /// `None` for a change of a later version.
    pub(crate) fn of(change: askel_client_sdk::Change) -> Option<Self> {
        use askel_client_sdk::Change as Sdk;
        Some(match change {
            Sdk::Facts => Self::Facts,
            Sdk::AwardShown(award) => Self::AwardShown {
                award: award.into(),
            },
            Sdk::AwardConfirmed(award) => Self::AwardConfirmed {
                award: award.into(),
            },
            Sdk::AwardGone(id) => Self::AwardGone {
                id: id.as_bytes().to_vec(),
            },
            Sdk::PlaceDay { place, date } => Self::PlaceDay {
                place: place.get(),
                date: date.as_days(),
            },
            Sdk::Catalog { version } => Self::Catalog { version },
            Sdk::Rejected(op) => Self::Rejected { op: op.into() },
            Sdk::Device {
                device,
                refusable_until,
                ..
            } => Self::Device {
                device: device.to_vec(),
                refusable_until_ms: refusable_until.map(askel_client_sdk::Timestamp::as_ms),
            },
            Sdk::Notice(notice) => Self::Notice { text: notice.text },
            Sdk::Synced => Self::Synced,
            _ => return None,
        })
    }
}
