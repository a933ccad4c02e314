//! Attendances: derived from check-ins, their witnesses, and from corrections.
//!
//! # How check-ins become attendances
//! 1. Each check-in names a session. Check-ins of one session are one attendance, however many
//!    witnesses it has; it is as strong as its strongest witness, and has the time and manner of
//!    its earliest.
//! 2. Two drop-in check-ins of one place and day that were written under different catalogs may
//!    name different slots for the same session. If the catalog in force puts both instants into
//!    one slot, or both outside any, they are one session, and the earlier check-in's slot holds.
//!    The same goes for a check-in whose clock was off: its slot was named by a wrong time. If it
//!    names a dated session it was not near, or none while one was on, it is of the session that
//!    the catalog in force says.
//! 3. A correction is about a check-in, and decides for the whole attendance that the check-in
//!    witnesses. Of all corrections about any of its witnesses the greatest decides, by revision,
//!    then verdict (a void beats a new date beats a reinstatement), then op id.
//! 4. A void undoes the attendance, not one witness: a fresh check-in of the same session by another
//!    witness does not bring it back, only a reinstatement of a higher revision does. Whoever was
//!    voided by mistake and comes again on another day is a new attendance, of course.
//! 5. A new date moves the attendance. Where it lands on another that stands, the two are one.
//!
//! All of it is computed from sets, so nothing depends on the order of arrival: a correction may
//! come before its check-in.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::{
    FactChange, SessionKey,
    claim::{Claim, WitnessFact, sessions_of},
};
use crate::{
    admission::Strength,
    catalog::Catalog,
    id::{ActivityId, OpId, PlaceId, SessionId},
    op::{Correction, Manner, SessionRef, Verdict},
    time::{LocalDate, Timestamp},
};

/// A set that mostly has one member, in ascending order: one member needs no memory of its own.
pub type Few<T> = SmallVec<[T; 1]>;

/// A participant was at a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Which session.
    pub key: SessionKey,
    /// When the earliest witness saw it, corrected.
    pub at: Timestamp,
    /// How, by the earliest witness.
    pub manner: Manner,
    /// The best of the witnesses.
    pub strength: Strength,
    /// What was on, if the catalog says.
    pub activity: Option<ActivityId>,
    /// The check-ins it rests on, in ascending order.
    pub witnesses: Few<OpId>,
}

/// A correction as the fold keeps it; the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ruling {
    pub revision: u32,
    pub verdict: Verdict,
    pub op: OpId,
}

/// Check-ins that may be of one session: all drop-ins of a place and day, or a dated session.
type GroupKey = (PlaceId, LocalDate, Option<SessionId>);

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Attendances {
    witnesses: BTreeMap<OpId, WitnessFact>,
    /// The greatest correction about each check-in, known or not.
    rulings: BTreeMap<OpId, Ruling>,
    groups: BTreeMap<GroupKey, Few<OpId>>,
    /// What stands of each group.
    claims: BTreeMap<GroupKey, Few<Claim>>,
    /// The groups whose claims end at a session.
    landed: BTreeMap<SessionKey, Few<GroupKey>>,
    standing: BTreeMap<SessionKey, Attendance>,
}

impl Attendances {
    pub(super) fn standing(&self) -> &BTreeMap<SessionKey, Attendance> {
        &self.standing
    }

    pub(super) fn witnesses(&self) -> &BTreeMap<OpId, WitnessFact> {
        &self.witnesses
    }

    pub(super) fn rulings(&self) -> &BTreeMap<OpId, Ruling> {
        &self.rulings
    }

    /// The greatest revision of corrections about check-ins that may be of one session with this
    /// one; 0 for none.
    pub(super) fn revision(&self, check_in: OpId) -> u32 {
        let group = self.groups.values().find(|group| group.contains(&check_in));
        let cited = group.into_iter().flatten().chain([&check_in]);
        let rulings = cited.filter_map(|id| self.rulings.get(id));
        rulings.map(|ruling| ruling.revision).max().unwrap_or(0)
    }

    pub(super) fn check_in(
        &mut self,
        id: OpId,
        fact: WitnessFact,
        catalog: &Catalog,
    ) -> Vec<FactChange> {
        let former = self.witnesses.get(&id).copied();
        // An op has one admission; should it come with two, the greater holds on every machine.
        if former.is_some_and(|former| former >= fact) {
            return Vec::new();
        }
        self.witnesses.insert(id, fact);
        let left = former.and_then(|former| group_of(&former, catalog));
        let joined = group_of(&fact, catalog);
        if let Some(group) = left {
            self.leave(group, id);
        }
        if let Some(group) = joined {
            insert(self.groups.entry(group).or_default(), id);
        }
        let settled: BTreeSet<GroupKey> = left.into_iter().chain(joined).collect();
        settled
            .into_iter()
            .flat_map(|group| self.settle(group, catalog))
            .collect()
    }

