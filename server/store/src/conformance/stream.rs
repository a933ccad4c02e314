//! Streams: positions, sums, handles, pages.

use std::sync::Arc;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, GoalId, OpId, PlaceId, StreamId},
    op::{Op, Origin},
    stream::{StreamKey, StreamSum, op_sum},
    time::{LocalDate, Timestamp},
};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, admitted_op, entries, own_stream, target,
};
use crate::{Lineage, Store, StreamOp};

fn every_kind() -> [StreamKey; 6] {
    [
        own_stream(1),
        StreamKey::Device(DeviceId::from_bytes([1; 16])),
        StreamKey::PlaceDay(PlaceId::new(1), LocalDate::from_days(-1)),
        StreamKey::PlaceDay(PlaceId::new(1), LocalDate::from_days(1)),
        StreamKey::Catalog,
        StreamKey::Challenge(GoalId::new(1)),
    ]
}

/// Over several appends and logs; the sum is that of the ops.
pub async fn positions_are_dense_and_the_sum_adds_up(store: Arc<impl Store>) {
    let stream = own_stream(1);
    let mut writers = [Writer::new(1), Writer::new(2)];
    let mut sum = StreamSum::default();
    for turn in 0..6_u64 {
        let writer = &mut writers[usize::try_from(turn % 2).unwrap()];
        let batch = [0, 1].map(|_| writer.accepted(Effects::on(&[stream])));
        for entry in &batch {
            sum = sum.plus(op_sum(&admitted_op(entry.log, entry.sequence)));
        }
        let moved = store.append(TENANT, &entries(batch), NOW).await.unwrap();
        assert_eq!(moved.len(), 1);
        assert_eq!(
            (moved[0].key, moved[0].head, moved[0].sum),
            (stream, 2 * turn + 2, sum)
        );
        assert_eq!(
            store.lookup_streams(TENANT, &[stream]).await.unwrap(),
            moved
        );
    }
    let read = store.read_stream(TENANT, stream, 0, 100).await.unwrap();
    let positions: Vec<u64> = read.iter().map(|op| op.position).collect();
    assert_eq!(positions, (1..=12).collect::<Vec<_>>());
    assert_eq!(read[0].admitted, admitted_op(writers[0].log, 0));
    assert_eq!(read[11].admitted, admitted_op(writers[1].log, 5));
}

/// After a position, at most so many.
pub async fn a_stream_is_read_page_by_page(store: Arc<impl Store>) {
    let stream = own_stream(1);
    let mut writer = Writer::new(1);
    let batch: Vec<_> = (0..5)
        .map(|_| writer.accepted(Effects::on(&[stream])))
        .collect();
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let check = async |after, limit, expected: &[u64]| {
        let read = store
            .read_stream(TENANT, stream, after, limit)
            .await
            .unwrap();
        let positions: Vec<u64> = read.iter().map(|op| op.position).collect();
        assert_eq!(positions, expected, "after {after}, limit {limit}");
    };
    check(0, 2, &[1, 2]).await;
    check(2, 2, &[3, 4]).await;
    check(4, 2, &[5]).await;
    check(5, 2, &[]).await;
    check(u64::MAX, 2, &[]).await;
    check(0, 0, &[]).await;
    assert!(
        store
            .read_stream(TENANT, own_stream(2), 0, 9)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Each kind is a stream of its own, and its handle leads back to it.
pub async fn every_kind_of_stream_is_kept_apart(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    for key in every_kind() {
        let entry = writer.accepted(Effects::on(&[key]));
        let op = entry.op;
        let moved = store.append(TENANT, &entries([entry]), NOW).await.unwrap();
        assert_eq!((moved[0].key, moved[0].head), (key, 1));
        let handle = store.lookup_stream_id(TENANT, moved[0].id).await.unwrap();
        assert_eq!(handle, Some((key, Lineage::Current)));
        let read = store.read_stream(TENANT, key, 0, 9).await.unwrap();
        assert_eq!(
            read.iter().map(|op| op.admitted.id()).collect::<Vec<_>>(),
            [op]
        );
    }
    let mut asked = every_kind();
    asked.reverse();
    let heads = store.lookup_streams(TENANT, &asked).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.key).collect::<Vec<_>>(), asked);
}

/// The first handle stays, whoever opens the stream again or appends to it.
pub async fn a_stream_keeps_its_handle(store: Arc<impl Store>) {
    let first = target(StreamKey::Catalog);
    let opened = store.open_stream(TENANT, first).await.unwrap().unwrap();
    assert_eq!(
        (opened.id, opened.head, opened.sum),
        (first.new_id, 0, StreamSum::default())
    );
    assert_eq!(
        store
            .open_stream(TENANT, target(StreamKey::Catalog))
            .await
            .unwrap(),
        Some(opened)
    );
    let mut writer = Writer::new(1);
    let entry = writer.accepted(Effects::on(&[StreamKey::Catalog]));
    let moved = store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    assert_eq!((moved[0].id, moved[0].head), (first.new_id, 1));
    assert_eq!(
        store
            .open_stream(TENANT, target(StreamKey::Catalog))
            .await
            .unwrap(),
        Some(moved[0])
    );
    let found = store.lookup_stream_id(TENANT, first.new_id).await.unwrap();
    assert_eq!(found, Some((StreamKey::Catalog, Lineage::Current)));
}

