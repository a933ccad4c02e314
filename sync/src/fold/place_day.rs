//! What the scanners of a place share for a day: passes seen and people counted.
//!
//! A scanner folds the place's day stream and lays its own pending ops over it. It knows pass tags,
//! never participants: two passes of one person are two here, and one attendance on the server.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    admission::AdmittedOp,
    catalog::Catalog,
    id::{OpId, PassTag, PlaceId},
    op::{Payload, SessionRef, Verdict, Witness},
    time::{LocalDate, Timestamp},
};

/// One day of a place (04:00 cut), as its scanners see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceDay {
    place: PlaceId,
    date: LocalDate,
    /// Passes of this day's check-ins, with the session they named. One check-in says one thing; of
    /// several, which only a broken server tells, the least holds, whatever came first.
    check_ins: BTreeMap<OpId, BTreeSet<Seen>>,
    /// The greatest judgement of each check-in, known or not.
    rulings: BTreeMap<OpId, Ruling>,
    tallies: BTreeMap<OpId, (SessionRef, i32)>,
    /// Passes whose holders were erased: nothing is known of them.
    erased: BTreeSet<PassTag>,
}

/// What one session of the day comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounts {
    /// Different passes.
    pub scanned: u64,
    /// People counted without a name; never below 0.
    pub anonymous: u64,
    /// Both together.
    pub encounters: u64,
}

/// A pass at a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    session: SessionRef,
    pass: PassTag,
}

/// A judgement of a check-in; the greatest decides, as for an attendance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ruling {
    revision: u32,
    verdict: Verdict,
}

impl PlaceDay {
    /// Nothing yet.
    pub fn new(place: PlaceId, date: LocalDate) -> Self {
        Self {
            place,
            date,
            check_ins: BTreeMap::new(),
            rulings: BTreeMap::new(),
            tallies: BTreeMap::new(),
            erased: BTreeSet::new(),
        }
    }

    /// Takes in an op of the place's day stream, or one of the scanner's own. What is of another
    /// place or day changes nothing.
    pub fn apply(&mut self, admitted: &AdmittedOp, catalog: &Catalog) {
        let at = admitted.admission.corrected_at;
        match admitted.op.parse() {
            Ok(Some(Payload::CheckIn(check_in))) => {
                if let Witness::PassScan(pass) = check_in.witness
                    && let Some(session) =
                        self.session(check_in.place, at, check_in.session, catalog)
                {
                    self.see(admitted.id(), Seen { session, pass });
                }
            }
            Ok(Some(Payload::Tally(tally))) => {
                // A count of a dated session belongs to the session's day, as its stream says.
                if tally.place == self.place
                    && catalog.session_date(tally.place, at, tally.session) == Some(self.date)
                {
                    let counted = (tally.session, tally.delta);
                    self.tallies.insert(admitted.id(), counted);
                }
            }
            Ok(Some(Payload::Correction(correction))) => {
                self.rule(correction.check_in, correction.revision, correction.verdict);
            }
            Ok(Some(Payload::PassSeen(seen))) if seen.revision == 0 => {
                let session = self.session(seen.place, seen.occurred_at, seen.session, catalog);
                if let Some(session) = session {
                    let pass = seen.pass;
                    self.see(seen.check_in, Seen { session, pass });
                }
            }
            Ok(Some(Payload::PassSeen(seen))) => {
                // A reinstated check-in stands at its own time and session, which are told.
                let (occurred_at, session) = (seen.occurred_at, seen.session);
                let stands = Verdict::ReDate {
                    occurred_at,
                    session,
                };
                let verdict = if seen.voided { Verdict::Void } else { stands };
                self.rule(seen.check_in, seen.revision, verdict);
            }
            Ok(Some(Payload::PassErased(pass))) => {
                self.erased.insert(pass);
                self.check_ins.retain(|_, told| {
                    told.retain(|seen| seen.pass != pass);
                    !told.is_empty()
                });
            }
            Ok(_) | Err(_) => {}
        }
    }

