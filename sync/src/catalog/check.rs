//! From the wire's catalog to one that can't be wrong.

mod goals;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use askel_proto::v1;

use super::{
    Activity, Badge, Catalog, CatalogError, EntryFault, Form, OpeningInterval, Organisation, Place,
    Position, Session, hash,
};
use crate::{
    id::{ActivityId, BadgeId, OrganisationId, PlaceId, SessionId, SlotId, TenantId, TimeZoneId},
    limits::{CATALOG_ENTRIES_MAX, OPENING_UNTIL_MINUTE_MAX, PICTURE_MAX, TEXT_BYTES_MAX},
    time::Timestamp,
};

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

impl Catalog {
    pub(super) fn check(
        proto: v1::Catalog,
        content: &[u8],
        form: &Form,
    ) -> Result<Self, CatalogError> {
        let whole = |fault| CatalogError::Entry {
            entry: "catalog",
            id: 0,
            fault,
        };
        let tenant = TenantId::try_from(&*proto.tenant_id)
            .map_err(|_| whole(EntryFault::OutOfBounds("tenant_id")))?;
        if proto.version == 0 {
            return Err(whole(EntryFault::OutOfBounds("version")));
        }
        let zones = entries("time zone", &proto.time_zones, |zone| zone.id, zones::zone)?;
        let first = proto
            .time_zones
            .first()
            .map(|zone| TimeZoneId::new(zone.id));
        let home = first.and_then(|id| zones.get(&id.get())).cloned();
        let mut catalog = Self {
            hash: hash(content),
            content: content.to_vec(),
            tenant,
            home: home.ok_or_else(|| whole(EntryFault::UnknownValue("time_zones")))?,
            zones: keyed(zones, TimeZoneId::new),
            organisations: BTreeMap::new(),
            places: BTreeMap::new(),
            activities: BTreeMap::new(),
            sessions: BTreeMap::new(),
            goals: BTreeMap::new(),
            badges: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            proto,
        };
        catalog.fill(form)?;
        Ok(catalog)
    }

    /// In the order of references: what is named comes before what names it.
    fn fill(&mut self, form: &Form) -> Result<(), CatalogError> {
        let proto = &self.proto;
        self.organisations = keyed(
            entries(
                "organisation",
                &proto.organisations,
                |entry| entry.id,
                organisation,
            )?,
            OrganisationId::new,
        );
        let activity = |entry: &_| self.activity_entry(entry, form);
        self.activities = keyed(
            entries("activity", &proto.activities, |entry| entry.id, activity)?,
            ActivityId::new,
        );
        let place = |entry: &_| self.place_entry(entry);
        self.places = keyed(
            entries("place", &proto.places, |entry| entry.id, place)?,
            PlaceId::new,
        );
        let session = |entry: &_| self.session_entry(entry);
        self.sessions = keyed(
            entries("session", &proto.sessions, |entry| entry.id, session)?,
            SessionId::new,
        );
        self.badges = keyed(
            entries("badge", &proto.badges, |entry| entry.id, badge)?,
            BadgeId::new,
        );
        entries(
            "alias word",
            &proto.alias_words,
            |entry| entry.id,
            |word| named(word.text.as_ref()).map(drop),
        )?;
        (self.goals, self.unavailable) = self.goal_entries(form)?;
        Ok(())
    }

    fn activity_entry(&self, proto: &v1::Activity, form: &Form) -> Result<Activity, EntryFault> {
        let kind = match form {
            Form::Own => known(proto.kind, "kind")?,
            Form::Later { .. } => proto.kind(),
        };
        Ok(Activity {
            id: ActivityId::new(proto.id),
            kind,
            name: named(proto.name.as_ref())?,
            description: text(proto.description.as_ref())?,
            keywords: keywords(&proto.keywords)?,
            organisation: self.organisation_ref(proto.organisation_id)?,
        })
    }

