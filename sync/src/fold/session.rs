//! Which session an act belongs to, as the fold decides it.

use crate::{
    catalog::Catalog,
    id::{ActivityId, PlaceId},
    op::SessionRef,
    time::{LocalDate, Timestamp},
};

/// A session: the attendance key beside the participant.
///
/// For a drop-in: its place, the local day (04:00 cut) and the slot. For a dated session of the
/// catalog: the session's own place and the day it begins on, whenever people came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Where.
    pub place: PlaceId,
    /// The local day.
    pub date: LocalDate,
    /// Which of that day.
    pub session: SessionRef,
}

impl SessionKey {
    /// The session that an act names; `None` for a place that is not in the catalog.
    pub fn of(
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
        catalog: &Catalog,
    ) -> Option<Self> {
        let dated = match session {
            SessionRef::Dated(id) => catalog.session(id),
            SessionRef::Slot(_) => None,
        };
        let (place, at) = dated.map_or((place, at), |dated| (dated.place, dated.starts_at));
        Some(Self {
            place,
            date: catalog.local_date(place, at)?,
            session,
        })
    }

    /// What is on, if the catalog says.
    pub fn activity(&self, catalog: &Catalog) -> Option<ActivityId> {
        match self.session {
            SessionRef::Dated(id) => catalog.session(id).map(|session| session.activity),
            SessionRef::Slot(slot) => catalog
                .opening_intervals(self.place)
                .iter()
                .find(|interval| interval.slot == slot)
                .and_then(|interval| interval.activity),
        }
    }
}