    fn see(&mut self, check_in: OpId, seen: Seen) {
        if !self.erased.contains(&seen.pass) {
            self.check_ins.entry(check_in).or_default().insert(seen);
        }
    }

    /// Whether a pass was counted at a session already.
    pub fn seen(&self, pass: PassTag, session: SessionRef, catalog: &Catalog) -> bool {
        self.standing(catalog).contains(&Seen { session, pass })
    }

    /// The check-in of a pass at a session that a correction voided, and that correction's revision.
    /// A new check-in would not undo the void: a reinstatement of one revision more does.
    pub fn voided(&self, pass: PassTag, session: SessionRef) -> Option<(OpId, u32)> {
        let check_ins = self.sessions().remove(&Seen { session, pass })?;
        let (ruling, id) = self.greatest(&check_ins)?;
        (ruling.verdict == Verdict::Void).then_some((id, ruling.revision))
    }

    /// What a session comes to.
    pub fn counts(&self, session: SessionRef, catalog: &Catalog) -> SessionCounts {
        let standing = self.standing(catalog);
        let scanned = standing
            .iter()
            .filter(|seen| seen.session == session)
            .count();
        let deltas = self.tallies.values().filter(|(of, _)| *of == session);
        let anonymous = deltas
            .map(|(_, delta)| i64::from(*delta))
            .fold(0, i64::saturating_add);
        let scanned = u64::try_from(scanned).unwrap_or(u64::MAX);
        let anonymous = u64::try_from(anonymous).unwrap_or(0);
        SessionCounts {
            scanned,
            anonymous,
            encounters: scanned.saturating_add(anonymous),
        }
    }

    /// Sessions of the day at which something was seen or counted.
    pub fn session_refs(&self, catalog: &Catalog) -> BTreeSet<SessionRef> {
        let scanned = self.standing(catalog).into_iter().map(|seen| seen.session);
        scanned
            .chain(self.tallies.values().map(|(session, _)| *session))
            .collect()
    }

    /// The session an act names, if the act is of this place and day. The day is the act's own, not
    /// its session's: that is how the stream is cut.
    fn session(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
        catalog: &Catalog,
    ) -> Option<SessionRef> {
        let is_here = place == self.place && catalog.local_date(place, at) == Some(self.date);
        is_here.then_some(session)
    }

    fn rule(&mut self, check_in: OpId, revision: u32, verdict: Verdict) {
        let ruling = Ruling { revision, verdict };
        let held = self.rulings.entry(check_in).or_insert(ruling);
        *held = ruling.max(*held);
    }

    /// The check-ins of each pass at each session, as they were made.
    fn sessions(&self) -> BTreeMap<Seen, BTreeSet<OpId>> {
        let mut sessions: BTreeMap<Seen, BTreeSet<OpId>> = BTreeMap::new();
        for (id, told) in &self.check_ins {
            if let Some(seen) = told.first() {
                sessions.entry(*seen).or_default().insert(*id);
            }
        }
        sessions
    }

    fn greatest(&self, check_ins: &BTreeSet<OpId>) -> Option<(Ruling, OpId)> {
        check_ins
            .iter()
            .filter_map(|id| Some((*self.rulings.get(id)?, *id)))
            .max()
    }

    /// Who stands at which session once corrections are heard.
    fn standing(&self, catalog: &Catalog) -> BTreeSet<Seen> {
        let decide = |(seen, check_ins): (Seen, BTreeSet<OpId>)| {
            let session = match self.greatest(&check_ins).map(|(ruling, _)| ruling.verdict) {
                Some(Verdict::Void) => None,
                Some(Verdict::ReDate {
                    occurred_at,
                    session,
                }) => self.session(self.place, occurred_at, session, catalog),
                Some(Verdict::Reinstate) | None => Some(seen.session),
            };
            session.map(|session| Seen {
                session,
                pass: seen.pass,
            })
        };
        self.sessions().into_iter().filter_map(decide).collect()
    }
}
