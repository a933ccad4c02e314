//! Live ops: of a register only the greatest.

use std::sync::Arc;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{GoalId, LogId, OpId, StepSourceId},
    op::{ChallengeTotal, Measure, Op, Origin, Payload, StepCount},
    stream::{Register, StreamKey, StreamSum, op_sum, register_of},
    time::Quarter,
};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, entries, own_stream, participant,
};
use crate::{ASIDE_LOG, Append, PartOf, Reading, RefusedOp, Store, StreamPart};

/// Steps of the quarter before now.
pub(super) fn steps(log: u8, sequence: u64, revision: u32) -> AdmittedOp {
    let bucket = Quarter::containing(NOW).unwrap().get() - 1;
    let payload = Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([1; 16]),
        bucket: Quarter::new(bucket),
        count: 10 * revision,
        revision,
        measure: Measure::Steps,
    });
    admitted(log, sequence, &payload)
}

fn total(sequence: u64, revision: u32) -> AdmittedOp {
    let payload = Payload::ChallengeTotal(ChallengeTotal {
        goal: GoalId::new(1),
        total: revision.into(),
        people: 9,
        revision,
        occurred_at: NOW,
    });
    admitted(7, sequence, &payload)
}

fn admitted(log: u8, sequence: u64, payload: &Payload) -> AdmittedOp {
    let origin = Origin {
        log: LogId::from_bytes([log; 16]),
        sequence,
    };
    AdmittedOp {
        op: Op::new(origin, payload),
        admission: Admission {
            corrected_at: NOW,
            received_at: NOW,
            subject: Some(participant(1)),
            strength: Strength::SelfReport,
            flags: Flags::default(),
            author_role: Role::Participant,
        },
    }
}

async fn part(store: &impl Store, stream: StreamKey, reading: Reading) -> StreamPart {
    let part = store
        .read_part(
            TENANT,
            PartOf {
                stream,
                after: 0,
                limit: 99,
                reading,
            },
        )
        .await;
    part.unwrap().unwrap()
}

fn positions(part: &StreamPart) -> Vec<u64> {
    part.ops.iter().map(|op| op.position).collect()
}

pub(super) fn sum_of(ops: &[&AdmittedOp]) -> StreamSum {
    let sums = ops.iter().map(|op| op_sum(op));
    sums.fold(StreamSum::default(), StreamSum::plus)
}

/// Whatever the order, and however the ops are spread over appends.
pub async fn the_greatest_of_a_register_is_live(store: Arc<impl Store>) {
    let orders = [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ];
    let mut n = 0;
    for order in orders {
        for split in 0..=3 {
            n += 1;
            let (stream, mut writer) = (own_stream(n), Writer::new(n));
            let ops = order.map(|revision| steps(n, revision.into(), revision));
            let plain = writer.accepted(Effects::on(&[stream]));
            store
                .append(TENANT, &entries([plain.clone()]), NOW)
                .await
                .unwrap();
            let batch = ops
                .each_ref()
                .map(|op| writer.carried(op, Effects::on(&[stream])));
            for batch in [&batch[..split], &batch[split..]] {
                let append = entries(batch);
                store.append(TENANT, &append, NOW).await.unwrap();
            }
            let greatest = order.iter().position(|revision| *revision == 3).unwrap();
            let live = part(&*store, stream, Reading::Live).await;
            let place = u64::try_from(greatest).unwrap() + 2;
            assert_eq!(positions(&live), [1, place], "{order:?} {split}");
            assert_eq!(live.ops[1].admitted, ops[greatest]);
            let all = part(&*store, stream, Reading::All).await;
            assert_eq!(positions(&all), [1, 2, 3, 4], "{order:?} {split}");
            assert_eq!(all.head, live.head);
            let plain = &all.ops[0].admitted;
            assert_eq!(
                all.head.sum,
                sum_of(&[plain, &ops[greatest]]),
                "{order:?} {split}"
            );
            let register = register_of(&ops[0]).unwrap();
            let found = store
                .lookup_registers(TENANT, &[(stream, register)])
                .await
                .unwrap();
            assert_eq!(found[0].op, live.ops[1], "{order:?} {split}");
        }
    }
}

/// Other registers, other streams, other tenants; in the order asked.
pub async fn registers_are_kept_apart(store: Arc<impl Store>) {
    let challenge = StreamKey::Challenge(GoalId::new(1));
    let mut writer = Writer::new(1);
    let (walked, told) = (steps(1, 1, 1), total(1, 5));
    let batch = [
        writer.carried(&walked, Effects::on(&[own_stream(1), own_stream(2)])),
        writer.carried(&told, Effects::on(&[challenge])),
    ];
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let more = steps(1, 2, 2);
    let entry = writer.carried(&more, Effects::on(&[own_stream(2)]));
    store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    let register = register_of(&walked).unwrap();
    let asked = [
        (challenge, Register::ChallengeTotal(GoalId::new(1))),
        (challenge, Register::ChallengeTotal(GoalId::new(2))),
        (own_stream(3), register),
        (own_stream(2), register),
        (own_stream(1), register),
    ];
    let found = store.lookup_registers(TENANT, &asked).await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|live| (live.stream, live.op.position, live.op.admitted))
        .collect();
    let expected = [
        (challenge, 1, told),
        (own_stream(2), 2, more),
        (own_stream(1), 1, walked),
    ];
    assert_eq!(found, expected);
    let found = store.lookup_registers(OTHER_TENANT, &asked).await.unwrap();
    assert!(found.is_empty());
    assert!(
        store
            .lookup_registers(TENANT, &[])
            .await
            .unwrap()
            .is_empty()
    );
}

