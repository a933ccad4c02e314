//! What a person does about an op that the server refused.

use askel_proto::v1::Undo;
use askel_sync::{
    admission::ClockReading,
    id::OpId,
    op::{Correction, FavouriteAdded, Payload, ProfileSet, QuestJoined, StepCount},
};

use super::{
    Decided, Engine,
    draft::Draft,
    model::Register,
    record::next_revision,
    row::{OwnOp, Standing, Table},
};
use crate::{Cause, Error};

impl Engine {
    /// Lists a refused op no more.
    pub(crate) fn discard(&self, op: OpId) -> Decided<()> {
        let mut draft = Draft::new(&self.model);
        if let Some((number, own)) = self.model.own_op(op)
            && matches!(own.standing, Standing::Rejected { .. })
        {
            draft.delete(Table::OwnOp, number);
        }
        Decided::new(draft.finish(), ())
    }

    /// Writes a refused op anew, and discards the old one in the same transaction.
    pub(crate) fn resubmit(&self, op: OpId, now: ClockReading) -> Result<Decided<OpId>, Error> {
        let (number, own) = self.model.own_op(op).ok_or(Cause::NotResubmittable)?;
        let undo = match &own.standing {
            Standing::Rejected { undo, .. } => *undo,
            _ => return Err(Cause::NotResubmittable.into()),
        };
        let payload = own.op.parse().ok().flatten();
        let (payload, read) = payload
            .filter(|_| undo == Undo::Resubmit)
            .and_then(|payload| self.anew(own, payload, now))
            .ok_or(Cause::NotResubmittable)?;
        let mut draft = Draft::new(&self.model);
        draft.delete(Table::OwnOp, number);
        let op = draft.write_op(&payload, read)?;
        Ok(Decided::new(draft.finish(), op))
    }

    /// The same said again, and by which clock. What happened at its time stays there, as the clock of then
    /// told it; what is wished is wished now.
    fn anew(
        &self,
        own: &OwnOp,
        payload: Payload,
        now: ClockReading,
    ) -> Option<(Payload, ClockReading)> {
        let then = ClockReading {
            wall: own.written_at,
            segment: own.segment,
        };
        let wished = |payload| (payload, now);
        let happened = |payload| (payload, then);
        let register = Register::of(&payload);
        let next = || {
            let known =
                register.map_or(0, |register| self.known_revision_of(register, Some(own.id)));
            next_revision(known).ok()
        };
        Some(match payload {
            Payload::StepCount(count) => happened(Payload::StepCount(StepCount {
                revision: next()?,
                ..count
            })),
            Payload::ProfileSet(set) => wished(Payload::ProfileSet(ProfileSet {
                revision: next()?,
                occurred_at: now.wall,
                ..set
            })),
            Payload::Correction(correction) => happened(Payload::Correction(Correction {
                revision: next_revision(self.known_revision(correction.check_in)?).ok()?,
                ..correction
            })),
            Payload::QuestJoined(joined) => wished(Payload::QuestJoined(QuestJoined {
                occurred_at: now.wall,
                ..joined
            })),
            Payload::FavouriteAdded(added) => wished(Payload::FavouriteAdded(FavouriteAdded {
                occurred_at: now.wall,
                ..added
            })),
            payload @ (Payload::CheckIn(_)
            | Payload::Tally(_)
            | Payload::Evidence(_)
            | Payload::QuestLeft(_)
            | Payload::FavouriteRemoved(_)) => happened(payload),
            _ => return None,
        })
    }
}
