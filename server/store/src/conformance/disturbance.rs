//! Many at once: live ops and erasures.

use std::sync::Arc;

use askel_sync::stream::StreamKey;
use tokio::task::JoinSet;

use super::{
    erasure::{erase, place_day, seen},
    fixture::{Effects, NOW, TENANT, Writer, admitted_op, entries, own_stream, participant},
    live::{steps, sum_of},
};
use crate::{AppendError, Entry, PartOf, Reading, Store, StreamPart};

const WRITERS: u8 = 4;
const APPENDS: u32 = 25;

async fn live(store: &impl Store, stream: StreamKey) -> Option<StreamPart> {
    let part = PartOf {
        stream,
        after: 0,
        limit: 9_999,
        reading: Reading::Live,
    };
    store.read_part(TENANT, part).await.unwrap()
}

/// Whenever it is read, the head's sum is that of the live ops it is read with, and of a register
/// there is one.
pub async fn a_part_is_of_one_moment(store: Arc<impl Store + 'static>) {
    let stream = own_stream(1);
    let mut writers = JoinSet::new();
    for n in 1..=WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut writer = Writer::new(n);
            for turn in 0..APPENDS {
                let revision = turn * u32::from(WRITERS) + u32::from(n);
                let counted = steps(n, u64::from(turn), revision);
                let batch = [
                    writer.carried(&counted, Effects::on(&[stream])),
                    writer.accepted(Effects::on(&[stream])),
                ];
                store.append(TENANT, &entries(batch), NOW).await.unwrap();
            }
        });
    }
    let expected = u64::from(WRITERS) * u64::from(APPENDS);
    loop {
        tokio::task::yield_now().await;
        let Some(part) = live(&*store, stream).await else {
            continue;
        };
        let ops: Vec<_> = part.ops.iter().map(|op| &op.admitted).collect();
        assert_eq!(part.head.sum, sum_of(&ops));
        let plain = part.head.head / 2;
        assert_eq!(u64::try_from(ops.len()).unwrap(), plain + 1);
        if plain == expected {
            break;
        }
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
}

/// Whoever comes first, nothing of the erased is there in the end.
pub async fn an_erasure_among_writers_is_whole(store: Arc<impl Store + 'static>) {
    let mut writers = JoinSet::new();
    for n in 1..=WRITERS {
        let store = Arc::clone(&store);
        writers.spawn(async move { write_about_one(&*store, n).await });
    }
    let erasing = Arc::clone(&store);
    super::fixture::enrol_participant(&*store, 1).await;
    writers.spawn(async move {
        tokio::task::yield_now().await;
        erase(&*erasing, 1).await;
    });
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let own = store
        .lookup_streams(TENANT, &[own_stream(1)])
        .await
        .unwrap();
    assert!(own.is_empty());
    assert!(store.list_dirty(TENANT, 9).await.unwrap().is_empty());
    for n in 1..=WRITERS {
        let mut asked = Vec::new();
        for turn in 0..u64::from(APPENDS) {
            asked.push(about_one(n, 2 * turn).id());
            asked.push(seen(n, 2 * turn + 1, 1).id());
        }
        let left = store.lookup_ops(TENANT, &asked).await.unwrap();
        assert_eq!(left, [], "writer {n}");
    }
    let day = live(&*store, place_day()).await;
    assert!(day.is_none_or(|part| part.ops.is_empty()));
}

fn about_one(log: u8, sequence: u64) -> askel_sync::admission::AdmittedOp {
    let mut admitted = admitted_op(Writer::new(log).log, sequence);
    admitted.admission.subject = Some(participant(1));
    admitted
}

/// Until it is told that there is something to be judged again.
async fn write_about_one(store: &impl Store, n: u8) {
    let mut writer = Writer::new(n);
    for turn in 0..u64::from(APPENDS) {
        let about = Effects {
            streams: vec![own_stream(1)],
            dirty: Some(participant(1)),
            ..Effects::default()
        };
        let batch: [Entry; 2] = [
            writer.carried(&about_one(n, 2 * turn), about),
            writer.carried(&seen(n, 2 * turn + 1, 1), Effects::on(&[place_day()])),
        ];
        match store.append(TENANT, &entries(batch), NOW).await {
            Ok(_) => {}
            Err(AppendError::Raced) => return,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}
