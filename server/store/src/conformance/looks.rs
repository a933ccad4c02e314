//! Questions that are asked often, each answered at once.

use std::sync::Arc;

use askel_sync::{id::DeviceId, stream::StreamKey};

use super::{
    erasure::erase,
    fixture::{
        Effects, NOW, OTHER_TENANT, TENANT, Writer, admitted_op, any_audit, enrol_participant,
        entries, own_stream, participant,
    },
};
use crate::{Append, AppendError, CatalogVersion, DeviceView, Store, Work};

/// The same as asking for each, one after the other, and nothing of other devices; also when many ask
/// in the same moment.
pub async fn a_view_of_a_device_is_its_heads_and_logs(store: Arc<impl Store + 'static>) {
    let mut devices = Vec::new();
    for n in 1..=4 {
        let device = enrol_participant(&*store, n).await;
        let mut writer = Writer::of(n, device);
        let batch = (0..n).map(|_| writer.accepted(Effects::on(&[own_stream(n)])));
        let append = entries(batch.collect::<Vec<_>>());
        store.append(TENANT, &append, NOW).await.unwrap();
        let mut second = Writer::of(10 + n, device);
        let append = entries([second.accepted(Effects::on(&[own_stream(4)]))]);
        let later = NOW.saturating_add_ms(1);
        store.append(TENANT, &append, later).await.unwrap();
        devices.push((n, device));
    }
    let stranger = (9, DeviceId::from_bytes([99; 16]));
    let asked = devices.iter().copied().chain([stranger]);
    let tasks: Vec<_> = asked
        .cycle()
        .take(50)
        .zip([9, 1].into_iter().cycle())
        .map(|((n, device), logs_max)| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let streams = [own_stream(4), own_stream(n), own_stream(77)];
                let view = store.view_of_device(TENANT, device, &streams, logs_max);
                let heads = store.lookup_streams(TENANT, &streams);
                let logs = store.list_device_logs(TENANT, device, logs_max);
                let (heads, logs) = (heads.await.unwrap(), logs.await.unwrap());
                assert_eq!(view.await.unwrap(), DeviceView { heads, logs });
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (n, device) = devices[1];
    let view = async |tenant| {
        let streams = [own_stream(n), StreamKey::Catalog];
        let view = store.view_of_device(tenant, device, &streams, 9);
        view.await.unwrap()
    };
    let own = view(TENANT).await;
    let logs: Vec<_> = own.logs.iter().map(|log| log.log.as_bytes()[0]).collect();
    assert_eq!(logs, [12, 2]);
    let heads: Vec<_> = own.heads.iter().map(|head| (head.key, head.head)).collect();
    assert_eq!(heads, [(own_stream(2), 2)]);
    assert_eq!(view(OTHER_TENANT).await, DeviceView::default());
}

/// The same as asking for each, no more of each than asked for.
pub async fn work_is_what_is_dirty_and_what_is_to_be_sent(store: Arc<impl Store>) {
    let nothing = store.list_work(TENANT, 9, 9).await.unwrap();
    assert_eq!(nothing, Work::default());
    let mut writer = Writer::new(1);
    for n in [3, 1, 2] {
        let effects = Effects {
            dirty: Some(participant(n)),
            derived: Some((StreamKey::Catalog, 7, vec![n])),
            ..Effects::default()
        };
        let append = entries([writer.accepted(effects)]);
        store.append(TENANT, &append, NOW).await.unwrap();
    }
    for version in 1..=2 {
        let catalog = CatalogVersion {
            version: version.into(),
            hash: [version; 32],
            content: vec![version; 10],
            signature: Vec::new(),
            published_at: NOW,
        };
        let recorded = store.record_catalog(TENANT, &catalog, &any_audit()).await;
        assert!(recorded.unwrap());
    }
    for (dirty_max, outbox_max) in [(9, 9), (2, 9), (9, 2)] {
        let work = store.list_work(TENANT, dirty_max, outbox_max).await;
        let expected = Work {
            dirty: store.list_dirty(TENANT, dirty_max).await.unwrap(),
            outbox: store.list_outbox(TENANT, outbox_max).await.unwrap(),
            catalog: Some([2; 32]),
        };
        assert_eq!(work.unwrap(), expected);
    }
    let elsewhere = store.list_work(OTHER_TENANT, 9, 9).await.unwrap();
    assert_eq!(elsewhere, Work::default());
}

/// Whoever was erased while their ops waited has handed in nothing, whatever the ops say of whom.
pub async fn nothing_is_appended_from_the_erased(store: Arc<impl Store>) {
    let first = enrol_participant(&*store, 1).await;
    let second = enrol_participant(&*store, 2).await;
    let mut others = Writer::of(2, second);
    let second_log = others.log;
    let append = entries([others.accepted(Effects::default())]);
    store.append(TENANT, &append, NOW).await.unwrap();
    erase(&*store, 2).await;
    let (mut writer, mut carrier) = (Writer::of(1, first), Writer::of(3, first));
    let nobody_elses = [
        // From a device of theirs, in a group with others.
        Append {
            from: [first, second].into(),
            ..entries([writer.accepted(Effects::default())])
        },
        // Written in a log of theirs, and about nobody.
        entries([carrier.carried(&admitted_op(second_log, 1), Effects::default())]),
    ];
    for append in nobody_elses {
        let raced = store.append(TENANT, &append, NOW).await;
        assert!(matches!(raced, Err(AppendError::Raced)), "{raced:?}");
    }
    let logs = [writer.log, carrier.log];
    assert_eq!(store.lookup_logs(TENANT, &logs).await.unwrap(), []);
}
