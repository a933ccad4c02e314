//! What came to an end: people who were erased, devices that were revoked, and phones whose ops go on in
//! other hands.

use std::collections::{BTreeMap, BTreeSet};

use askel_client_sdk::{DeviceId, SeenOp, SeenStanding};
use askel_sync::{
    id::{OpId, ParticipantId, PassTag},
    op::{Origin, Payload, Witness},
};

use super::{Oracle, Written};
use crate::cast::name;

/// How far an end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// Somebody asked for it.
    Asked,
    /// It was acknowledged.
    Done,
}

/// An op whose writer holds it no more: only frames do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adrift {
    pub(crate) op: OpId,
    /// Where it stood when its writer went.
    pub(crate) at: Origin,
    pub(crate) writer: usize,
    /// Its id, where it does not come back itself.
    pub(crate) writer_id: Option<DeviceId>,
    /// Who carries it.
    pub(crate) carrier: usize,
}

/// What came to an end.
#[derive(Default)]
pub(super) struct Ended {
    /// Whose device each is.
    owners: BTreeMap<usize, ParticipantId>,
    passes: BTreeMap<PassTag, ParticipantId>,
    erasures: BTreeMap<ParticipantId, Told>,
    revocations: BTreeMap<DeviceId, Told>,
    adrift: Vec<Adrift>,
}

impl Oracle {
    /// A device is someone's.
    pub(crate) fn owns(&self, person: ParticipantId, device: usize) {
        self.state().ended.owners.insert(device, person);
    }

    /// A pass is someone's.
    pub(crate) fn shows(&self, person: ParticipantId, pass: PassTag) {
        self.state().ended.passes.insert(pass, person);
    }

    /// Whom an op is about, as its writer meant it.
    pub(crate) fn subject(&self, op: OpId) -> Option<ParticipantId> {
        let state = self.state();
        let mut written = state.written.get(&op)?;
        loop {
            if let Some(owner) = state.ended.owners.get(&written.device) {
                return Some(*owner);
            }
            match written.op.parse() {
                Ok(Some(Payload::CheckIn(check_in))) => match check_in.witness {
                    Witness::PassScan(pass) => return state.ended.passes.get(&pass).copied(),
                    _ => return None,
                },
                Ok(Some(Payload::Correction(correction))) => {
                    written = state.written.get(&correction.check_in)?;
                }
                _ => return None,
            }
        }
    }

    /// Whether it may be that whom an op is about was erased.
    pub(crate) fn may_be_erased(&self, op: OpId) -> bool {
        self.subject(op)
            .is_some_and(|person| self.erasure(person).is_some())
    }

    /// Someone asks to be erased.
    pub(crate) fn asks_erasure(&self, person: ParticipantId) {
        let mut state = self.state();
        state.ended.erasures.entry(person).or_insert(Told::Asked);
    }

    /// How far someone's erasure has come.
    pub(crate) fn erasure(&self, person: ParticipantId) -> Option<Told> {
        self.state().ended.erasures.get(&person).copied()
    }

    /// People of whom a device was told that they are erased.
    pub(crate) fn erased(&self) -> BTreeSet<ParticipantId> {
        let state = self.state();
        let told = state.ended.erasures.iter();
        told.filter(|(_, told)| **told == Told::Done)
            .map(|(person, _)| *person)
            .collect()
    }

    /// Lost devices of someone whose ops are in other hands.
    pub(crate) fn lost_of(&self, person: ParticipantId) -> BTreeSet<DeviceId> {
        let state = self.state();
        let adrift = state.ended.adrift.iter();
        adrift
            .filter(|one| state.ended.owners.get(&one.writer) == Some(&person))
            .filter_map(|one| one.writer_id)
            .collect()
    }

    /// Passes of someone.
    pub(crate) fn passes_of(&self, person: ParticipantId) -> BTreeSet<PassTag> {
        let state = self.state();
        let passes = state.ended.passes.iter();
        passes
            .filter(|(_, whose)| **whose == person)
            .map(|(pass, _)| *pass)
            .collect()
    }

    /// What was written about someone.
    pub(crate) fn written_about(&self, person: ParticipantId) -> Vec<(OpId, Written)> {
        let all: Vec<_> = {
            let state = self.state();
            let written = state.written.iter();
            written.map(|(op, one)| (*op, one.clone())).collect()
        };
        let about = all.into_iter();
        about
            .filter(|(op, _)| self.subject(*op) == Some(person))
            .collect()
    }

    /// A device says that its person was erased, or that it has to enrol again.
    pub(crate) fn left(&self, device: usize) {
        let mut state = self.state();
        state.lives.remove(&device);
        let person = state.ended.owners.get(&device).copied();
        let told = person.and_then(|person| state.ended.erasures.get_mut(&person));
        if let Some(told) = told {
            *told = Told::Done;
            return;
        }
        drop(state);
        let what = format!("{} is nobody's any more, and nobody asked", name(device));
        self.violation(what);
    }

    /// Someone asks that a device be revoked.
    pub(crate) fn asks_revocation(&self, device: DeviceId) {
        let mut state = self.state();
        let revocations = &mut state.ended.revocations;
        revocations.entry(device).or_insert(Told::Asked);
    }

    /// Someone was told that a device is revoked.
    pub(crate) fn hears_of_revocation(&self, device: DeviceId) {
        self.state().ended.revocations.insert(device, Told::Done);
    }

    /// How far a device's revocation has come.
    pub(crate) fn revocation(&self, device: DeviceId) -> Option<Told> {
        self.state().ended.revocations.get(&device).copied()
    }

    /// Whether a device may be told to enrol again.
    pub(crate) fn may_be_turned_away(&self, device: usize, id: DeviceId) -> bool {
        let state = self.state();
        let person = state.ended.owners.get(&device);
        state.ended.revocations.contains_key(&id)
            || person.is_some_and(|person| state.ended.erasures.contains_key(person))
    }

    /// A device is gone, and with it what it held; what nobody confirmed is with a carrier. `id` is the
    /// device's for one that does not come back itself.
    pub(crate) fn goes(&self, device: usize, id: Option<DeviceId>, carrier: Option<usize>) {
        let mut state = self.state();
        let life = state.lives.remove(&device).unwrap_or_default();
        let open = |op: &&SeenOp| op.standing == SeenStanding::Open;
        let Some(carrier) = carrier else { return };
        let adrift: Vec<Adrift> = life
            .values()
            .filter(open)
            .map(|op| Adrift {
                op: op.id,
                at: op.carrier,
                writer: device,
                writer_id: id,
                carrier,
            })
            .collect();
        state.ended.adrift.extend(adrift);
    }

    /// What went on in frames alone.
    pub(crate) fn adrift(&self) -> Vec<Adrift> {
        self.state().ended.adrift.clone()
    }
}