    fn place_entry(&self, proto: &v1::Place) -> Result<Place, EntryFault> {
        let zone = TimeZoneId::new(proto.time_zone_id);
        if !self.zones.contains_key(&zone) {
            return Err(EntryFault::UnknownReference("time_zone_id"));
        }
        Ok(Place {
            id: PlaceId::new(proto.id),
            organisation: self.organisation_ref(proto.organisation_id)?,
            name: named(proto.name.as_ref())?,
            description: text(proto.description.as_ref())?,
            zone,
            opening: self.opening(&proto.opening_intervals)?,
            position: position(proto.latitude_e6, proto.longitude_e6)?,
            keywords: keywords(&proto.keywords)?,
        })
    }

    fn opening(
        &self,
        intervals: &[v1::OpeningInterval],
    ) -> Result<Vec<OpeningInterval>, EntryFault> {
        let parsed: Result<Vec<_>, _> = intervals
            .iter()
            .map(|interval| self.interval(interval))
            .collect();
        let mut parsed = parsed?;
        let slots: BTreeSet<_> = parsed.iter().map(|interval| interval.slot).collect();
        if slots.len() != parsed.len() {
            return Err(EntryFault::OutOfBounds("slot_id"));
        }
        parsed.sort_by_key(|interval| (interval.weekday, interval.from_minute, interval.slot));
        Ok(parsed)
    }

    fn interval(&self, proto: &v1::OpeningInterval) -> Result<OpeningInterval, EntryFault> {
        if proto.slot_id == 0 {
            return Err(EntryFault::OutOfBounds("slot_id"));
        }
        let weekday = u8::try_from(proto.weekday)
            .ok()
            .filter(|day| (1..=7).contains(day));
        if proto.from_minute >= DAY_MINUTES {
            return Err(EntryFault::OutOfBounds("from_minute"));
        }
        if proto.until_minute <= proto.from_minute || proto.until_minute > OPENING_UNTIL_MINUTE_MAX
        {
            return Err(EntryFault::OutOfBounds("until_minute"));
        }
        Ok(OpeningInterval {
            slot: SlotId::new(proto.slot_id),
            weekday: weekday.ok_or(EntryFault::OutOfBounds("weekday"))?,
            from_minute: proto.from_minute,
            until_minute: proto.until_minute,
            activity: reference(proto.activity_id, "activity_id", |id| {
                Some(ActivityId::new(id)).filter(|id| self.activities.contains_key(id))
            })?,
        })
    }

    fn session_entry(&self, proto: &v1::Session) -> Result<Session, EntryFault> {
        let activity = ActivityId::new(proto.activity_id);
        if !self.activities.contains_key(&activity) {
            return Err(EntryFault::UnknownReference("activity_id"));
        }
        let place = PlaceId::new(proto.place_id);
        if !self.places.contains_key(&place) {
            return Err(EntryFault::UnknownReference("place_id"));
        }
        if proto.ends_at_ms <= proto.starts_at_ms {
            return Err(EntryFault::OutOfBounds("ends_at_ms"));
        }
        Ok(Session {
            id: SessionId::new(proto.id),
            activity,
            place,
            starts_at: Timestamp::from_ms(proto.starts_at_ms),
            ends_at: Timestamp::from_ms(proto.ends_at_ms),
        })
    }

    fn organisation_ref(&self, id: u32) -> Result<Option<OrganisationId>, EntryFault> {
        reference(id, "organisation_id", |id| {
            Some(OrganisationId::new(id)).filter(|id| self.organisations.contains_key(id))
        })
    }
}

