//! What becomes of each op of a group. Pure: everything it has to know is in [`Known`].

use std::collections::{BTreeMap, BTreeSet};

use askel_store::{ERASED_OP, Entry, EntryOutcome, LogState, StreamTarget, TallyChange};
use askel_sync::{
    admission::{AdmittedOp, Deferral, Judgement, Rejection, judge},
    fold::SessionKey,
    id::{LogId, ParticipantId, StreamId},
    log::Batch,
    op::{Op, PassSeen, Payload},
    stream::{StreamKey, route},
    time::ClockSegment,
};

use super::{
    Conflict, Exception, Hand, IngestError, LogVerdict, Receipt, Submission,
    decided::Decided,
    facts::{Held, Known, check_in_fact},
    forgotten::forgotten,
    wanted::erased_by,
};
use crate::entropy::EntropyFailed;

/// Decides a group, in order.
pub(super) fn decide(
    group: &[Submission],
    known: &mut Known,
    new_stream_id: &dyn Fn(StreamKey) -> Result<StreamId, EntropyFailed>,
) -> Result<Decided, EntropyFailed> {
    let mut desk = Desk {
        known,
        new_stream_id,
        decided: Decided::default(),
    };
    for submission in group {
        let receipt = if desk.known.is_gone(submission.author.device) {
            Err(IngestError::Erased)
        } else if desk.is_revoked(submission) {
            Err(IngestError::Revoked)
        } else {
            desk.decided.append.from.extend(submission.taken_from());
            Ok(desk.receipt(submission)?)
        };
        desk.decided.receipts.push(receipt);
    }
    let mut decided = desk.decided;
    let written: BTreeSet<LogId> = decided
        .append
        .entries
        .iter()
        .map(|entry| entry.log)
        .collect();
    let ends = written.iter().filter_map(|log| known.logs.get(log));
    decided.ends = ends.cloned().collect();
    Ok(decided)
}

pub(super) struct Desk<'a> {
    pub(super) known: &'a mut Known,
    new_stream_id: &'a dyn Fn(StreamKey) -> Result<StreamId, EntropyFailed>,
    pub(super) decided: Decided,
}

