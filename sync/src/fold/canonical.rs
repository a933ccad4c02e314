//! A state as bytes: fixed widths, lists with their length, everything in ascending order.

use super::{Attendance, ParticipantState, profile::Marker};
use crate::{
    id::OpId,
    op::{SessionRef, Verdict},
};

/// A writer of canonical bytes.
#[derive(Default)]
pub(super) struct Canonical(Vec<u8>);

impl Canonical {
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn state(&mut self, state: &ParticipantState) {
        self.bytes(state.participant().as_bytes());
        self.list(state.catalog_hash(), |out, hash| out.bytes(hash));
        self.check_ins(state);
        self.list(state.attendances(), Self::attendance);
        self.list(
            state.steps.registers(),
            |out, ((measure, source, bucket), reading)| {
                out.number(i64::from(measure as i32));
                out.bytes(source.as_bytes());
                out.number(bucket.get().into());
                out.number(reading.revision.into());
                out.number(reading.count.into());
                out.number(reading.quarter.get().into());
            },
        );
        self.list(state.steps.days(), |out, ((measure, date), sum)| {
            out.number(i64::from(measure as i32));
            out.number(date.as_days().into());
            out.bytes(&sum.to_be_bytes());
        });
        self.choices(state);
        self.list(state.awards.confirmed().values(), |out, (id, confirmed)| {
            out.op(*id);
            out.bytes(confirmed.award.as_bytes());
        });
        self.list(state.awards.withdrawn().values(), |out, (id, withdrawn)| {
            out.op(*id);
            out.bytes(withdrawn.award.as_bytes());
        });
    }

    fn check_ins(&mut self, state: &ParticipantState) {
        self.list(state.attendances.witnesses(), |out, (id, fact)| {
            out.op(*id);
            out.number(fact.place.get().into());
            out.number(fact.at.as_ms());
            out.session(fact.session);
            out.number(i64::from(fact.manner as i32));
            out.number(i64::from(fact.strength as i32));
            out.number(fact.catalog_version.into());
            out.number(fact.clock_off.into());
        });
        self.list(state.attendances.rulings(), |out, (check_in, ruling)| {
            out.op(*check_in);
            out.number(ruling.revision.into());
            out.verdict(ruling.verdict);
            out.op(ruling.op);
        });
    }

    fn attendance(&mut self, attendance: &Attendance) {
        self.number(attendance.key.place.get().into());
        self.number(attendance.key.date.as_days().into());
        self.session(attendance.key.session);
        self.number(attendance.at.as_ms());
        self.number(i64::from(attendance.manner as i32));
        self.number(i64::from(attendance.strength as i32));
        self.list(&attendance.witnesses, |out, id| out.op(*id));
    }

    fn choices(&mut self, state: &ParticipantState) {
        self.list(&state.profile.alias, |out, register| {
            out.number(register.val.word.into());
            out.number(register.val.number.into());
            out.marker(&register.marker);
        });
        self.list(&state.profile.picture, |out, register| {
            out.number(register.val.into());
            out.marker(&register.marker);
        });
        self.list(&state.profile.language, |out, register| {
            out.list(register.val.as_bytes(), |out, byte| out.bytes(&[*byte]));
            out.marker(&register.marker);
        });
        self.list(&state.favourites.seen(), |out, id| out.op(*id));
        self.list(state.favourites(), |out, place| {
            out.number(place.get().into());
            out.list(&state.favourite_ops(*place), |out, id| out.op(*id));
        });
        self.list(&state.joined.seen(), |out, id| out.op(*id));
        self.list(state.joined(), |out, goal| {
            out.number(goal.get().into());
            out.list(&state.joined_ops(*goal), |out, id| out.op(*id));
        });
    }

    fn session(&mut self, session: SessionRef) {
        let (tag, number) = match session {
            SessionRef::Slot(slot) => (0, slot.get()),
            SessionRef::Dated(session) => (1, session.get()),
        };
        self.number(tag);
        self.number(number.into());
    }

    fn verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Reinstate => self.number(0),
            Verdict::ReDate {
                occurred_at,
                session,
            } => {
                self.number(1);
                self.number(occurred_at.as_ms());
                self.session(session);
            }
            Verdict::Void => self.number(2),
        }
    }

    fn marker(&mut self, (revision, at, id): &Marker) {
        self.number(i64::from(*revision));
        self.number(at.as_ms());
        self.op(*id);
    }

    fn op(&mut self, id: OpId) {
        self.bytes(id.as_bytes());
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        let start = self.0.len();
        self.number(0);
        let mut length: i64 = 0;
        for item in items {
            each(self, item);
            length = length.saturating_add(1);
        }
        let at = start..start.saturating_add(size_of::<i64>());
        if let Some(place) = self.0.get_mut(at) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn number(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