/// A handle of another tenant, or of nothing.
pub async fn an_unknown_handle_leads_nowhere(store: Arc<impl Store>) {
    let opened = store
        .open_stream(TENANT, target(own_stream(1)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store
            .lookup_stream_id(OTHER_TENANT, opened.id)
            .await
            .unwrap(),
        None
    );
    let unknown = StreamId::from_bytes([0xee; 16]);
    assert_eq!(store.lookup_stream_id(TENANT, unknown).await.unwrap(), None);
    assert!(
        store
            .lookup_streams(TENANT, &[own_stream(2)])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.lookup_streams(TENANT, &[]).await.unwrap().is_empty());
}

/// A kind of a later version, an empty or long payload, times and flags at the ends of their range.
pub async fn an_op_is_read_as_it_was_written(store: Arc<impl Store>) {
    let stream = own_stream(1);
    let mut writer = Writer::new(1);
    let origin = Origin {
        log: writer.log,
        sequence: (1 << 48) - 1,
    };
    let extremes = |kind, payload: Vec<u8>, time| AdmittedOp {
        op: Op {
            kind,
            payload: payload.into(),
            origin,
        },
        admission: Admission {
            corrected_at: Timestamp::from_ms(time),
            received_at: Timestamp::from_ms(time),
            subject: None,
            strength: Strength::Unspecified,
            flags: Flags::from_bits(u32::MAX),
            author_role: Role::Server,
        },
    };
    let written = [
        extremes(u32::MAX, vec![], i64::MIN),
        extremes(0, (0..=255).cycle().take(1_024).collect(), i64::MAX),
    ];
    let batch = written
        .each_ref()
        .map(|op| writer.carried(op, Effects::on(&[stream])));
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let read = store.read_stream(TENANT, stream, 0, 9).await.unwrap();
    let read: Vec<AdmittedOp> = read.into_iter().map(|op: StreamOp| op.admitted).collect();
    assert_eq!(read, written);
}

/// In the order asked; unknown, rejected and deferred ones are left out.
pub async fn admitted_ops_are_found_by_id(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [
        writer.accepted(Effects::default()),
        writer.rejected("no"),
        writer.deferred(),
        writer.accepted(Effects::default()),
    ];
    store
        .append(TENANT, &entries(batch.clone()), NOW)
        .await
        .unwrap();
    let mut asked: Vec<OpId> = batch.iter().rev().map(|entry| entry.op).collect();
    asked.insert(1, OpId::from_bytes([9; 16]));
    let found = store.lookup_ops(TENANT, &asked).await.unwrap();
    assert_eq!(
        found,
        [admitted_op(writer.log, 3), admitted_op(writer.log, 0)]
    );
    assert!(store.lookup_ops(TENANT, &[]).await.unwrap().is_empty());
}

/// As many as one Sync may carry of one kind, in one transaction.
pub async fn hundreds_of_entries_go_into_one_append(store: Arc<impl Store>) {
    let streams = [own_stream(1), own_stream(2), own_stream(3)];
    let mut writer = Writer::new(1);
    let batch: Vec<_> = (0..500)
        .map(|n| writer.accepted(Effects::on(&[streams[n % 3], StreamKey::Catalog])))
        .collect();
    let moved = store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let heads: Vec<u64> = moved.iter().map(|head| head.head).collect();
    assert_eq!(heads, [167, 500, 167, 166]);
    let read = store
        .read_stream(TENANT, StreamKey::Catalog, 0, 1_000)
        .await
        .unwrap();
    assert!(
        (0..500)
            .zip(&read)
            .all(|(n, op)| op.admitted.op.origin.sequence == n)
    );
    assert_eq!(read.len(), 500);
}

/// As reading one after the other.
pub async fn several_streams_are_read_at_once(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    for n in [1, 2, 1, 1, 3, 2] {
        let entry = writer.accepted(Effects::on(&[own_stream(n)]));
        store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    }
    let wanted = [
        (own_stream(2), 0),
        (own_stream(9), 0),
        (own_stream(1), 1),
        (own_stream(3), 1),
        (own_stream(1), 0),
        (own_stream(1), u64::MAX),
    ];
    for limit in [1, 2, 10] {
        let read = store.read_streams(TENANT, &wanted, limit).await.unwrap();
        assert_eq!(read.len(), wanted.len());
        for ((stream, after), read) in wanted.into_iter().zip(read) {
            let alone = store.read_stream(TENANT, stream, after, limit).await;
            assert_eq!(read, alone.unwrap());
        }
    }
    assert!(store.read_streams(TENANT, &[], 1).await.unwrap().is_empty());
    let elsewhere = store.read_streams(OTHER_TENANT, &wanted, 9).await.unwrap();
    assert!(elsewhere.iter().all(Vec::is_empty));
}