    fn leave(&mut self, group: GroupKey, id: OpId) {
        if let Some(members) = self.groups.get_mut(&group) {
            remove(members, &id);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    pub(super) fn correction(
        &mut self,
        id: OpId,
        correction: &Correction,
        catalog: &Catalog,
    ) -> Vec<FactChange> {
        self.rule(id, correction);
        let cited = self.witnesses.get(&correction.check_in);
        let group = cited.and_then(|fact| group_of(fact, catalog));
        group
            .map(|group| self.settle(group, catalog))
            .unwrap_or_default()
    }

    /// Takes in many facts: the same as one by one, at once if there are no check-ins yet.
    pub(super) fn apply_all(
        &mut self,
        mut check_ins: Vec<(OpId, WitnessFact)>,
        corrections: &[(OpId, Correction)],
        catalog: &Catalog,
    ) {
        if self.witnesses.is_empty() {
            // Of one op the last stays, which is the greatest then.
            check_ins.sort_unstable();
            self.witnesses = check_ins.into_iter().collect();
            for (id, correction) in corrections {
                self.rule(*id, correction);
            }
            self.rebase(catalog);
            return;
        }
        for (id, fact) in check_ins {
            self.check_in(id, fact, catalog);
        }
        for (id, correction) in corrections {
            self.correction(*id, correction, catalog);
        }
    }

    /// The same facts under another catalog.
    pub(super) fn rebase(&mut self, catalog: &Catalog) {
        let mut members: Vec<(GroupKey, OpId, WitnessFact)> = Vec::new();
        for (id, fact) in &self.witnesses {
            let fact = fact.settled(catalog);
            members.extend(group_of_settled(&fact, catalog).map(|group| (group, *id, fact)));
        }
        members.sort_unstable_by_key(|(group, id, _)| (*group, *id));
        let mut groups: Vec<(GroupKey, Few<OpId>)> = Vec::new();
        let mut claims: Vec<(GroupKey, Few<Claim>)> = Vec::new();
        for members in members.chunk_by(|one, next| one.0 == next.0) {
            let Some(&(group, ..)) = members.first() else {
                continue;
            };
            groups.push((group, members.iter().map(|(_, id, _)| *id).collect()));
            let facts: Few<_> = members.iter().map(|(_, id, fact)| (*id, *fact)).collect();
            let stand = self.claims_of(group, facts, catalog);
            if !stand.is_empty() {
                claims.push((group, stand));
            }
        }
        let mut landed: Vec<(SessionKey, GroupKey, &Claim)> = Vec::new();
        for (group, claims) in &claims {
            landed.extend(claims.iter().map(|claim| (claim.key, *group, claim)));
        }
        landed.sort_by_key(|(key, group, _)| (*key, *group));
        let mut groups_of: Vec<(SessionKey, Few<GroupKey>)> = Vec::new();
        let mut standing: Vec<(SessionKey, Attendance)> = Vec::new();
        for landed in landed.chunk_by(|one, next| one.0 == next.0) {
            let Some(&(key, ..)) = landed.first() else {
                continue;
            };
            groups_of.push((key, ascending(landed.iter().map(|(_, group, _)| *group))));
            let claim = Claim::together(landed.iter().map(|(.., claim)| *claim));
            standing.extend(claim.map(|claim| (key, claim.into_attendance(catalog))));
        }
        self.standing = standing.into_iter().collect();
        self.landed = groups_of.into_iter().collect();
        self.groups = groups.into_iter().collect();
        self.claims = claims.into_iter().collect();
    }

    fn rule(&mut self, id: OpId, correction: &Correction) {
        let ruling = Ruling {
            revision: correction.revision,
            verdict: correction.verdict,
            op: id,
        };
        let held = self.rulings.entry(correction.check_in).or_insert(ruling);
        *held = ruling.max(*held);
    }

    /// Computes a group's claims anew and tells what that changed.
    fn settle(&mut self, group: GroupKey, catalog: &Catalog) -> Vec<FactChange> {
        let claims = self.claims_of(group, self.facts_of(group, catalog), catalog);
        let former = self.claims.remove(&group).unwrap_or_default();
        for claim in &former {
            if let Some(groups) = self.landed.get_mut(&claim.key) {
                remove(groups, &group);
            }
        }
        for claim in &claims {
            insert(self.landed.entry(claim.key).or_default(), group);
        }
        let touched: BTreeSet<SessionKey> = former
            .iter()
            .chain(&claims)
            .map(|claim| claim.key)
            .collect();
        if !claims.is_empty() {
            self.claims.insert(group, claims);
        }
        touched
            .into_iter()
            .flat_map(|key| self.restate(key, catalog))
            .collect()
    }

    /// A session's attendance, from the claims that end at it.
    fn attendance(&self, key: SessionKey, catalog: &Catalog) -> Option<Attendance> {
        let groups = self.landed.get(&key).into_iter().flatten();
        let claims = groups
            .filter_map(|group| self.claims.get(group))
            .flatten()
            .filter(|claim| claim.key == key);
        Claim::together(claims).map(|claim| claim.into_attendance(catalog))
    }

    /// Computes a session's attendance anew and tells what that changed.
    fn restate(&mut self, key: SessionKey, catalog: &Catalog) -> Vec<FactChange> {
        let now = self.attendance(key, catalog);
        let before = self.standing.remove(&key);
        if now.is_none() {
            self.landed.remove(&key);
        }
        if let Some(now) = &now {
            self.standing.insert(key, now.clone());
        }
        if before == now {
            return Vec::new();
        }
        let removed = before.map(FactChange::AttendanceRemoved);
        removed
            .into_iter()
            .chain(now.map(FactChange::AttendanceAdded))
            .collect()
    }

    /// The check-ins of a group, settled.
    fn facts_of(&self, group: GroupKey, catalog: &Catalog) -> Few<(OpId, WitnessFact)> {
        let members = self.groups.get(&group).into_iter().flatten();
        members
            .filter_map(|id| Some((*id, self.witnesses.get(id)?.settled(catalog))))
            .collect()
    }

    /// What stands of a group with these check-ins: its sessions, each with the correction that decides
    /// about it.
    fn claims_of(
        &self,
        group: GroupKey,
        mut facts: Few<(OpId, WitnessFact)>,
        catalog: &Catalog,
    ) -> Few<Claim> {
        if facts.len() == 1 {
            return self.judge(group, &facts, catalog).into_iter().collect();
        }
        facts.sort_by_key(|(id, fact)| (fact.at, *id));
        let sessions = sessions_of(&facts, catalog);
        sessions
            .iter()
            .filter_map(|session| self.judge(group, session, catalog))
            .collect()
    }

    /// The claim of a session; `None` when it is void or moved to a place or day nobody knows.
    fn judge(
        &self,
        (place, date, _): GroupKey,
        session: &[(OpId, WitnessFact)],
        catalog: &Catalog,
    ) -> Option<Claim> {
        let (first_id, first) = *session.first()?;
        let original = SessionKey {
            place,
            date,
            session: first.session,
        };
        let ruling = session
            .iter()
            .filter_map(|(id, _)| self.rulings.get(id))
            .filter(|_| !crate::planted!(VoidIgnored))
            .max();
        let (key, at) = match ruling.map(|ruling| ruling.verdict) {
            Some(Verdict::Void) => return None,
            Some(Verdict::ReDate {
                occurred_at,
                session,
            }) => (
                SessionKey::of(first.place, occurred_at, session, catalog)?,
                occurred_at,
            ),
            Some(Verdict::Reinstate) | None => (original, first.at),
        };
        Some(Claim {
            key,
            first: (at, first_id),
            manner: first.manner,
            strength: session.iter().map(|(_, fact)| fact.strength).max()?,
            witnesses: ascending(session.iter().map(|(id, _)| *id)),
        })
    }
}

/// The group a check-in is in; `None` for a place that is not in the catalog: it counts nowhere
/// until a catalog has it.
fn group_of(fact: &WitnessFact, catalog: &Catalog) -> Option<GroupKey> {
    group_of_settled(&fact.settled(catalog), catalog)
}

fn group_of_settled(fact: &WitnessFact, catalog: &Catalog) -> Option<GroupKey> {
    let key = SessionKey::of(fact.place, fact.at, fact.session, catalog)?;
    let dated = match fact.session {
        SessionRef::Dated(id) => Some(id),
        SessionRef::Slot(_) => None,
    };
    Some((key.place, key.date, dated))
}

/// A set of these.
pub(super) fn ascending<T: Ord>(members: impl Iterator<Item = T>) -> Few<T> {
    let mut members: Few<T> = members.collect();
    members.sort_unstable();
    members.dedup();
    members
}

fn insert<T: Ord>(set: &mut Few<T>, member: T) {
    if let Err(place) = set.binary_search(&member) {
        set.insert(place, member);
    }
}

fn remove<T: Ord>(set: &mut Few<T>, member: &T) {
    if let Ok(place) = set.binary_search(member) {
        set.remove(place);
    }
}
