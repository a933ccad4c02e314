//! After a restore: handles of before, what comes back, what is known to be missing.

use std::sync::Arc;

use askel_sync::{
    id::{LogId, StreamId},
    stream::StreamKey,
};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, admitted_op, entries, own_stream, participant,
    tally, target,
};
use crate::{
    Append, Claim, Healed, HealedBy, Healing, Lineage, PartOf, Reading, Returned, Store,
    renewed_handle,
};

const SEED: [u8; 32] = [7; 32];

/// A stream with some ops; its handle.
async fn written(store: &impl Store, stream: StreamKey, writer: &mut Writer, ops: u64) -> StreamId {
    let batch: Vec<_> = (0..ops)
        .map(|_| writer.accepted(Effects::on(&[stream])))
        .collect();
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    store.lookup_streams(TENANT, &[stream]).await.unwrap()[0].id
}

fn returned(log: u8, sequence: u64, stream: StreamKey) -> Returned {
    Returned {
        admitted: Box::new(admitted_op(LogId::from_bytes([log; 16]), sequence)),
        streams: vec![target(stream)],
        dirty: Some(participant(1)),
        derived: Some((StreamKey::Catalog, 7, vec![1])),
        tally: Some(tally(2)),
    }
}

fn healing(healed: u64, missing: u64) -> Healing {
    Healing {
        healed,
        missing,
        ..Healing::default()
    }
}

async fn heal(store: &impl Store, ancestor: StreamId, after: u64, up_to: u64) {
    let append = Append {
        healed: vec![Healed {
            by: HealedBy::Pages,
            ancestor,
            after,
            up_to,
        }],
        ..Append::default()
    };
    store.append(TENANT, &append, NOW).await.unwrap();
}

/// The handle of before leads to the stream and says up to where both agree, after several restores
/// too; streams that come later are nobody's descendants.
pub async fn a_handle_of_before_leads_to_its_stream(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let first = written(&*store, StreamKey::Catalog, &mut writer, 3).await;
    store.renew_streams(TENANT, &SEED).await.unwrap();
    store.renew_streams(TENANT, &SEED).await.unwrap();
    let second = written(&*store, StreamKey::Catalog, &mut writer, 2).await;
    assert_eq!(second, renewed_handle(&SEED, first));
    store.renew_streams(TENANT, &[8; 32]).await.unwrap();
    let third = written(&*store, StreamKey::Catalog, &mut writer, 1).await;
    let later = written(&*store, own_stream(1), &mut writer, 1).await;
    let check = async |handle, expected: Option<(StreamKey, Lineage)>| {
        let found = store.lookup_stream_id(TENANT, handle).await.unwrap();
        assert_eq!(found, expected);
    };
    let ancestor = |head| Lineage::Ancestor {
        head,
        healed_to: head,
    };
    check(first, Some((StreamKey::Catalog, ancestor(3)))).await;
    check(second, Some((StreamKey::Catalog, ancestor(5)))).await;
    check(third, Some((StreamKey::Catalog, Lineage::Current))).await;
    check(later, Some((own_stream(1), Lineage::Current))).await;
    let elsewhere = store.lookup_stream_id(OTHER_TENANT, first).await.unwrap();
    assert_eq!(elsewhere, None);
    let read = store
        .read_stream(TENANT, StreamKey::Catalog, 0, 99)
        .await
        .unwrap();
    assert_eq!(read.len(), 6, "positions go on");
}

/// With its judgement, its streams and all that follows; once, also when its writer offers it too.
pub async fn a_returned_op_has_its_effects_once(store: Arc<impl Store>) {
    let stream = own_stream(1);
    let append = Append {
        returned: vec![
            returned(1, 0, stream),
            returned(1, 0, stream),
            returned(1, 1, stream),
        ],
        ..Append::default()
    };
    let moved = store.append(TENANT, &append, NOW).await.unwrap();
    assert_eq!((moved.len(), moved[0].head), (1, 2));
    assert!(store.append(TENANT, &append, NOW).await.unwrap().is_empty());
    let mut writer = Writer::new(1);
    let offered = entries([writer.accepted(Effects::on(&[stream]))]);
    assert!(
        store
            .append(TENANT, &offered, NOW)
            .await
            .unwrap()
            .is_empty()
    );
    let part = store
        .read_part(
            TENANT,
            PartOf {
                stream,
                after: 0,
                limit: 9,
                reading: Reading::Live,
            },
        )
        .await;
    let part = part.unwrap().unwrap();
    assert_eq!(part.head, moved[0]);
    let expected = [0, 1].map(|sequence| admitted_op(writer.log, sequence));
    assert_eq!(part.ops.len(), 2);
    for (op, expected) in part.ops.iter().zip(expected) {
        assert_eq!(op.admitted, expected);
    }
    assert_eq!(store.list_dirty(TENANT, 9).await.unwrap().len(), 1);
    assert_eq!(store.list_outbox(TENANT, 9).await.unwrap().len(), 2);
    let day = tally(1).date;
    let counts = store.count_sessions(TENANT, None, day, day).await.unwrap();
    assert_eq!(counts[0].tallies, 4);
    let log = store.lookup_logs(TENANT, &[writer.log]).await.unwrap();
    assert_eq!(log[0].next_sequence, 1, "no entry but the writer's own");
}

/// Spans add up, in any order, and what is claimed beyond them is missing.
pub async fn what_comes_back_is_counted(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let handle = written(&*store, StreamKey::Catalog, &mut writer, 3).await;
    heal(&*store, handle, 3, 9).await;
    let none = store.count_healing(TENANT).await.unwrap();
    assert_eq!(none, Healing::default(), "it is no ancestor yet");
    store.renew_streams(TENANT, &SEED).await.unwrap();
    let claim = |position| Claim::Stream {
        ancestor: handle,
        position,
    };
    let unknown = Claim::Stream {
        ancestor: StreamId::from_bytes([0xee; 16]),
        position: 99,
    };
    let claims = [claim(10), claim(8), claim(2), unknown];
    store.record_claims(TENANT, &claims).await.unwrap();
    let check = async |expected: Healing, healed_to| {
        assert_eq!(store.count_healing(TENANT).await.unwrap(), expected);
        let (_, lineage) = store
            .lookup_stream_id(TENANT, handle)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lineage, Lineage::Ancestor { head: 3, healed_to });
    };
    check(healing(0, 7), 3).await;
    heal(&*store, handle, 6, 8).await;
    check(healing(2, 5), 3).await;
    heal(&*store, handle, 0, 5).await;
    check(healing(4, 3), 5).await;
    heal(&*store, handle, 4, 12).await;
    check(healing(9, 0), 12).await;
    store.record_claims(TENANT, &claims).await.unwrap();
    check(healing(9, 0), 12).await;
    let other = store.count_healing(OTHER_TENANT).await.unwrap();
    assert_eq!(other, Healing::default());
}

/// Logs whose writers knew more.
pub async fn logs_that_went_further_are_counted(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    written(&*store, StreamKey::Catalog, &mut writer, 3).await;
    let claim = |log, next_sequence| Claim::Log {
        log: LogId::from_bytes([log; 16]),
        next_sequence,
    };
    let claims = [claim(1, 3), claim(2, 4), claim(2, 2), claim(1, 8)];
    store.record_claims(TENANT, &claims).await.unwrap();
    let healing = store.count_healing(TENANT).await.unwrap();
    assert_eq!((healing.logs, healing.log_ops), (2, 9));
}
