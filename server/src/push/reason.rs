//! What is a reason to wake someone: pure, from what an append says.

use std::collections::BTreeSet;

use askel_store::{Append, Entry, EntryOutcome, StreamTarget, Whom};
use askel_sync::{
    admission::{AdmittedOp, Role},
    op::OpKind,
    stream::StreamKey,
};

/// Whom an append gives a reason to be woken, each once.
///
/// What someone did themselves is none, and so is the award that it leads to: the sync that handed it in
/// brings the answer home. What staff or the server did is one, and stands for the award that follows from
/// it: that comes before anyone is woken. A challenge that is reached is one for whoever gave to it.
pub fn reasons(append: &Append) -> BTreeSet<Whom> {
    let mut whom: BTreeSet<Whom> = append.entries.iter().flat_map(told_by).collect();
    if append.entries.iter().any(tells_a_total) {
        let reached = append.projection.dirty.iter();
        whom.extend(reached.copied().map(Whom::Participant));
    }
    whom
}

fn accepted(entry: &Entry) -> Option<(&AdmittedOp, &[StreamTarget])> {
    match &entry.outcome {
        EntryOutcome::Accepted {
            admitted, streams, ..
        } => Some((admitted, streams)),
        EntryOutcome::Rejected { .. } | EntryOutcome::Deferred => None,
    }
}

fn told_by(entry: &Entry) -> impl Iterator<Item = Whom> {
    let told = accepted(entry).filter(|(admitted, _)| is_anothers_act(admitted));
    let streams = told.map_or(&[][..], |(_, streams)| streams);
    streams.iter().filter_map(|stream| match stream.key {
        StreamKey::Participant(participant) => Some(Whom::Participant(participant)),
        StreamKey::Device(device) => Some(Whom::Device(device)),
        // What everyone reads is found when they next look.
        _ => None,
    })
}

fn is_anothers_act(admitted: &AdmittedOp) -> bool {
    match admitted.admission.author_role {
        Role::Participant => false,
        // It follows from something; that is the reason, or the person's own act.
        Role::Server => admitted.op.kind != OpKind::AwardConfirmed as u32,
        _ => true,
    }
}

fn tells_a_total(entry: &Entry) -> bool {
    accepted(entry).is_some_and(|(admitted, _)| admitted.op.kind == OpKind::ChallengeTotal as u32)
}

#[cfg(test)]
mod tests {
    use askel_store::Projection;
    use askel_sync::{
        admission::{Admission, Flags, Strength},
        id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PlaceId, StreamId},
        op::{Op, Origin},
        time::{LocalDate, Timestamp},
    };

    use super::*;

    const ANNA: ParticipantId = ParticipantId::from_bytes([1; 16]);
    const BERIT: ParticipantId = ParticipantId::from_bytes([2; 16]);
    const TABLET: DeviceId = DeviceId::from_bytes([3; 16]);

    fn entry(kind: OpKind, author_role: Role, to: &[StreamKey]) -> Entry {
        let now = Timestamp::from_ms(1_460_440_800_000);
        let admitted = AdmittedOp {
            op: Op {
                kind: kind as u32,
                payload: Vec::new().into(),
                origin: Origin {
                    log: LogId::from_bytes([9; 16]),
                    sequence: 0,
                },
            },
            admission: Admission {
                corrected_at: now,
                received_at: now,
                subject: None,
                strength: Strength::Unspecified,
                flags: Flags::default(),
                author_role,
            },
        };
        let target = |key: &StreamKey| StreamTarget {
            key: *key,
            new_id: StreamId::from_bytes([8; 16]),
        };
        with(EntryOutcome::Accepted {
            admitted: Box::new(admitted),
            streams: to.iter().map(target).collect(),
            dirty: None,
            derived: None,
            tally: None,
        })
    }

    fn with(outcome: EntryOutcome) -> Entry {
        Entry {
            log: LogId::from_bytes([9; 16]),
            device: TABLET,
            sequence: 0,
            op: OpId::from_bytes([7; 16]),
            outcome,
        }
    }

    fn check(entries: Vec<Entry>, expected: &[Whom]) {
        let append = Append {
            entries,
            ..Append::default()
        };
        let expected: BTreeSet<Whom> = expected.iter().copied().collect();
        assert_eq!(reasons(&append), expected);
    }

    const ANNAS: StreamKey = StreamKey::Participant(ANNA);

    #[test]
    fn ones_own_check_in_wakes_nobody_and_neither_does_its_award() {
        check(
            vec![
                entry(OpKind::CheckIn, Role::Participant, &[ANNAS]),
                entry(OpKind::AwardConfirmed, Role::Server, &[ANNAS]),
            ],
            &[],
        );
    }

    #[test]
    fn what_staff_and_the_server_did_wakes_once() {
        let anna = Whom::Participant(ANNA);
        let scan = || entry(OpKind::CheckIn, Role::Staff, &[ANNAS]);
        check(vec![scan(), scan()], &[anna]);
        check(
            vec![entry(OpKind::Correction, Role::Staff, &[ANNAS])],
            &[anna],
        );
        let withdrawn = entry(OpKind::AwardWithdrawn, Role::Server, &[ANNAS]);
        check(vec![withdrawn], &[anna]);
        let told = entry(
            OpKind::DeviceChanged,
            Role::Server,
            &[StreamKey::Device(TABLET)],
        );
        check(vec![told], &[Whom::Device(TABLET)]);
    }

    #[test]
    fn what_everyone_reads_wakes_nobody() {
        let day = StreamKey::PlaceDay(PlaceId::new(1), LocalDate::from_days(0));
        check(vec![entry(OpKind::Tally, Role::Staff, &[day])], &[]);
        let catalog = entry(
            OpKind::CatalogPublished,
            Role::Server,
            &[StreamKey::Catalog],
        );
        check(vec![catalog], &[]);
    }

    #[test]
    fn what_was_not_admitted_wakes_nobody() {
        let rejected = EntryOutcome::Rejected {
            reason: "too_old".to_owned(),
            subject: Some(ANNA),
        };
        check(vec![with(rejected), with(EntryOutcome::Deferred)], &[]);
    }

    #[test]
    fn a_challenge_that_is_reached_wakes_whoever_gave_to_it() {
        let to = StreamKey::Challenge(GoalId::new(5));
        let total = || vec![entry(OpKind::ChallengeTotal, Role::Server, &[to])];
        check(total(), &[]);
        let projection = Projection {
            dirty: vec![ANNA, BERIT],
            ..Projection::default()
        };
        let reached = Append {
            entries: total(),
            projection: projection.clone(),
            ..Append::default()
        };
        let both = BTreeSet::from([Whom::Participant(ANNA), Whom::Participant(BERIT)]);
        assert_eq!(reasons(&reached), both);
        // Who is only to be looked at again has no reason.
        let dirty = Append {
            projection,
            ..Append::default()
        };
        assert_eq!(reasons(&dirty), BTreeSet::new());
    }
}
