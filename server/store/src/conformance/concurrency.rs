//! Many at once.

use std::{collections::BTreeSet, sync::Arc};

use askel_sync::{
    id::{GoalId, OpId},
    stream::{StreamKey, StreamSum, op_sum},
};
use tokio::task::JoinSet;

use super::fixture::{
    Effects, NOW, TENANT, Writer, any_audit, entries, invitation, new_device, own_stream, target,
};
use crate::{AppendError, EnrolError, Grant, Store};

const WRITERS: u8 = 6;
const APPENDS: u64 = 40;
/// Ops of one append, each of which goes to two of the three streams.
const BATCH: u64 = 3;

fn shared_streams() -> [StreamKey; 3] {
    [
        own_stream(1),
        StreamKey::Catalog,
        StreamKey::Challenge(GoalId::new(1)),
    ]
}

/// A reader who follows a stream while many write to it sees every position once, in order, with
/// no gap, and ends with every op and the right sum.
pub async fn a_tailing_reader_skips_nothing(store: Arc<impl Store + 'static>) {
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        tasks.spawn(write_to_all(Arc::clone(&store), Writer::new(n + 1)));
    }
    // Each stream gets two of three ops, whatever the order.
    let expected = u64::from(WRITERS) * APPENDS * BATCH * 2 / 3;
    for stream in shared_streams() {
        tasks.spawn(tail(Arc::clone(&store), stream, expected));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn write_to_all(store: Arc<impl Store>, mut writer: Writer) {
    let streams = shared_streams();
    for turn in 0..APPENDS {
        let batch: Vec<_> = (0..BATCH)
            .map(|n| {
                let skipped = usize::try_from((n + turn) % 3).unwrap();
                let mut on = streams.to_vec();
                on.remove(skipped);
                writer.accepted(Effects::on(&on))
            })
            .collect();
        let moved = store.append(TENANT, &entries(batch), NOW).await.unwrap();
        assert_eq!(moved.len(), 3);
        tokio::task::yield_now().await;
    }
}

async fn tail(store: Arc<impl Store>, stream: StreamKey, expected: u64) {
    let mut cursor = 0;
    let mut sum = StreamSum::default();
    let mut ops: BTreeSet<OpId> = BTreeSet::new();
    while cursor < expected {
        for op in store.read_stream(TENANT, stream, cursor, 7).await.unwrap() {
            assert_eq!(op.position, cursor + 1, "a gap in {stream:?}");
            cursor = op.position;
            sum = sum.plus(op_sum(&op.admitted));
            assert!(ops.insert(op.admitted.id()), "an op twice in {stream:?}");
        }
        tokio::task::yield_now().await;
    }
    let head = store.lookup_streams(TENANT, &[stream]).await.unwrap()[0];
    assert_eq!((head.head, head.sum), (expected, sum));
}

/// Two that write the same log: one comes first, the other is told and nothing is lost.
pub async fn writers_of_one_log_take_turns(store: Arc<impl Store + 'static>) {
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut writer = Writer::new(1);
            let mut raced = 0_u64;
            for _ in 0..APPENDS {
                let entry = writer.accepted(Effects::on(&[StreamKey::Catalog]));
                match store.append(TENANT, &entries([entry]), NOW).await {
                    Ok(moved) if moved.is_empty() => raced += 1,
                    Ok(_) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            raced
        });
    }
    let raced: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(raced, u64::from(WRITERS - 1) * APPENDS);
    let head = store
        .lookup_streams(TENANT, &[StreamKey::Catalog])
        .await
        .unwrap()[0];
    assert_eq!(head.head, APPENDS);
    let states = store
        .lookup_logs(TENANT, &[Writer::new(1).log])
        .await
        .unwrap();
    assert_eq!(states[0].next_sequence, APPENDS);
}

/// Different ops at one sequence: exactly one stands.
pub async fn one_of_several_ops_wins_a_sequence(store: Arc<impl Store + 'static>) {
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut writer = Writer::new(1);
            let op = super::fixture::admitted_op(Writer::new(n + 10).log, 0);
            let entry = writer.carried(&op, Effects::on(&[StreamKey::Catalog]));
            match store.append(TENANT, &entries([entry]), NOW).await {
                Ok(_) => 1,
                Err(AppendError::Raced) => 0,
                Err(error) => panic!("{error}"),
            }
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u32>(), 1);
    let head = store
        .lookup_streams(TENANT, &[StreamKey::Catalog])
        .await
        .unwrap()[0];
    assert_eq!(head.head, 1);
}

/// Many keys with one code.
pub async fn one_of_several_keys_wins_a_code(store: Arc<impl Store + 'static>) {
    store
        .record_invitation(TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let grant = Grant::Invitation([1; 32]);
            match store
                .enrol(TENANT, &grant, &new_device(n + 1), &any_audit())
                .await
            {
                Ok(_) => 1,
                Err(EnrolError::Used) => 0,
                Err(error) => panic!("{error}"),
            }
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<u32>(), 1);
    assert_eq!(store.list_participants(TENANT).await.unwrap().len(), 1);
}

/// Opened by many at once, a stream has one handle.
pub async fn a_stream_opened_by_many_has_one_handle(store: Arc<impl Store + 'static>) {
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            store
                .open_stream(TENANT, target(StreamKey::Catalog))
                .await
                .unwrap()
                .unwrap()
                .id
        });
    }
    let handles: BTreeSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!(handles.len(), 1);
}
