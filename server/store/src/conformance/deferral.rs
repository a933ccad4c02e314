//! Entries that wait for what they cite, and are settled later.

use std::sync::Arc;

use super::{
    append::{all_effects, append, standing},
    fixture::{Effects, NOW, TENANT, Writer, entries, own_stream, refused, settled},
};
use crate::{Entry, Store};

/// Later, when the server knows what it needs.
pub async fn a_deferred_entry_is_accepted_later(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let deferred = writer.deferred();
    append(&*store, &deferred).await;
    append(&*store, &deferred).await;
    append(&*store, &writer.accepted(Effects::on(&[own_stream(1)]))).await;
    let accepted = settled(&deferred, all_effects());
    let moved = append(&*store, &accepted).await;
    assert_eq!(
        moved.iter().map(|head| head.head).collect::<Vec<_>>(),
        [2, 1]
    );
    let after = standing(&*store, writer.log).await;
    assert_eq!(after.entries[0], (0, deferred.op, None, false));
    assert_eq!((after.logs[0].next_sequence, after.outbox), (2, 1));
    assert!(append(&*store, &accepted).await.is_empty());
    assert_eq!(standing(&*store, writer.log).await, after);
}

/// A batch that waits behind its first copy, and what it cites between the two.
pub async fn an_entry_is_deferred_and_accepted_in_one_append(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let deferred = writer.deferred();
    let accepted = settled(&deferred, all_effects());
    store
        .append(TENANT, &entries([deferred.clone(), accepted]), NOW)
        .await
        .unwrap();
    let after = standing(&*store, deferred.log).await;
    assert_eq!(after.entries, [(0, deferred.op, None, false)]);
    assert_eq!(after.tallies, [2], "its count, once");
}

/// Or refused.
pub async fn a_deferred_entry_is_rejected_later(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let deferred = writer.deferred();
    append(&*store, &deferred).await;
    let outcome = refused("unknown_pass");
    append(
        &*store,
        &Entry {
            outcome,
            ..deferred.clone()
        },
    )
    .await;
    let listed = store.list_entries(TENANT, writer.log, 0, 10).await.unwrap();
    assert_eq!(
        listed,
        [(0, deferred.op, Some("unknown_pass".to_owned()), false)]
    );
}
