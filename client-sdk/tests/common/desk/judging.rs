//! Judging an op by the rules of `askel-sync`, and what follows from it.

use std::collections::BTreeSet;

use askel_proto::v1;
use askel_sync::{
    admission::{
        AdmittedOp, Author, AuthorStanding, CheckInFact, ClockReading, Clocks, Facts, Judgement,
        PlaceScope, judge,
    },
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState},
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    log::Batch,
    op::{AwardConfirmed, Op, Payload, Register, SessionRef, Witness},
    rule::evaluate,
    stream::{StreamKey, route},
    time::{ClockSegment, LocalDate, Timestamp},
};

use super::{Desk, Disturbance, Settled, State};

/// What the desk knows, for judging.
struct Known<'a> {
    state: &'a State,
    catalog: &'a Catalog,
}

impl Facts for Known<'_> {
    fn pass_holder(&self, pass: PassTag, _: Timestamp) -> Option<ParticipantId> {
        self.state.passes.get(&pass).copied()
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        let ops = self.state.streams.values().flatten();
        let admitted = ops.into_iter().find(|admitted| admitted.id() == id)?;
        match admitted.op.parse() {
            Ok(Some(Payload::CheckIn(check_in))) => Some(CheckInFact {
                subject: admitted.admission.subject?,
                place: check_in.place,
                corrected_at: admitted.admission.corrected_at,
                session: check_in.session,
                pass: match check_in.witness {
                    Witness::PassScan(pass) => Some(pass),
                    _ => None,
                },
                log: Some(admitted.op.origin.log),
            }),
            _ => None,
        }
    }

    fn correction_revision(&self, check_in: OpId) -> Option<u32> {
        let ops = self.state.streams.values().flatten();
        let revision = |admitted: &AdmittedOp| match admitted.op.parse() {
            Ok(Some(Payload::Correction(correction))) if correction.check_in == check_in => {
                Some(correction.revision)
            }
            _ => None,
        };
        Some(ops.filter_map(revision).max().unwrap_or(0))
    }

    fn register_revision(&self, subject: ParticipantId, register: &Register) -> Option<u32> {
        let stream = StreamKey::Participant(subject);
        let ops = self.state.streams.get(&stream).into_iter().flatten();
        let revision = |admitted: &AdmittedOp| {
            let payload = admitted.op.parse().ok().flatten()?;
            let is_of_it = Register::of(&payload).as_ref() == Some(register);
            match payload {
                Payload::StepCount(count) if is_of_it => Some(count.revision),
                Payload::ProfileSet(set) if is_of_it => Some(set.revision),
                _ => None,
            }
        };
        Some(ops.filter_map(revision).max().unwrap_or(0))
    }

    /// It remembers no refusals: what cites one waits, as at a server that was restored.
    fn is_refused(&self, _: OpId) -> bool {
        false
    }

    fn is_erased(&self, _: ParticipantId) -> bool {
        false
    }

    fn is_pass_erased(&self, _: PassTag) -> bool {
        false
    }

    fn is_log_erased(&self, _: LogId) -> bool {
        false
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        let (device, _) = self.state.logs.get(&log)?;
        Some((*device, self.state.devices.get(device)?.participant))
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.catalog.local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        self.catalog.session_date(place, at, session)
    }
}

impl Desk {
    pub(super) fn settle(
        &self,
        state: &mut State,
        op: &Op,
        (batch, written_in): (&Batch, ClockSegment),
        now: ClockReading,
    ) -> Settled {
        let id = op.id();
        let known = state.devices[&batch.device].clone();
        let refusal = |one| {
            matches!(
                one,
                Disturbance::Reject | Disturbance::RejectToResubmit | Disturbance::Defer
            )
        };
        match state.next_disturbance(refusal) {
            Some(Disturbance::Reject) => return Settled::Rejected(id, v1::Undo::Discard),
            Some(Disturbance::RejectToResubmit) => {
                return Settled::Rejected(id, v1::Undo::Resubmit);
            }
            Some(_) => return Settled::Deferred(id),
            None => {}
        }
        let author = Author {
            device: batch.device,
            role: known.role,
            participant: known.participant,
            scope: PlaceScope::All,
            lease_until: None,
            standing: AuthorStanding::Full,
        };
        let mut boots = state.boots.iter().copied();
        let clocks = Clocks {
            written_in,
            sent_with: Some(now),
            told: boots.find(|boot| boot.boot_id == written_in.boot_id),
            received_at: now.wall,
        };
        let facts = Known {
            state,
            catalog: &self.catalog,
        };
        let (admission, payload) = match judge(op, batch.log, &author, clocks, &facts) {
            Judgement::Accepted { admission, payload } => (admission, payload),
            Judgement::Deferred(_) => return Settled::Deferred(id),
            Judgement::Rejected(_) => return Settled::Rejected(id, v1::Undo::Discard),
        };
        if state.accepted.contains(&id) {
            return Settled::Accepted(id);
        }
        let route = route(id, &payload, &admission, None, &facts);
        let admitted = AdmittedOp {
            op: op.clone(),
            admission,
        };
        for stream in route.streams {
            state
                .streams
                .entry(stream)
                .or_default()
                .push(admitted.clone());
        }
        if let Some((stream, seen)) = route.derived {
            state.say(stream, &Payload::PassSeen(seen), None, now.wall);
        }
        state.accepted.push(id);
        Settled::Accepted(id)
    }

    pub(super) fn confirm(&self, state: &mut State, participant: ParticipantId, now: Timestamp) {
        let stream = StreamKey::Participant(participant);
        let folded = {
            let ops = state.streams.get(&stream).cloned().unwrap_or_default();
            ParticipantState::fold(participant, &ops, &self.catalog)
        };
        let evaluation = evaluate(&folded, &ChallengeTotals::new(), &self.catalog);
        let confirmed: BTreeSet<_> = folded.confirmed().map(|one| one.award).collect();
        for eligible in evaluation.eligible {
            if !confirmed.contains(&eligible.award) {
                let payload = Payload::AwardConfirmed(AwardConfirmed {
                    award: eligible.award,
                    goal: eligible.goal,
                    stage: eligible.stage,
                    rule_version: 1,
                    catalog_hash: self.catalog.hash().to_vec(),
                    occurred_at: now,
                });
                state.say(stream, &payload, Some(participant), now);
            }
        }
    }
}
