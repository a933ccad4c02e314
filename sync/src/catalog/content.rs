//! What a catalog holds, as types that can't be wrong.

use askel_proto::v1;

pub use askel_proto::v1::ActivityKind;

use crate::{
    id::{ActivityId, BadgeId, OrganisationId, PlaceId, SessionId, SlotId, TimeZoneId},
    time::Timestamp,
};

/// Who offers activities.
#[derive(Debug, Clone, PartialEq)]
pub struct Organisation {
    /// Its number.
    pub id: OrganisationId,
    /// For people.
    pub name: v1::LocalizedText,
}

/// Where things happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its number.
    pub id: PlaceId,
    /// Who runs it, if the catalog says.
    pub organisation: Option<OrganisationId>,
    /// For people.
    pub name: v1::LocalizedText,
    /// For people.
    pub description: v1::LocalizedText,
    /// Its local time.
    pub zone: TimeZoneId,
    /// When it is open each week, by weekday and minute.
    pub opening: Vec<OpeningInterval>,
    /// Where it lies, if the catalog says.
    pub position: Option<Position>,
    /// For filters.
    pub keywords: Vec<String>,
}

/// A point on the map, in degrees times 10⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// -90 000 000..=90 000 000.
    pub latitude_e6: i32,
    /// -180 000 000..=180 000 000.
    pub longitude_e6: i32,
}

/// When a place is open, each week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpeningInterval {
    /// Stable, unique within the place, not 0.
    pub slot: SlotId,
    /// 1 = Monday … 7 = Sunday.
    pub weekday: u8,
    /// Minutes since midnight, 0..1440.
    pub from_minute: u32,
    /// Past `from_minute`, at most 1680: an evening may end at four in the morning.
    pub until_minute: u32,
    /// What is on then, if the catalog says.
    pub activity: Option<ActivityId>,
}

/// What is offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Its number.
    pub id: ActivityId,
    /// Of which kind.
    pub kind: ActivityKind,
    /// For people.
    pub name: v1::LocalizedText,
    /// For people.
    pub description: v1::LocalizedText,
    /// For filters.
    pub keywords: Vec<String>,
    /// Who offers it, if the catalog says.
    pub organisation: Option<OrganisationId>,
}

/// One dated occurrence of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Of what.
    pub activity: ActivityId,
    /// Where.
    pub place: PlaceId,
    /// Its first instant.
    pub starts_at: Timestamp,
    /// Its end, later than its start.
    pub ends_at: Timestamp,
}

/// What people collect.
#[derive(Debug, Clone, PartialEq)]
pub struct Badge {
    /// Its number.
    pub id: BadgeId,
    /// For people.
    pub name: v1::LocalizedText,
    /// For people.
    pub description: v1::LocalizedText,
    /// A picture of the app's set.
    pub picture: u32,
}
