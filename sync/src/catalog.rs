//! The catalog: the signed, versioned folder of places, hours, activities, goals and texts that a
//! phone carries.
//!
//! [`Catalog::parse`] checks everything once, before a catalog is published; afterwards nothing in it
//! can be wrong. Its bytes are canonical ([`encode`]), its hash is their SHA-256, and the organiser's
//! key signs them ([`sign`]). [`Catalog::read`] takes one that was published, by a later version
//! perhaps. Share it in an `Arc`.

mod check;
mod content;
mod error;
mod hours;
mod signature;
mod text;
mod zone;

pub use content::{
    Activity, ActivityKind, Badge, OpeningInterval, Organisation, Place, Position, Session,
};
pub use error::{CatalogError, EntryFault};
pub use hours::EARLY_ARRIVAL_MS;
pub use signature::{sign, verify};
pub use text::text;
pub use zone::{ATTENDANCE_CUT_MINUTES, Transition, Zone};

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    goal::Goal,
    id::{ActivityId, BadgeId, GoalId, OrganisationId, PlaceId, SessionId, TenantId, TimeZoneId},
    limits::CATALOG_BYTES_MAX,
    time::{LocalDate, Quarter, Timestamp},
};

/// A catalog, parsed and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    content: Vec<u8>,
    hash: [u8; 32],
    proto: v1::Catalog,
    tenant: TenantId,
    /// The tenant's own zone: the first of the list.
    home: Zone,
    zones: BTreeMap<TimeZoneId, Zone>,
    organisations: BTreeMap<OrganisationId, Organisation>,
    places: BTreeMap<PlaceId, Place>,
    activities: BTreeMap<ActivityId, Activity>,
    sessions: BTreeMap<SessionId, Session>,
    goals: BTreeMap<GoalId, Goal>,
    badges: BTreeMap<BadgeId, Badge>,
    /// Goals of a later version, which this one can't compute.
    unavailable: BTreeSet<GoalId>,
}

/// How a catalog is taken.
enum Form {
    /// Of this version: all of it has to be right.
    Own,
    /// Of this or a later version.
    Later {
        /// Of each goal, whether this version knows all its fields.
        known: Vec<bool>,
    },
}

/// The goals of a catalog, not decoded.
#[derive(Clone, PartialEq, prost::Message)]
struct RawGoals {
    #[prost(bytes = "vec", repeated, tag = "8")]
    goals: Vec<Vec<u8>>,
}

/// The canonical bytes of a catalog. Its lists have to be in ascending id already; that is checked
/// when the bytes are parsed.
pub fn encode(catalog: &v1::Catalog) -> Vec<u8> {
    catalog.encode_to_vec()
}

impl Catalog {
    /// Reads a catalog and checks its form, bounds, references and rules.
    ///
    /// # Errors
    /// [`CatalogError`], by the first check that fails; nothing of the catalog is used then.
    pub fn parse(content: &[u8]) -> Result<Self, CatalogError> {
        if content.len() > CATALOG_BYTES_MAX {
            return Err(CatalogError::TooLong);
        }
        let proto = v1::Catalog::decode(content).map_err(|_| CatalogError::Unreadable)?;
        if encode(&proto) != content {
            return Err(CatalogError::NotCanonical);
        }
        Self::check(proto, content, &Form::Own)
    }

    /// Reads a catalog that was published and signed, perhaps by a later version than this one.
    ///
    /// What this version does not know is left out: fields, kinds of activities, and goals whose rule
    /// or form has anything new in it. Such a goal is [unavailable](Self::unavailable_goals), because
    /// half a rule would promise what the server does not grant. The hash is over the bytes as given.
    ///
    /// # Errors
    /// [`CatalogError`] when what this version does know is wrong.
    pub fn read(content: &[u8]) -> Result<Self, CatalogError> {
        if content.len() > CATALOG_BYTES_MAX {
            return Err(CatalogError::TooLong);
        }
        let proto = v1::Catalog::decode(content).map_err(|_| CatalogError::Unreadable)?;
        let raw = RawGoals::decode(content).map_err(|_| CatalogError::Unreadable)?;
        let is_known = |(goal, raw): (&v1::Goal, &Vec<u8>)| goal.encode_to_vec() == *raw;
        let known = proto.goals.iter().zip(&raw.goals).map(is_known).collect();
        Self::check(proto, content, &Form::Later { known })
    }

    /// Rises by one at each publishing; from 1.
    pub fn version(&self) -> u32 {
        self.proto.version
    }

    /// SHA-256 of the content.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The canonical bytes.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The message, for what has no type of its own here.
    pub fn proto(&self) -> &v1::Catalog {
        &self.proto
    }

    /// One place.
    pub fn place(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(&id)
    }

    /// Places in ascending id.
    pub fn places(&self) -> impl ExactSizeIterator<Item = &Place> {
        self.places.values()
    }

    /// One activity.
    pub fn activity(&self, id: ActivityId) -> Option<&Activity> {
        self.activities.get(&id)
    }

    /// Activities in ascending id.
    pub fn activities(&self) -> impl ExactSizeIterator<Item = &Activity> {
        self.activities.values()
    }

    /// One dated session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// Dated sessions in ascending id.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.values()
    }

    /// One goal.
    pub fn goal(&self, id: GoalId) -> Option<&Goal> {
        self.goals.get(&id)
    }

    /// Goals in ascending id.
    pub fn goals(&self) -> impl ExactSizeIterator<Item = &Goal> {
        self.goals.values()
    }

    /// Goals of a later version, which this one can't compute; ascending.
    pub fn unavailable_goals(&self) -> impl ExactSizeIterator<Item = GoalId> {
        self.unavailable.iter().copied()
    }

    /// One badge.
    pub fn badge(&self, id: BadgeId) -> Option<&Badge> {
        self.badges.get(&id)
    }

    /// Badges in ascending id.
    pub fn badges(&self) -> impl ExactSizeIterator<Item = &Badge> {
        self.badges.values()
    }

    /// One organisation.
    pub fn organisation(&self, id: OrganisationId) -> Option<&Organisation> {
        self.organisations.get(&id)
    }

    /// One time zone.
    pub fn zone(&self, id: TimeZoneId) -> Option<&Zone> {
        self.zones.get(&id)
    }

    /// One time zone, by the name that clocks know it by (`Europe/Helsinki`).
    pub fn zone_named(&self, name: &str) -> Option<&Zone> {
        self.zones.values().find(|zone| zone.name == name)
    }

    /// The tenant's own zone, the first of the catalog: step days are cut at its midnight.
    pub fn home_zone(&self) -> &Zone {
        &self.home
    }

    /// The day of an attendance at a place (04:00 cut, the place's zone); `None` for a place not in
    /// the catalog.
    pub fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        let zone = self.zone(self.place(place)?.zone)?;
        Some(zone.attendance_date(at))
    }

    /// The day of steps (midnight cut, the tenant's own zone).
    pub fn midnight_date(&self, at: Timestamp) -> LocalDate {
        self.home.midnight_date(at)
    }

    /// The first quarter of the local hour that a quarter lies in, in the tenant's own zone.
    pub fn hour_of(&self, quarter: Quarter) -> Quarter {
        self.home.hour_of(quarter)
    }
}

fn hash(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}