/// Steps of a quarter to come hide nothing, however great their revision.
pub async fn steps_of_the_future_supersede_nothing(store: Arc<impl Store>) {
    let (stream, mut writer) = (own_stream(1), Writer::new(1));
    let mut future = steps(1, 9, 1_000);
    future.admission.received_at = NOW.saturating_add_ms(-86_400_000);
    let ops = [steps(1, 1, 1), future];
    let batch = ops
        .each_ref()
        .map(|op| writer.carried(op, Effects::on(&[stream])));
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let live = part(&*store, stream, Reading::Live).await;
    assert_eq!(positions(&live), [1, 2]);
    assert_eq!(live.head.sum, sum_of(&[&ops[0], &ops[1]]));
}

/// After a position, at most so many, and a head that is that of the ops.
pub async fn a_part_comes_with_its_head(store: Arc<impl Store>) {
    let (stream, mut writer) = (own_stream(1), Writer::new(1));
    assert_eq!(
        store
            .read_part(
                TENANT,
                PartOf {
                    stream,
                    after: 0,
                    limit: 9,
                    reading: Reading::All
                }
            )
            .await
            .unwrap(),
        None
    );
    let ops = [1, 3, 2].map(|revision| steps(1, revision.into(), revision));
    let mut batch: Vec<_> = ops
        .iter()
        .map(|op| writer.carried(op, Effects::on(&[stream])))
        .collect();
    batch.push(writer.accepted(Effects::on(&[stream])));
    let append = Append {
        entries: batch,
        ..Append::default()
    };
    let moved = store.append(TENANT, &append, NOW).await.unwrap();
    let check = async |after, limit, reading, expected: &[u64]| {
        let part = store
            .read_part(
                TENANT,
                PartOf {
                    stream,
                    after,
                    limit,
                    reading,
                },
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!(part.head, moved[0]);
        assert_eq!(positions(&part), expected, "{after} {limit} {reading:?}");
    };
    check(0, 2, Reading::All, &[1, 2]).await;
    check(2, 9, Reading::All, &[3, 4]).await;
    check(0, 1, Reading::Live, &[2]).await;
    check(0, 9, Reading::Live, &[2, 4]).await;
    check(2, 9, Reading::Live, &[4]).await;
    check(4, 9, Reading::Live, &[]).await;
    check(u64::MAX, 9, Reading::All, &[]).await;
    check(0, 0, Reading::All, &[]).await;
}

/// With the op before the next sequence, the one opened last first, at most so many.
pub async fn the_logs_of_a_device_are_listed(store: Arc<impl Store>) {
    let device = Writer::new(1).device;
    for (n, at) in [(3, 1), (1, 2), (2, 2), (9, 3)] {
        let writer = Writer::new(n);
        let device = if n == 9 { writer.device } else { device };
        let mut writer = Writer::of(n, device);
        let batch = [writer.rejected("no"), writer.deferred()];
        let at = NOW.saturating_add_ms(at);
        store.append(TENANT, &entries(batch), at).await.unwrap();
    }
    let mut again = Writer::of(3, device);
    let batch = [again.rejected("no"), again.deferred(), again.deferred()];
    let later = NOW.saturating_add_ms(9);
    store
        .append(TENANT, &entries(batch.clone()), later)
        .await
        .unwrap();
    // The server's own beside them is none of the device's.
    let mut id = [7; 16];
    id[..4].copy_from_slice(&ASIDE_LOG);
    let mut aside = Writer::of(7, device);
    aside.log = LogId::from_bytes(id);
    let batch_aside = [aside.rejected("no")];
    store
        .append(TENANT, &entries(batch_aside), later)
        .await
        .unwrap();
    let logs = async |limit| {
        let logs = store.list_device_logs(TENANT, device, limit).await.unwrap();
        logs.iter()
            .map(|log| log.log.as_bytes()[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(logs(9).await, [2, 1, 3]);
    assert_eq!(logs(2).await, [2, 1]);
    let listed = store.list_device_logs(TENANT, device, 9).await.unwrap();
    assert_eq!(
        (listed[2].next_sequence, listed[2].last_op),
        (3, Some(batch[2].op))
    );
    let ids: Vec<LogId> = listed.iter().map(|log| log.log).collect();
    assert_eq!(store.lookup_logs(TENANT, &ids).await.unwrap(), listed);
    let other = store.list_device_logs(OTHER_TENANT, device, 9).await;
    assert!(other.unwrap().is_empty());
}

/// By its id, wherever it is; nothing else is.
pub async fn what_was_refused_is_known(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [
        writer.accepted(Effects::default()),
        writer.rejected("too_old"),
        writer.deferred(),
        writer.rejected("too_new"),
    ];
    let ids: Vec<OpId> = batch.iter().map(|entry| entry.op).collect();
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let refused = store.lookup_refused(TENANT, &ids[..3]).await.unwrap();
    let known = |op, reason: &str, subject| RefusedOp {
        op,
        reason: reason.to_owned(),
        subject,
    };
    assert_eq!(refused, [known(ids[1], "too_old", None)]);
    let about = writer.rejected_about(participant(1));
    store
        .append(TENANT, &entries([about.clone()]), NOW)
        .await
        .unwrap();
    let refused = store.lookup_refused(TENANT, &[about.op]).await.unwrap();
    assert_eq!(refused, [known(about.op, "no", Some(participant(1)))]);
    let nothing = store.lookup_refused(TENANT, &[]).await.unwrap();
    assert_eq!(nothing, []);
    let elsewhere = store.lookup_refused(OTHER_TENANT, &ids).await.unwrap();
    assert_eq!(elsewhere, []);
}
