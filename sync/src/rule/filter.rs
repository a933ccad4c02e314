//! Which attendances count.

use std::collections::BTreeSet;

use askel_proto::v1::ActivityKind;

use crate::{
    admission::Strength,
    catalog::Catalog,
    fold::Attendance,
    id::{ActivityId, PlaceId},
    op::Manner,
};

/// A filter over attendances; an empty set lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// At one of these places.
    pub places: BTreeSet<PlaceId>,
    /// At one of these activities.
    pub activities: BTreeSet<ActivityId>,
    /// At an activity of one of these kinds.
    pub kinds: BTreeSet<ActivityKind>,
    /// At a place or an activity with one of these keywords.
    pub keywords: BTreeSet<String>,
    /// Witnessed at least so well; at most a card.
    pub strength_min: Strength,
    /// In one of these manners.
    pub manners: BTreeSet<Manner>,
}

impl Filter {
    /// Whether an attendance passes.
    pub fn admits(&self, attendance: &Attendance, catalog: &Catalog) -> bool {
        attendance.strength >= self.strength_min
            && passes(&self.places, &attendance.key.place)
            && passes(&self.manners, &attendance.manner)
            && self.admits_activity(attendance, catalog)
            && self.admits_keywords(attendance, catalog)
    }

    fn admits_activity(&self, attendance: &Attendance, catalog: &Catalog) -> bool {
        let known = attendance.activity;
        let kind = || Some(catalog.activity(known?)?.kind);
        (self.activities.is_empty() || known.is_some_and(|id| self.activities.contains(&id)))
            && (self.kinds.is_empty() || kind().is_some_and(|kind| self.kinds.contains(&kind)))
    }

    fn admits_keywords(&self, attendance: &Attendance, catalog: &Catalog) -> bool {
        if self.keywords.is_empty() {
            return true;
        }
        let of_place = catalog
            .place(attendance.key.place)
            .map(|place| &place.keywords);
        let of_activity = attendance
            .activity
            .and_then(|id| catalog.activity(id))
            .map(|activity| &activity.keywords);
        of_place
            .into_iter()
            .chain(of_activity)
            .flatten()
            .any(|keyword| self.keywords.contains(keyword))
    }
}

fn passes<T: Ord>(allowed: &BTreeSet<T>, value: &T) -> bool {
    allowed.is_empty() || allowed.contains(value)
}