impl Desk<'_> {
    /// Whether whoever hands in, or whoever wrote, may no longer.
    fn is_revoked(&self, submission: &Submission) -> bool {
        let revoked = |device| self.known.revoked.contains(device);
        let author = revoked(&submission.author.device);
        match &submission.hand {
            Hand::Own => author,
            Hand::Carried { by, same_person } => revoked(by) || (author && !same_person),
        }
    }

    fn receipt(&mut self, submission: &Submission) -> Result<Receipt, EntropyFailed> {
        let mut receipt = Receipt::default();
        for batch in &submission.batches {
            let before = receipt
                .logs
                .iter()
                .position(|verdict| verdict.log == batch.log);
            let mut verdict = match before {
                Some(index) => receipt.logs.remove(index),
                None => self.open(submission, batch.log),
            };
            self.take_in(submission, batch, &mut verdict, &mut receipt)?;
            receipt.logs.push(verdict);
        }
        for page in &submission.returned {
            receipt.stirred |= self.take_back(page)?;
        }
        for head in &submission.heads {
            if receipt.logs.iter().all(|verdict| verdict.log != head.log) {
                let verdict = self.open(submission, head.log);
                let told = verdict.conflict.is_some()
                    || verdict.settled_before < head.next_sequence
                    || verdict.last_op.is_some();
                receipt.logs.extend(told.then_some(verdict));
            }
        }
        Ok(receipt)
    }

    /// Where a log stands, and whether its writer may go on with it.
    fn open(&self, submission: &Submission, log: LogId) -> LogVerdict {
        let state = self.known.logs.get(&log);
        let settled_before = state.map_or(0, |state| state.next_sequence);
        let head = submission.heads.iter().find(|head| head.log == log);
        let foreign = state.is_some_and(|state| state.device != submission.author.device);
        let conflict = if foreign && !askel_sync::planted!(WriterUnchecked) {
            Some(Conflict::NotTheWriter)
        } else {
            head.and_then(|head| forgotten(self.known, head, settled_before))
        };
        LogVerdict {
            log,
            settled_before,
            exceptions: BTreeMap::new(),
            conflict,
            offered_from: None,
            plain_wanted: false,
            last_op: state.and_then(|state| {
                let told = head?.tells_more_than(settled_before, state.last_op);
                state.last_op.filter(|_| told)
            }),
        }
    }

    /// Settles the ops of a batch from where the log stands. Ops past a gap, or after a conflict,
    /// get no outcome.
    fn take_in(
        &mut self,
        submission: &Submission,
        batch: &Batch,
        verdict: &mut LogVerdict,
        receipt: &mut Receipt,
    ) -> Result<(), EntropyFailed> {
        for (sequence, written_in, op) in batch.sequenced() {
            let carried = Carried {
                log: batch.log,
                written_in,
                op,
            };
            if verdict.conflict.is_some() {
                break;
            }
            if sequence > verdict.settled_before {
                let first = verdict.offered_from.unwrap_or(sequence);
                verdict.offered_from = Some(first.min(sequence));
                break;
            }
            let held = self.known.held.get(&(batch.log, sequence)).cloned();
            if sequence < verdict.settled_before {
                match held {
                    Some(held)
                        if held.op == op.id() || askel_sync::planted!(TakenSequenceRepeats) =>
                    {
                        if !held.deferred {
                            if let Some(reason) = held.rejection {
                                self.known.note_refused(op, &reason);
                                let told = Exception::Rejected(reason);
                                verdict.exceptions.insert(sequence, told);
                            }
                            continue;
                        }
                    }
                    // It may be what was erased, but only if it is about someone who was, or cites what
                    // is not there any more: which check-ins were theirs nothing tells.
                    Some(held)
                        if held.op == ERASED_OP && self.may_be_erased(submission, carried) =>
                    {
                        let told = Exception::Rejected(Rejection::Erased.to_string());
                        verdict.exceptions.insert(sequence, told);
                        continue;
                    }
                    _ => {
                        verdict.conflict = Some(Conflict::SequenceTaken);
                        break;
                    }
                }
            }
            let (outcome, exception) = self.judge(submission, carried)?;
            receipt.stirred |= matches!(
                &outcome,
                EntryOutcome::Accepted { dirty, derived, .. } if dirty.is_some() || derived.is_some()
            );
            receipt.news = receipt.news.saturating_add(1);
            let is_about_erased = matches!(
                &exception,
                Some(Exception::Rejected(reason)) if *reason == Rejection::Erased.to_string()
            );
            let entry = Entry {
                log: batch.log,
                device: submission.author.device,
                sequence,
                // The hash of what is about someone erased is not kept either.
                op: if is_about_erased { ERASED_OP } else { op.id() },
                outcome,
            };
            self.settle(entry, submission.author.participant);
            verdict
                .exceptions
                .extend(exception.map(|told| (sequence, told)));
            verdict.settled_before = verdict.settled_before.max(sequence.saturating_add(1));
        }
        Ok(())
    }

    fn may_be_erased(&mut self, submission: &Submission, carried: Carried<'_>) -> bool {
        matches!(
            self.judgement(submission, carried),
            Judgement::Rejected(Rejection::Erased | Rejection::CitedOpUnknown)
                | Judgement::Deferred(Deferral::CitedOpUnknown)
        )
    }

    fn judgement(&mut self, submission: &Submission, carried: Carried<'_>) -> Judgement {
        let Carried {
            log,
            written_in,
            op,
        } = carried;
        let clocks = submission.clocks(written_in);
        self.known.erased_again = erased_by(op);
        let judgement = judge(op, log, &submission.author, clocks, self.known);
        if let Judgement::Rejected(rejection) = &judgement {
            self.known.note_refused(op, &rejection.to_string());
        }
        judgement
    }

    fn judge(
        &mut self,
        submission: &Submission,
        carried: Carried<'_>,
    ) -> Result<(EntryOutcome, Option<Exception>), EntropyFailed> {
        let judgement = self.judgement(submission, carried);
        let op = carried.op;
        let known_already = self.known.admitted.get(&op.id());
        let known_already = known_already.filter(|_| !askel_sync::planted!(CarrierDecides));
        match (judgement, known_already) {
            (Judgement::Deferred(deferral), _) => {
                Ok((EntryOutcome::Deferred, Some(Exception::Deferred(deferral))))
            }
            (Judgement::Rejected(rejection @ Rejection::OriginNotYours), _)
            | (Judgement::Rejected(rejection), None) => {
                let reason = rejection.to_string();
                Ok((
                    EntryOutcome::Rejected {
                        reason: reason.clone(),
                        subject: self.known.subject_of(op),
                    },
                    Some(Exception::Rejected(reason)),
                ))
            }
            // Admitted before, in another log: that judgement stands.
            (Judgement::Accepted { .. } | Judgement::Rejected(_), Some(admitted)) => {
                Ok((repeated(Box::new(admitted.clone())), None))
            }
            (Judgement::Accepted { admission, payload }, None) => {
                let admitted = AdmittedOp {
                    op: op.clone(),
                    admission,
                };
                Ok((self.accept(submission, &payload, admitted)?, None))
            }
        }
    }

    fn accept(
        &mut self,
        submission: &Submission,
        payload: &Payload,
        mut admitted: AdmittedOp,
    ) -> Result<EntryOutcome, EntropyFailed> {
        if askel_sync::planted!(FieldsDropped) {
            admitted.op.payload = payload.encode().into();
        }
        let id = admitted.id();
        let route = route(id, payload, &admitted.admission, None, self.known);
        let streams = self.targets(route.streams)?;
        self.known.note_value(&admitted);
        if matches!(payload, Payload::Erase(_))
            && let Some(participant) = admitted.admission.subject.take()
            && !self.known.is_gone(participant)
        {
            let by = submission.author.device;
            self.decided.erasures.push((participant, by));
        }
        let tally = self.tally(payload, &admitted);
        if let Payload::Correction(correction) = payload {
            self.known.note_correction(correction);
            let corrected = (submission.author.device, admitted.op.origin);
            self.decided.corrected.push(corrected);
        }
        self.known
            .check_ins
            .extend(check_in_fact(payload, &admitted).map(|fact| (id, fact)));
        let derived = route.derived.filter(|_| !askel_sync::planted!(DoorNotTold));
        let derived = derived.map(self::derived);
        Ok(EntryOutcome::Accepted {
            admitted: Box::new(admitted),
            streams,
            dirty: route.dirty,
            derived,
            tally,
        })
    }

    pub(super) fn targets(
        &self,
        streams: Vec<StreamKey>,
    ) -> Result<Vec<StreamTarget>, EntropyFailed> {
        let target = |key| {
            let new_id = (self.new_stream_id)(key)?;
            Ok(StreamTarget { key, new_id })
        };
        streams.into_iter().map(target).collect()
    }

    /// What an anonymous count adds; `None` for a place the catalog does not know.
    pub(super) fn tally(&self, payload: &Payload, admitted: &AdmittedOp) -> Option<TallyChange> {
        let Payload::Tally(tally) = payload else {
            return None;
        };
        let at = admitted.admission.corrected_at;
        let key = SessionKey::of(tally.place, at, tally.session, self.known.catalog.as_ref()?)?;
        Some(TallyChange {
            place: key.place,
            date: key.date,
            session: key.session,
            delta: tally.delta,
        })
    }

    /// Notes the entry, for the store and for the rest of the group.
    fn settle(&mut self, entry: Entry, participant: Option<ParticipantId>) {
        let held = Held {
            op: entry.op,
            rejection: match &entry.outcome {
                EntryOutcome::Rejected { reason, .. } => Some(reason.clone()),
                _ => None,
            },
            deferred: matches!(entry.outcome, EntryOutcome::Deferred),
        };
        self.known.held.insert((entry.log, entry.sequence), held);
        let state = self.known.logs.entry(entry.log).or_insert(LogState {
            log: entry.log,
            device: entry.device,
            participant,
            next_sequence: 0,
            last_op: None,
        });
        if entry.sequence >= state.next_sequence {
            state.last_op = Some(entry.op);
        }
        state.next_sequence = state.next_sequence.max(entry.sequence.saturating_add(1));
        self.decided.append.entries.push(entry);
    }
}

/// An op as a log brings it.
#[derive(Clone, Copy)]
struct Carried<'b> {
    log: LogId,
    written_in: ClockSegment,
    op: &'b Op,
}

/// For the outbox: stream, kind and payload.
pub(super) fn derived((stream, seen): (StreamKey, PassSeen)) -> (StreamKey, u32, Vec<u8>) {
    let seen = Payload::PassSeen(seen);
    (stream, seen.kind() as u32, seen.encode())
}

/// An op that was admitted before: a further entry, no further effect.
fn repeated(admitted: Box<AdmittedOp>) -> EntryOutcome {
    EntryOutcome::Accepted {
        admitted,
        streams: Vec::new(),
        dirty: None,
        derived: None,
        tally: None,
    }
}
