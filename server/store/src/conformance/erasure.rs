//! Erasing a person: ops, and what comes after.

use std::{collections::BTreeSet, sync::Arc};

use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{DeviceId, GoalId, LogId, OpId, PlaceId, SlotId},
    op::{Op, OpKind, PassSeen, Payload, SessionRef},
    stream::{StreamKey, StreamSum, op_sum},
};

use super::fixture::{
    Effects, NOW, TENANT, Writer, admitted_op, audit, enrol_participant, entries, own_stream,
    participant, pass, tally, target,
};
use crate::{
    Append, AppendError, AuditAction, Contribution, ERASED_OP, Entry, Erased, PartOf, Projection,
    Reading, Returned, Store, StreamOp, Tombstone,
};

pub(super) fn place_day() -> StreamKey {
    StreamKey::PlaceDay(PlaceId::new(1), tally(1).date)
}

/// A sighting of a pass, as the server writes it.
pub(super) fn seen(log: u8, sequence: u64, n: u8) -> AdmittedOp {
    let mut admitted = admitted_op(LogId::from_bytes([log; 16]), sequence);
    let payload = Payload::PassSeen(PassSeen {
        pass: pass(n),
        place: PlaceId::new(1),
        occurred_at: NOW,
        session: SessionRef::Slot(SlotId::new(1)),
        check_in: OpId::from_bytes([n; 16]),
        voided: false,
        revision: 0,
    });
    admitted.op = Op::new(admitted.op.origin, &payload);
    admitted.admission.subject = None;
    admitted.admission.author_role = Role::Server;
    admitted
}

/// An op about participant `n`.
fn about(log: u8, sequence: u64, n: u8) -> AdmittedOp {
    let mut admitted = admitted_op(LogId::from_bytes([log; 16]), sequence);
    admitted.admission.subject = Some(participant(n));
    admitted
}

pub(super) async fn erase(store: &impl Store, n: u8) -> Erased {
    let audit = audit(AuditAction::ParticipantErased);
    store.erase(TENANT, participant(n), &audit).await.unwrap()
}

/// Participants 1 and 2 write of themselves, staff of both, and both passes are seen.
struct World {
    device: DeviceId,
    own: Writer,
    staff: Writer,
    server: Writer,
}

async fn world(store: &impl Store) -> World {
    let device = enrol_participant(store, 1).await;
    let other = enrol_participant(store, 2).await;
    let mut world = World {
        device,
        own: Writer::of(1, device),
        staff: Writer::new(5),
        server: Writer::new(6),
    };
    let mut others = Writer::of(2, other);
    let (mine, theirs) = (Effects::on(&[own_stream(1)]), Effects::on(&[own_stream(2)]));
    let lists = [
        vec![
            world.own.carried(&about(1, 0, 1), mine.clone()),
            world.own.rejected("no"),
            world.own.deferred(),
        ],
        vec![others.carried(&about(2, 0, 2), theirs.clone())],
        vec![
            world.staff.carried(&about(5, 0, 1), mine.clone()),
            world.staff.carried(&about(5, 1, 2), theirs.clone()),
            world.staff.carried(&about(4, 0, 1), mine),
        ],
        vec![
            world
                .server
                .carried(&seen(6, 0, 1), Effects::on(&[place_day()])),
            world
                .server
                .carried(&seen(6, 1, 2), Effects::on(&[place_day()])),
        ],
    ];
    for list in lists {
        store.append(TENANT, &entries(list), NOW).await.unwrap();
    }
    world
}

async fn ops_of(store: &impl Store, log: LogId) -> Vec<OpId> {
    let entries = store.list_entries(TENANT, log, 0, 99).await.unwrap();
    entries.into_iter().map(|(_, op, ..)| op).collect()
}

