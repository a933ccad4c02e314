//! Check-ins as the fold keeps them, and which of them are of one session.

use super::{Attendance, Few, SessionKey, attendance::ascending};
use crate::{
    admission::Strength,
    catalog::Catalog,
    id::{OpId, PlaceId},
    op::{Manner, SessionRef},
    time::Timestamp,
};

/// A check-in as the fold keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WitnessFact {
    pub place: PlaceId,
    pub at: Timestamp,
    pub session: SessionRef,
    pub manner: Manner,
    pub strength: Strength,
    pub catalog_version: u32,
    /// Whether the clock it was written by was off: then it may name the wrong slot.
    pub clock_off: bool,
}

impl WitnessFact {
    /// With the session that it is of, where a wrong clock named another.
    pub(super) fn settled(self, catalog: &Catalog) -> Self {
        if self.clock_off {
            let session = catalog.session_of_wrong_clock(self.place, self.at, self.session);
            Self { session, ..self }
        } else {
            self
        }
    }
}

/// Check-ins of one session, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) key: SessionKey,
    /// The time of the attendance and its first witness, by which claims of one session are put in
    /// order.
    pub(super) first: (Timestamp, OpId),
    pub(super) manner: Manner,
    pub(super) strength: Strength,
    /// In ascending order.
    pub(super) witnesses: Few<OpId>,
}

impl Claim {
    /// Claims that end at one session are one attendance.
    pub(super) fn together<'a>(claims: impl Iterator<Item = &'a Self>) -> Option<Self> {
        claims.cloned().reduce(|one, other| {
            let (mut early, late) = if one.first <= other.first {
                (one, other)
            } else {
                (other, one)
            };
            early.strength = early.strength.max(late.strength);
            let both = early.witnesses.drain(..).chain(late.witnesses);
            early.witnesses = ascending(both);
            early
        })
    }

    pub(super) fn into_attendance(self, catalog: &Catalog) -> Attendance {
        Attendance {
            activity: self.key.activity(catalog),
            key: self.key,
            at: self.first.0,
            manner: self.manner,
            strength: self.strength,
            witnesses: self.witnesses,
        }
    }
}

/// Cuts the check-ins of a group, earliest first, into sessions. Check-ins of a slot are one
/// session; one of another catalog, or of a clock that was off, joins an earlier session whose first
/// check-in lies in the same slot by the catalog in force.
pub(super) fn sessions_of(
    facts: &[(OpId, WitnessFact)],
    catalog: &Catalog,
) -> Vec<Vec<(OpId, WitnessFact)>> {
    let mut sessions: Vec<Vec<(OpId, WitnessFact)>> = Vec::new();
    for (id, fact) in facts {
        let by_name = sessions.iter().position(|session| {
            session
                .iter()
                .any(|(_, other)| other.session == fact.session)
        });
        let by_catalog = || {
            sessions.iter().position(|session| {
                session
                    .first()
                    .is_some_and(|(_, first)| is_same_slot(first, fact, catalog))
            })
        };
        match by_name
            .or_else(by_catalog)
            .and_then(|index| sessions.get_mut(index))
        {
            Some(session) => session.push((*id, *fact)),
            None => sessions.push(vec![(*id, *fact)]),
        }
    }
    sessions
}

fn is_same_slot(one: &WitnessFact, other: &WitnessFact, catalog: &Catalog) -> bool {
    let slot = |fact: &WitnessFact| catalog.slot_at(fact.place, fact.at);
    let may_differ =
        one.catalog_version != other.catalog_version || one.clock_off || other.clock_off;
    may_differ && slot(one) == slot(other)
}
