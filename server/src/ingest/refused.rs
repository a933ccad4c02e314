//! Ops that are refused: which they are, and whom they are about.

use askel_sync::{
    admission::{Facts as _, Rejection},
    id::{OpId, ParticipantId},
    op::{CheckIn, Op, Payload, Witness},
};

use super::facts::Known;

impl Known {
    /// An op that was refused for good. That another may not offer it says nothing of the op.
    pub(super) fn note_refused(&mut self, op: &Op, reason: &str) {
        self.note_refused_before(op.id(), reason, self.subject_of(op));
    }

    /// By its id.
    pub(super) fn note_refused_before(
        &mut self,
        op: OpId,
        reason: &str,
        subject: Option<ParticipantId>,
    ) {
        if reason != Rejection::OriginNotYours.to_string() {
            self.refused.insert(op, subject);
        }
    }

    /// Whom an op is about, judged or not, as far as that is known: the holder of a scanned pass, whoever
    /// a cited check-in is of, the writer of the log it comes from. Whoever asks to erase someone says
    /// nothing of them.
    pub(super) fn subject_of(&self, op: &Op) -> Option<ParticipantId> {
        let named = match op.parse().ok().flatten() {
            Some(Payload::CheckIn(CheckIn {
                witness: Witness::PassScan(pass),
                ..
            })) => self.passes.get(&pass).map(|record| record.participant),
            Some(Payload::Correction(correction)) => self.subject_of_check_in(correction.check_in),
            Some(Payload::Evidence(evidence)) => self.subject_of_check_in(evidence.check_in),
            _ => None,
        };
        let writer = || self.log_writer(op.origin.log)?.1;
        named.or_else(writer)
    }

    fn subject_of_check_in(&self, check_in: OpId) -> Option<ParticipantId> {
        let accepted = self.check_ins.get(&check_in).map(|fact| fact.subject);
        accepted.or_else(|| *self.refused.get(&check_in)?)
    }
}
