//! Opening hours and the session an act belongs to.

use super::{Catalog, OpeningInterval, Place, Session};
use crate::{
    id::{PlaceId, SlotId},
    op::SessionRef,
    time::{HOUR_MS, LocalDate, MINUTE_MS, Timestamp},
};

/// How long before its start people arrive at a dated session, in milliseconds.
pub const EARLY_ARRIVAL_MS: i64 = 30 * MINUTE_MS;

/// How far from a dated session an act of a wrong clock may lie that names it, in milliseconds.
const NEAR_SESSION_MS: i64 = 12 * HOUR_MS;

/// Minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

impl Catalog {
    /// When a place is open each week, by weekday and minute; empty for a place not in the catalog.
    pub fn opening_intervals(&self, place: PlaceId) -> &[OpeningInterval] {
        self.place(place).map_or(&[], |place| &place.opening)
    }

    /// Whether a place is open.
    pub fn is_open(&self, place: PlaceId, at: Timestamp) -> bool {
        self.slot_at(place, at).is_some()
    }

    /// The session a person is at: a dated one from 30 minutes before its start to its end (the
    /// earliest to start, of several), else the opening interval in force, else slot 0.
    pub fn session_at(&self, place: PlaceId, at: Timestamp) -> SessionRef {
        let in_progress = |session: &&Session| {
            session.place == place
                && session.starts_at.saturating_add_ms(-EARLY_ARRIVAL_MS) <= at
                && at < session.ends_at
        };
        let dated = self
            .sessions()
            .filter(in_progress)
            .min_by_key(|session| (session.starts_at, session.id));
        match dated {
            Some(session) => SessionRef::Dated(session.id),
            None => SessionRef::Slot(self.slot_at(place, at).unwrap_or(SlotId::new(0))),
        }
    }

    /// The day whose scanners share what happens at a session: for a dated session of the place the
    /// day it begins on, else the day of the act. `None` for a place not in the catalog.
    pub fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        let dated = match session {
            SessionRef::Dated(id) => self.session(id).filter(|dated| dated.place == place),
            SessionRef::Slot(_) => None,
        };
        self.local_date(place, dated.map_or(at, |dated| dated.starts_at))
    }

    /// The session of an act whose clock was off, by its corrected time: what it names was named by
    /// a wrong time. A dated session holds if the act lies near it.
    pub(crate) fn session_of_wrong_clock(
        &self,
        place: PlaceId,
        at: Timestamp,
        named: SessionRef,
    ) -> SessionRef {
        let is_near = |session: &Session| {
            session.starts_at.saturating_add_ms(-NEAR_SESSION_MS) <= at
                && at < session.ends_at.saturating_add_ms(NEAR_SESSION_MS)
        };
        match (named, self.session_at(place, at)) {
            (SessionRef::Dated(id), _) if self.session(id).is_some_and(is_near) => named,
            // Which slot, the fold finds out from the check-ins of the day.
            (SessionRef::Slot(_), SessionRef::Slot(_)) => named,
            (_, on) => on,
        }
    }

    /// The opening interval in force at a place; the earliest to open, of several.
    pub fn slot_at(&self, place: PlaceId, at: Timestamp) -> Option<SlotId> {
        let place = self.place(place)?;
        let zone = self.zone(place.zone)?;
        let today = zone.midnight_date(at);
        let yesterday = LocalDate::from_days(today.as_days().saturating_sub(1));
        let minute = zone.minute_of_day(at);
        // An interval of yesterday may last past midnight.
        place
            .interval_at(yesterday.weekday(), minute.saturating_add(DAY_MINUTES))
            .or_else(|| place.interval_at(today.weekday(), minute))
            .map(|interval| interval.slot)
    }
}

impl Place {
    fn interval_at(&self, weekday: u8, minute: u32) -> Option<&OpeningInterval> {
        self.opening.iter().find(|interval| {
            interval.weekday == weekday
                && interval.from_minute <= minute
                && minute < interval.until_minute
        })
    }
}
