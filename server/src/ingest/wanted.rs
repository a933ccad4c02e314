//! What a group's ops mention: what has to be read before they are judged.

use std::collections::BTreeSet;

use askel_store::Tombstone;
use askel_sync::{
    id::{LogId, OpId, ParticipantId, PassTag},
    limits::REVISION_AHEAD_MAX,
    op::{Op, Payload, Register, Witness},
};

use super::Submission;

/// The ids a group mentions.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) logs: BTreeSet<LogId>,
    pub(super) ops: BTreeSet<OpId>,
    /// Check-ins that corrections cite.
    pub(super) corrected: BTreeSet<OpId>,
    pub(super) passes: BTreeSet<PassTag>,
    /// Registers that offered values are far ahead of.
    pub(super) far_ahead: BTreeSet<(ParticipantId, Register)>,
}

impl Wanted {
    pub(super) fn by(group: &[Submission]) -> Self {
        let mut wanted = Self::default();
        for submission in group {
            wanted
                .logs
                .extend(submission.heads.iter().map(|head| head.log));
            for returned in submission.returned.iter().flat_map(|page| &page.ops) {
                wanted.ops.insert(returned.id());
                wanted.cited_by(returned.op.parse().ok().flatten());
            }
            for batch in &submission.batches {
                wanted.logs.insert(batch.log);
                for op in &batch.ops {
                    if op.origin.log != batch.log {
                        wanted.logs.insert(op.origin.log);
                        wanted.ops.insert(op.id());
                    }
                    let payload = op.parse().ok().flatten();
                    wanted.valued_by(submission.author.participant, payload.as_ref());
                    wanted.cited_by(payload);
                }
            }
        }
        wanted
    }

    /// Only what may be too far ahead is looked up: next to nothing ever is.
    fn valued_by(&mut self, subject: Option<ParticipantId>, payload: Option<&Payload>) {
        let revision = match payload {
            Some(Payload::StepCount(count)) => count.revision,
            Some(Payload::ProfileSet(set)) => set.revision,
            _ => return,
        };
        if revision > REVISION_AHEAD_MAX
            && let (Some(subject), Some(register)) = (subject, payload.and_then(Register::of))
        {
            self.far_ahead.insert((subject, register));
        }
    }

    fn cited_by(&mut self, payload: Option<Payload>) {
        match payload {
            Some(Payload::Correction(correction)) => {
                self.ops.insert(correction.check_in);
                self.corrected.insert(correction.check_in);
            }
            Some(Payload::Evidence(evidence)) => {
                self.ops.insert(evidence.check_in);
            }
            Some(Payload::CheckIn(check_in)) => {
                if let Witness::PassScan(pass) = check_in.witness {
                    self.passes.insert(pass);
                }
            }
            _ => {}
        }
    }
}

/// Whom an op names: a pass that was scanned, or a person to be erased.
pub(super) fn mentioned(op: &Op) -> Option<Tombstone> {
    match op.parse().ok().flatten()? {
        Payload::CheckIn(check_in) => match check_in.witness {
            Witness::PassScan(pass) => Some(pass.into()),
            _ => None,
        },
        Payload::PassSeen(seen) => Some(seen.pass.into()),
        Payload::Erase(erase) => Some(erase.participant.into()),
        _ => None,
    }
}

/// Whom an op asks to be erased.
pub(super) fn erased_by(op: &Op) -> Option<ParticipantId> {
    match op.parse() {
        Ok(Some(Payload::Erase(erase))) => Some(erase.participant),
        _ => None,
    }
}