/// Ops, their hashes in every log, and streams; others' stay as they were.
pub async fn the_ops_of_the_erased_are_gone(store: Arc<impl Store>) {
    let world = world(&*store).await;
    let handle = store
        .lookup_streams(TENANT, &[own_stream(1)])
        .await
        .unwrap()[0]
        .id;
    let erased = erase(&*store, 1).await;
    let expected = Erased {
        participant: participant(1),
        devices: vec![world.device],
        logs: vec![world.own.log],
        passes: vec![pass(1)],
    };
    assert_eq!(erased, expected);
    let gone = [
        about(1, 0, 1),
        about(5, 0, 1),
        about(4, 0, 1),
        seen(6, 0, 1),
    ];
    let gone = gone.map(|op| op.id());
    assert!(store.lookup_ops(TENANT, &gone).await.unwrap().is_empty());
    let stays = [about(2, 0, 2).id(), about(5, 1, 2).id(), seen(6, 1, 2).id()];
    assert_eq!(store.lookup_ops(TENANT, &stays).await.unwrap().len(), 3);
    let streams = [own_stream(1), StreamKey::Device(world.device)];
    assert!(
        store
            .lookup_streams(TENANT, &streams)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.lookup_stream_id(TENANT, handle).await.unwrap(), None);
    assert_eq!(ops_of(&*store, world.own.log).await, [ERASED_OP; 3]);
    let staff = ops_of(&*store, world.staff.log).await;
    assert_eq!(staff, [ERASED_OP, about(5, 1, 2).id(), ERASED_OP]);
    assert_eq!(
        ops_of(&*store, world.server.log).await,
        [ERASED_OP, seen(6, 1, 2).id()]
    );
    let outcomes = store
        .list_entries(TENANT, world.own.log, 0, 9)
        .await
        .unwrap();
    let outcomes: Vec<_> = outcomes
        .iter()
        .map(|(_, _, why, later)| (why.as_deref(), *later))
        .collect();
    assert_eq!(outcomes, [(None, false), (Some("no"), false), (None, true)]);
}

/// Neither of one that was refused at once nor of one that waited before; others' stay.
pub async fn the_hashes_of_refused_ops_about_the_erased_are_gone(store: Arc<impl Store>) {
    let mut staff = Writer::new(5);
    let first = [
        staff.rejected_about(participant(1)),
        staff.rejected_about(participant(2)),
        staff.rejected("no"),
        staff.deferred(),
    ];
    store
        .append(TENANT, &entries(first.clone()), NOW)
        .await
        .unwrap();
    let [mine, theirs, nobodys, mut waited] = first;
    waited.outcome = mine.outcome.clone();
    store.append(TENANT, &entries([waited]), NOW).await.unwrap();
    erase(&*store, 1).await;
    let left = ops_of(&*store, staff.log).await;
    assert_eq!(left, [ERASED_OP, theirs.op, nobodys.op, ERASED_OP]);
    let outcomes = store.list_entries(TENANT, staff.log, 0, 9).await.unwrap();
    assert!(outcomes.iter().all(|(_, _, why, _)| why.is_some()));
    // The same again says nothing new; another is to be judged anew.
    let again = store.append(TENANT, &entries([mine]), NOW).await;
    assert!(again.unwrap().is_empty());
    let later = staff.rejected_about(participant(1));
    let raced = store.append(TENANT, &entries([later.clone()]), NOW).await;
    assert!(matches!(raced, Err(AppendError::Raced)), "{raced:?}");
    let nameless = Entry {
        op: ERASED_OP,
        ..later
    };
    store
        .append(TENANT, &entries([nameless]), NOW)
        .await
        .unwrap();
}

/// The place stays, its op does not, the sum is that of the others; readers are told once.
pub async fn a_sighting_of_an_erased_pass_is_blank(store: Arc<impl Store>) {
    world(&*store).await;
    erase(&*store, 1).await;
    let read = store.read_stream(TENANT, place_day(), 0, 9).await.unwrap();
    let other = StreamOp {
        position: 2,
        admitted: seen(6, 1, 2),
    };
    assert_eq!(read, [StreamOp::blank(1), other.clone()]);
    assert_eq!(read[0].admitted.op.kind, OpKind::Blank as u32);
    let live = store
        .read_part(
            TENANT,
            PartOf {
                stream: place_day(),
                after: 0,
                limit: 9,
                reading: Reading::Live,
            },
        )
        .await;
    let live = live.unwrap().unwrap();
    assert_eq!(live.ops, [other]);
    let sum = StreamSum::default().plus(op_sum(&seen(6, 1, 2)));
    assert_eq!((live.head.head, live.head.sum), (2, sum));
    for _ in 0..2 {
        let outbox = store.list_outbox(TENANT, 9).await.unwrap();
        assert_eq!(outbox.len(), 1);
        assert_eq!(outbox[0].stream, place_day());
        let payload = Payload::parse(outbox[0].kind, &outbox[0].payload).unwrap();
        assert_eq!(payload, Some(Payload::PassErased(pass(1))));
        erase(&*store, 1).await;
    }
}

