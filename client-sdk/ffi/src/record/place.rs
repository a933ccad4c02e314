//! Places, and what a tablet at their door shows.

use askel_client_sdk as sdk;

/// Which session an act belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Session {
    /// A drop-in: an opening interval, or 0 outside any.
    Slot {
        /// The catalog's id of the interval.
        id: u32,
    },
    /// A dated session of the catalog.
    Dated {
        /// The catalog's id of the session.
        id: u32,
    },
}

/// A place of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Place {
    /// Its number.
    pub id: u32,
    /// In the person's language.
    pub name: String,
    /// In the person's language.
    pub description: String,
    /// Degrees north times 10^6.
    pub latitude_e6: Option<i32>,
    /// Degrees east times 10^6.
    pub longitude_e6: Option<i32>,
    /// Its keywords.
    pub keywords: Vec<String>,
    /// Whether the participant marked it.
    pub favourite: bool,
}

/// A place where something is on.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Opening {
    /// The place.
    pub place: Place,
    /// The slot or session in force.
    pub session: Session,
    /// What is on, in the person's language.
    pub activity_name: String,
}

/// A place and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Nearby {
    /// The place.
    pub place: Place,
    /// As the crow flies, in metres.
    pub distance_m: u32,
}

/// What scanning a pass gave.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Scanned {
    /// Counted.
    Welcome {
        /// The check-in's op id.
        op: Vec<u8>,
    },
    /// Counted before; nothing was written.
    AlreadyHere,
}

/// Why a check-in is judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CorrectionReason {
    /// The wrong pass, or nobody.
    ScannedByMistake,
    /// Another session.
    WrongSession,
    /// Another time.
    WrongTime,
    /// It was right after all.
    VoidedByMistake,
}

/// The counts of a place on a day.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PlaceDay {
    /// Where.
    pub place: u32,
    /// The local day, which begins at 04:00.
    pub date: i32,
    /// By session.
    pub sessions: Vec<SessionCounts>,
    /// Passes scanned, each once a session.
    pub scanned: u64,
    /// Counted without a name.
    pub anonymous: u64,
    /// Both.
    pub encounters: u64,
}

/// The counts of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct SessionCounts {
    /// Which session.
    pub session: Session,
    /// Passes scanned, each once.
    pub scanned: u64,
    /// Counted without a name.
    pub anonymous: u64,
    /// Both.
    pub encounters: u64,
}

/// A scan this device made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OwnScan {
    /// The check-in's op id.
    pub op: Vec<u8>,
    /// When, by this device's clock.
    pub at_ms: i64,
    /// Which session.
    pub session: Session,
    /// Whether it was taken back.
    pub voided: bool,
}

impl From<sdk::SessionRef> for Session {
    fn from(session: sdk::SessionRef) -> Self {
        match session {
            sdk::SessionRef::Slot(slot) => Self::Slot { id: slot.get() },
            sdk::SessionRef::Dated(session) => Self::Dated { id: session.get() },
        }
    }
}

impl From<sdk::Place> for Place {
    fn from(place: sdk::Place) -> Self {
        Self {
            id: place.id.get(),
            name: place.name,
            description: place.description,
            latitude_e6: place.position_e6.map(|(latitude, _)| latitude),
            longitude_e6: place.position_e6.map(|(_, longitude)| longitude),
            keywords: place.keywords,
            favourite: place.favourite,
        }
    }
}

impl From<sdk::Opening> for Opening {
    fn from(opening: sdk::Opening) -> Self {
        Self {
            place: opening.place.into(),
            session: opening.session.into(),
            activity_name: opening.activity_name,
        }
    }
}

impl From<sdk::Nearby> for Nearby {
    fn from(nearby: sdk::Nearby) -> Self {
        Self {
            place: nearby.place.into(),
            distance_m: nearby.distance_m,
        }
    }
}

impl From<sdk::Scanned> for Scanned {
    fn from(scanned: sdk::Scanned) -> Self {
        match scanned {
            sdk::Scanned::Welcome { op } => Self::Welcome { op: op.to_vec() },
            sdk::Scanned::AlreadyHere => Self::AlreadyHere,
        }
    }
}

impl From<CorrectionReason> for sdk::CorrectionReason {
    fn from(reason: CorrectionReason) -> Self {
        match reason {
            CorrectionReason::ScannedByMistake => Self::ScannedByMistake,
            CorrectionReason::WrongSession => Self::WrongSession,
            CorrectionReason::WrongTime => Self::WrongTime,
            CorrectionReason::VoidedByMistake => Self::VoidedByMistake,
        }
    }
}

impl From<sdk::PlaceDay> for PlaceDay {
    fn from(day: sdk::PlaceDay) -> Self {
        Self {
            place: day.place.get(),
            date: day.date.as_days(),
            sessions: day.sessions.into_iter().map(SessionCounts::from).collect(),
            scanned: day.scanned,
            anonymous: day.anonymous,
            encounters: day.encounters,
        }
    }
}

impl From<sdk::SessionCounts> for SessionCounts {
    fn from(counts: sdk::SessionCounts) -> Self {
        Self {
            session: counts.session.into(),
            scanned: counts.scanned,
            anonymous: counts.anonymous,
            encounters: counts.encounters,
        }
    }
}

impl From<sdk::OwnScan> for OwnScan {
    fn from(scan: sdk::OwnScan) -> Self {
        Self {
            op: scan.op.to_vec(),
            at_ms: scan.at.as_ms(),
            session: scan.session.into(),
            voided: scan.voided,
        }
    }
}