/// Checks the ids of a list and parses its entries.
fn entries<P, T>(
    entry: &'static str,
    list: &[P],
    id: impl Fn(&P) -> u32,
    parse: impl Fn(&P) -> Result<T, EntryFault>,
) -> Result<BTreeMap<u32, T>, CatalogError> {
    let fault = |id, fault| CatalogError::Entry { entry, id, fault };
    if list.len() > CATALOG_ENTRIES_MAX {
        return Err(fault(0, EntryFault::TooManyEntries));
    }
    let mut parsed = BTreeMap::new();
    let mut before = 0;
    for proto in list {
        let id = id(proto);
        if id <= before {
            return Err(fault(id, EntryFault::IdOrder));
        }
        before = id;
        parsed.insert(id, parse(proto).map_err(|found| fault(id, found))?);
    }
    Ok(parsed)
}

fn keyed<K: Ord, T>(map: BTreeMap<u32, T>, key: impl Fn(u32) -> K) -> BTreeMap<K, T> {
    map.into_iter()
        .map(|(id, value)| (key(id), value))
        .collect()
}

/// A reference that may be 0 for none.
fn reference<T>(
    id: u32,
    field: &'static str,
    find: impl Fn(u32) -> Option<T>,
) -> Result<Option<T>, EntryFault> {
    match id {
        0 => Ok(None),
        id => find(id)
            .map(Some)
            .ok_or(EntryFault::UnknownReference(field)),
    }
}

fn organisation(proto: &v1::Organisation) -> Result<Organisation, EntryFault> {
    Ok(Organisation {
        id: OrganisationId::new(proto.id),
        name: named(proto.name.as_ref())?,
    })
}

fn badge(proto: &v1::Badge) -> Result<Badge, EntryFault> {
    if proto.picture > PICTURE_MAX {
        return Err(EntryFault::OutOfBounds("picture"));
    }
    Ok(Badge {
        id: BadgeId::new(proto.id),
        name: named(proto.name.as_ref())?,
        description: text(proto.description.as_ref())?,
        picture: proto.picture,
    })
}

fn position(latitude_e6: i32, longitude_e6: i32) -> Result<Option<Position>, EntryFault> {
    const LATITUDE_E6_MAX: u32 = 90_000_000;
    const LONGITUDE_E6_MAX: u32 = 180_000_000;
    if latitude_e6.unsigned_abs() > LATITUDE_E6_MAX {
        return Err(EntryFault::OutOfBounds("latitude_e6"));
    }
    if longitude_e6.unsigned_abs() > LONGITUDE_E6_MAX {
        return Err(EntryFault::OutOfBounds("longitude_e6"));
    }
    Ok((latitude_e6 != 0 || longitude_e6 != 0).then_some(Position {
        latitude_e6,
        longitude_e6,
    }))
}

fn named(texts: Option<&v1::LocalizedText>) -> Result<v1::LocalizedText, EntryFault> {
    let texts = text(texts)?;
    let given = texts
        .variants
        .iter()
        .any(|variant| !variant.text.is_empty());
    if given {
        Ok(texts)
    } else {
        Err(EntryFault::NoName)
    }
}

fn text(texts: Option<&v1::LocalizedText>) -> Result<v1::LocalizedText, EntryFault> {
    let texts = texts.cloned().unwrap_or_default();
    let fits = |variant: &v1::TextVariant| {
        variant.text.len() <= TEXT_BYTES_MAX && variant.language.len() <= TEXT_BYTES_MAX
    };
    if texts.variants.len() <= CATALOG_ENTRIES_MAX && texts.variants.iter().all(fits) {
        Ok(texts)
    } else {
        Err(EntryFault::TextTooLong)
    }
}

fn keywords(keywords: &[String]) -> Result<Vec<String>, EntryFault> {
    if keywords
        .iter()
        .any(|keyword| keyword.len() > TEXT_BYTES_MAX)
    {
        return Err(EntryFault::TextTooLong);
    }
    Ok(keywords.to_vec())
}

/// An enum value of this version, not the unspecified one.
fn known<E: TryFrom<i32> + Default + PartialEq>(
    value: i32,
    field: &'static str,
) -> Result<E, EntryFault> {
    E::try_from(value)
        .ok()
        .filter(|known| *known != E::default())
        .ok_or(EntryFault::UnknownValue(field))
}