/// Ops that were judged before and come after: from devices they are to be judged again, from the
/// server they do nothing, and nothing of them is kept.
pub async fn what_comes_after_an_erasure_is_not_kept(store: Arc<impl Store>) {
    let mut world = world(&*store).await;
    erase(&*store, 1).await;
    let mine = Effects::on(&[own_stream(1)]);
    let mut others = Writer::new(7);
    let raced = [
        world.staff.carried(&about(5, 9, 1), mine.clone()),
        world.own.carried(&about(1, 9, 9), Effects::default()),
        others.carried(&about(7, 0, 9), mine.clone()),
    ];
    for entry in raced {
        let appended = store.append(TENANT, &entries([entry]), NOW).await;
        assert!(matches!(appended, Err(AppendError::Raced)), "{appended:?}");
    }
    let server = [
        world
            .server
            .carried(&seen(6, 2, 1), Effects::on(&[place_day()])),
        world
            .server
            .carried(&seen(6, 3, 2), Effects::on(&[place_day()])),
    ];
    let moved = store.append(TENANT, &entries(server), NOW).await.unwrap();
    assert_eq!(moved[0].head, 3, "one of two");
    let returned = |admitted: AdmittedOp, on| Returned {
        admitted: Box::new(admitted),
        streams: vec![target(on)],
        dirty: None,
        derived: None,
        tally: None,
    };
    let append = Append {
        returned: vec![
            returned(about(8, 0, 1), own_stream(1)),
            returned(seen(8, 1, 1), place_day()),
        ],
        projection: Projection {
            dirty: vec![participant(1)],
            contributions: vec![Contribution {
                goal: GoalId::new(3),
                participant: participant(1),
                points: 1,
            }],
            ..Projection::default()
        },
        ..Append::default()
    };
    assert!(store.append(TENANT, &append, NOW).await.unwrap().is_empty());
    assert!(
        store
            .lookup_streams(TENANT, &[own_stream(1)])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.list_dirty(TENANT, 9).await.unwrap().is_empty());
    assert!(
        store
            .list_contributors(TENANT, GoalId::new(3))
            .await
            .unwrap()
            .is_empty()
    );
}

/// A device that sends again what it sent before is answered as before; its erasure is settled.
pub async fn the_log_of_an_erased_device_can_be_settled(store: Arc<impl Store>) {
    let mut world = world(&*store).await;
    erase(&*store, 1).await;
    let mut again = Writer::of(1, world.device);
    let sent = again.carried(&about(1, 0, 1), Effects::on(&[own_stream(1)]));
    let moved = store.append(TENANT, &entries([sent]), NOW).await.unwrap();
    assert!(moved.is_empty());
    let mut erasure = about(1, 3, 1);
    erasure.op.kind = OpKind::Erase as u32;
    let entry = world.own.carried(&erasure, Effects::default());
    store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    let state = store.lookup_logs(TENANT, &[world.own.log]).await.unwrap();
    assert_eq!((state[0].next_sequence, state[0].participant), (4, None));
}

/// Someone unknown too, each once in the audit log; tombstones are all that is left.
pub async fn an_erasure_happens_once(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let before = super::fixture::audit_length(&*store).await;
    let first = erase(&*store, 1).await;
    assert_eq!(erase(&*store, 1).await, first);
    assert_eq!(erase(&*store, 9).await, Erased::new(participant(9)));
    assert_eq!(super::fixture::audit_length(&*store).await, before + 2);
    let ids: [Tombstone; 5] = [
        participant(1).into(),
        participant(2).into(),
        participant(9).into(),
        device.into(),
        pass(1).into(),
    ];
    let found = store.lookup_erased(TENANT, &ids).await.unwrap();
    assert_eq!(found, BTreeSet::from([ids[0], ids[2], ids[3], ids[4]]));
    let other = store
        .lookup_erased(super::fixture::OTHER_TENANT, &ids)
        .await;
    assert!(other.unwrap().is_empty());
}

/// A log of theirs that is settled otherwise is still another writer's.
pub async fn an_erased_entry_takes_no_other_writer(store: Arc<impl Store>) {
    let world = world(&*store).await;
    erase(&*store, 1).await;
    let mut intruder = Writer::of(1, Writer::new(9).device);
    let entry: Entry = intruder.rejected("no");
    let appended = store.append(TENANT, &entries([entry]), NOW).await;
    assert!(matches!(appended, Err(AppendError::Raced)), "{appended:?}");
    assert_eq!(ops_of(&*store, world.own.log).await, [ERASED_OP; 3]);
}

/// A reader that was under way calls no stream of the erased into being again.
pub async fn no_stream_of_the_erased_is_opened(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let note = audit(AuditAction::ParticipantErased);
    store.erase(TENANT, participant(1), &note).await.unwrap();
    for key in [own_stream(1), StreamKey::Device(device)] {
        let opened = store.open_stream(TENANT, target(key)).await.unwrap();
        assert_eq!(opened, None);
        let heads = store.lookup_streams(TENANT, &[key]).await.unwrap();
        assert_eq!(heads, []);
    }
    let other = store.open_stream(TENANT, target(own_stream(2))).await;
    assert!(other.unwrap().is_some());
}
