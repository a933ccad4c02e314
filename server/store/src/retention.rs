//! What goes by its age, and how much of it at a time.
//!
//! Nothing of this is truth. Ops, logs and attendance have no age: they go with whom they are about, and
//! with nobody else.

use askel_sync::{
    id::{PlaceId, TenantId},
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;

use crate::{JobLease, StoreError};

/// Places whose oldest day is looked at in one call.
const PLACES_LOOKED_AT_MAX: u32 = 256;

/// What is past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Streams of places' days before this one, with what they were before a restore. The ops that they
    /// carry stay where they are.
    pub place_days: LocalDate,
    /// Invitations and approvals that ended before this, used or not.
    pub rights: Timestamp,
    /// Failed attempts at enrolling before this.
    pub failures: Timestamp,
    /// Rows that one call drops at most, of all kinds together; at least 1.
    pub rows_max: u32,
    /// Where the call before stopped; 0 in the first.
    pub from: PlaceId,
    /// The job that this is done in, if one node alone may: the lease has to stand.
    pub under: Option<JobLease>,
}

/// What a call has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Streams of places' days.
    pub place_days: u64,
    /// Places of ops in such streams.
    pub place_day_ops: u64,
    /// Invitations.
    pub invitations: u64,
    /// Approvals.
    pub approvals: u64,
    /// Instants of failed attempts at enrolling.
    pub enrol_failures: u64,
    /// Where the next call goes on; `None` when nothing was left.
    pub next: Option<PlaceId>,
}

impl Dropped {
    /// Rows of all kinds.
    pub fn rows(&self) -> u64 {
        [
            self.place_days,
            self.place_day_ops,
            self.invitations,
            self.approvals,
            self.enrol_failures,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// Drops what is past its time.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Drops what is past its time, the first of it: rights and attempts, then the days of one place after
    /// the other. A day that is dropped is as if it had never begun: its handles lead nowhere, and what
    /// comes late begins it anew. Nobody may be reading it: a day may be dropped in parts. `None`, and
    /// nothing is dropped, when the lease does not stand any more.
    async fn drop_past(&self, tenant: TenantId, past: &Past)
    -> Result<Option<Dropped>, StoreError>;
}

/// How far one call has come: the same for every backend.
#[derive(Debug, Clone)]
pub struct Dropping {
    before: LocalDate,
    room: u64,
    looks: u32,
    at: Option<PlaceId>,
    dropped: Dropped,
}

impl Dropping {
    /// Nothing is dropped yet.
    pub fn begin(past: &Past) -> Self {
        Self {
            before: past.place_days,
            room: past.rows_max.max(1).into(),
            looks: PLACES_LOOKED_AT_MAX,
            at: Some(past.from),
            dropped: Dropped::default(),
        }
    }

    /// Rows that may still be dropped.
    pub fn room(&self) -> u32 {
        u32::try_from(self.room).unwrap_or(u32::MAX)
    }

    /// So many rows of a kind were dropped.
    pub fn count(&mut self, kind: impl FnOnce(&mut Dropped) -> &mut u64, rows: u64) {
        let kind = kind(&mut self.dropped);
        *kind = kind.saturating_add(rows);
        self.room = self.room.saturating_sub(rows);
    }

    /// From which place on the oldest day is to be looked for; `None` when this call is over.
    pub fn look(&mut self) -> Option<PlaceId> {
        if self.room == 0 {
            return None;
        }
        self.looks = self.looks.checked_sub(1)?;
        self.at
    }

    /// The first day from there on, by place and then by date. Returns whether it is to be dropped.
    pub fn found(&mut self, first: Option<StreamKey>) -> bool {
        let Some(StreamKey::PlaceDay(place, date)) = first else {
            self.at = None;
            return false;
        };
        let is_past = date < self.before;
        self.at = if is_past { Some(place) } else { after(place) };
        is_past
    }

    /// Somebody is writing to the day that was found: its place waits until the next time.
    pub fn pass_over(&mut self) {
        self.at = self.at.and_then(after);
    }

    /// What was dropped, and where to go on.
    pub fn end(self) -> Dropped {
        Dropped {
            next: self.at,
            ..self.dropped
        }
    }
}

fn after(place: PlaceId) -> Option<PlaceId> {
    place.get().checked_add(1).map(PlaceId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAST: Past = Past {
        place_days: LocalDate::from_days(10),
        rights: Timestamp::from_ms(0),
        failures: Timestamp::from_ms(0),
        rows_max: 3,
        from: PlaceId::new(0),
        under: None,
    };

    fn day(place: u32, date: i32) -> StreamKey {
        StreamKey::PlaceDay(PlaceId::new(place), LocalDate::from_days(date))
    }

    #[test]
    fn a_walk_stays_at_a_place_until_it_has_no_old_day() {
        let mut dropping = Dropping::begin(&PAST);
        assert_eq!(dropping.look(), Some(PlaceId::new(0)));
        assert!(dropping.found(Some(day(4, 9))));
        assert_eq!(dropping.look(), Some(PlaceId::new(4)));
        assert!(!dropping.found(Some(day(4, 10))));
        assert_eq!(dropping.look(), Some(PlaceId::new(5)));
        assert!(!dropping.found(Some(day(u32::MAX, 10))));
        assert_eq!(dropping.look(), None, "no place comes after the last");
        assert_eq!(dropping.end().next, None);
    }

    #[test]
    fn a_place_where_somebody_writes_is_passed_over() {
        let mut dropping = Dropping::begin(&PAST);
        assert!(dropping.found(Some(day(4, 9))));
        dropping.pass_over();
        assert_eq!(dropping.look(), Some(PlaceId::new(5)));
        assert!(dropping.found(Some(day(u32::MAX, 9))));
        dropping.pass_over();
        assert_eq!(dropping.look(), None);
    }

    #[test]
    fn a_call_ends_when_its_rows_or_its_looks_are_used_up() {
        let mut dropping = Dropping::begin(&PAST);
        dropping.count(|dropped| &mut dropped.invitations, 2);
        assert_eq!(dropping.room(), 1);
        assert!(dropping.found(Some(day(7, 1))));
        dropping.count(|dropped| &mut dropped.place_day_ops, 1);
        assert_eq!(dropping.look(), None);
        let dropped = dropping.end();
        assert_eq!((dropped.rows(), dropped.next), (3, Some(PlaceId::new(7))));
        let mut dropping = Dropping::begin(&PAST);
        let looks = std::iter::from_fn(|| {
            let at = dropping.look()?;
            dropping.found(Some(day(at.get(), 10)));
            Some(at)
        });
        assert_eq!(looks.count(), 256);
        assert_eq!(dropping.end().next, Some(PlaceId::new(256)));
    }
}
