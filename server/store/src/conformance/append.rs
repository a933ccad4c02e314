//! Appending to logs.

use std::sync::Arc;

use askel_sync::{
    id::{DeviceId, LogId, OpId},
    stream::StreamKey,
};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, admitted_op, enrol_participant, entries,
    own_stream, participant, refused, tally,
};
use crate::{
    Append, AppendError, Dirty, Entry, EntryOutcome, LogState, Store, StoreError, StreamHead,
};

/// All that an op can do.
pub(super) fn all_effects() -> Effects {
    Effects {
        streams: vec![own_stream(1), StreamKey::Catalog],
        dirty: Some(participant(1)),
        derived: Some((own_stream(2), 12, b"seen".to_vec())),
        tally: Some(tally(2)),
    }
}

/// All that effects leave behind, to be compared.
#[derive(Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) logs: Vec<LogState>,
    pub(super) entries: Vec<(u64, OpId, Option<String>, bool)>,
    pub(super) streams: Vec<StreamHead>,
    pub(super) dirty: Vec<Dirty>,
    pub(super) outbox: usize,
    pub(super) tallies: Vec<i64>,
}

pub(super) async fn standing(store: &impl Store, log: LogId) -> Standing {
    let (first, last) = (tally(1).date, tally(1).date);
    let keys = [own_stream(1), own_stream(2), StreamKey::Catalog];
    let sessions = store
        .count_sessions(TENANT, None, first, last)
        .await
        .unwrap();
    Standing {
        logs: store.lookup_logs(TENANT, &[log]).await.unwrap(),
        entries: store.list_entries(TENANT, log, 0, 100).await.unwrap(),
        streams: store.lookup_streams(TENANT, &keys).await.unwrap(),
        dirty: store.list_dirty(TENANT, 10).await.unwrap(),
        outbox: store.list_outbox(TENANT, 10).await.unwrap().len(),
        tallies: sessions.into_iter().map(|count| count.tallies).collect(),
    }
}

pub(super) async fn append(store: &impl Store, entry: &Entry) -> Vec<StreamHead> {
    store
        .append(TENANT, &entries([entry.clone()]), NOW)
        .await
        .unwrap()
}

/// The first sequence is 0; the log knows its writer and that device's participant.
pub async fn a_log_grows_densely_from_zero(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let mut known = Writer::of(5, device);
    let mut unknown = Writer::new(6);
    let first = [
        known.accepted(Effects::default()),
        unknown.deferred(),
        known.rejected("no"),
    ];
    store.append(TENANT, &entries(first), NOW).await.unwrap();
    append(&*store, &known.accepted(Effects::default())).await;
    let asked = [unknown.log, LogId::from_bytes([9; 16]), known.log];
    let states = store.lookup_logs(TENANT, &asked).await.unwrap();
    let state = |writer: &Writer, participant, next_sequence| LogState {
        log: writer.log,
        device: writer.device,
        participant,
        next_sequence,
        last_op: Some(admitted_op(writer.log, next_sequence - 1).id()),
    };
    assert_eq!(states[0], state(&unknown, None, 1));
    assert_eq!(states[1], state(&known, Some(participant(1)), 3));
    assert_eq!(states.len(), 2);
}

/// From a sequence on, at most so many.
pub async fn entries_are_listed_with_their_outcome(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [
        writer.accepted(Effects::default()),
        writer.rejected("too_old"),
        writer.deferred(),
    ];
    store
        .append(TENANT, &entries(batch.clone()), NOW)
        .await
        .unwrap();
    let listed = |n: usize, reason: Option<&str>, deferred| {
        (
            batch[n].sequence,
            batch[n].op,
            reason.map(str::to_owned),
            deferred,
        )
    };
    let all = [
        listed(0, None, false),
        listed(1, Some("too_old"), false),
        listed(2, None, true),
    ];
    let check = async |from, limit, expected: &[_]| {
        let entries = store
            .list_entries(TENANT, writer.log, from, limit)
            .await
            .unwrap();
        assert_eq!(entries, expected);
    };
    check(0, 10, &all).await;
    check(1, 1, &all[1..2]).await;
    check(2, 10, &all[2..]).await;
    check(3, 10, &[]).await;
    check(u64::MAX, 10, &[]).await;
}

/// A gap, another op, another writer, an outcome that stands otherwise: nothing is changed, also
/// of what stood before it in the append.
pub async fn another_writer_came_first(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let first = writer.accepted(all_effects());
    append(&*store, &first).await;
    let before = standing(&*store, writer.log).await;
    let next = writer.accepted(all_effects());
    let foreign = Entry {
        device: DeviceId::from_bytes([8; 16]),
        ..next.clone()
    };
    let other_op = Entry {
        op: admitted_op(writer.log, 7).id(),
        ..first.clone()
    };
    let check = async |fault: Entry| {
        let mut elsewhere = Writer::new(2);
        let good = elsewhere.accepted(all_effects());
        let answer = store.append(TENANT, &entries([good, fault]), NOW).await;
        assert!(matches!(answer, Err(AppendError::Raced)), "{answer:?}");
        assert_eq!(standing(&*store, writer.log).await, before);
        assert!(
            store
                .lookup_logs(TENANT, &[elsewhere.log])
                .await
                .unwrap()
                .is_empty()
        );
    };
    check(Entry {
        sequence: 2,
        ..next.clone()
    })
    .await;
    check(foreign).await;
    check(Entry {
        outcome: refused("no"),
        ..other_op.clone()
    })
    .await;
    check(Entry {
        outcome: refused("no"),
        ..first.clone()
    })
    .await;
    check(Entry {
        outcome: EntryOutcome::Deferred,
        ..first
    })
    .await;
    append(&*store, &next).await;
}

/// A new log that does not begin at 0 is a gap too.
pub async fn a_new_log_begins_at_zero(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    writer.accepted(Effects::default());
    let second = writer.accepted(Effects::default());
    let answer = store.append(TENANT, &entries([second]), NOW).await;
    assert!(matches!(answer, Err(AppendError::Raced)), "{answer:?}");
    assert!(
        store
            .lookup_logs(TENANT, &[writer.log])
            .await
            .unwrap()
            .is_empty()
    );
}

/// A commit whose answer was lost is tried again.
pub async fn the_same_append_twice_is_one(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [
        writer.accepted(all_effects()),
        writer.rejected("no"),
        writer.accepted(all_effects()),
    ];
    let append = entries(batch);
    let moved = store.append(TENANT, &append, NOW).await.unwrap();
    assert_eq!(moved.len(), 2);
    let before = standing(&*store, writer.log).await;
    assert_eq!(before.tallies, [4]);
    let again = store
        .append(TENANT, &append, NOW.saturating_add_ms(5))
        .await
        .unwrap();
    assert!(again.is_empty(), "no stream moved: {again:?}");
    assert_eq!(standing(&*store, writer.log).await, before);
}

/// A batch that was sent again, longer.
pub async fn a_repetition_may_go_on_with_new_entries(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let first = writer.accepted(all_effects());
    append(&*store, &first).await;
    let longer = [first, writer.accepted(all_effects())];
    let moved = store.append(TENANT, &entries(longer), NOW).await.unwrap();
    assert!(moved.iter().all(|head| head.head == 2), "{moved:?}");
    assert_eq!(standing(&*store, writer.log).await.logs[0].next_sequence, 2);
}

/// A phone that forgot offers its ops again in a new log.
pub async fn an_op_in_another_log_has_no_second_effect(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let original = writer.accepted(all_effects());
    append(&*store, &original).await;
    let before = standing(&*store, writer.log).await;
    let mut forgot = Writer::new(2);
    let carried = forgot.carried(&admitted_op(writer.log, 0), all_effects());
    assert_eq!(carried.op, original.op);
    assert!(append(&*store, &carried).await.is_empty());
    assert_eq!(standing(&*store, writer.log).await, before);
    let listed = store.list_entries(TENANT, forgot.log, 0, 10).await.unwrap();
    assert_eq!(listed, [(0, original.op, None, false)]);
}

/// Nor when both come in one append.
pub async fn an_op_twice_in_one_append_has_one_effect(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let mut forgot = Writer::new(2);
    let original = writer.accepted(all_effects());
    let carried = forgot.carried(&admitted_op(writer.log, 0), all_effects());
    store
        .append(TENANT, &entries([carried, original]), NOW)
        .await
        .unwrap();
    let after = standing(&*store, writer.log).await;
    let heads: Vec<u64> = after.streams.iter().map(|head| head.head).collect();
    assert_eq!(
        (heads, after.outbox, after.tallies),
        (vec![1, 1], 1, vec![2])
    );
    assert_eq!(
        store.lookup_logs(TENANT, &[forgot.log]).await.unwrap()[0].next_sequence,
        1
    );
}

/// Streams, dirt, outbox and tallies of one op.
pub async fn an_accepted_op_has_all_its_effects_once(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let moved = append(&*store, &writer.accepted(all_effects())).await;
    let keys: Vec<StreamKey> = moved.iter().map(|head| head.key).collect();
    assert_eq!(keys, [own_stream(1), StreamKey::Catalog]);
    let after = standing(&*store, writer.log).await;
    assert_eq!(after.streams, moved);
    assert_eq!(after.dirty.len(), 1);
    assert_eq!(after.tallies, [2]);
    let item = store.list_outbox(TENANT, 10).await.unwrap().pop().unwrap();
    assert_eq!(
        (item.stream, item.kind, item.payload),
        (own_stream(2), 12, b"seen".to_vec())
    );
}

/// A mistake of the caller that would corrupt what it says.
pub async fn an_entry_carries_the_op_it_names(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let entry = Entry {
        op: OpId::from_bytes([9; 16]),
        ..writer.accepted(all_effects())
    };
    let answer = store.append(TENANT, &entries([entry]), NOW).await;
    let refused = matches!(answer, Err(AppendError::Store(StoreError::Inconsistent(_))));
    assert!(refused, "{answer:?}");
    assert!(
        store
            .lookup_logs(TENANT, &[writer.log])
            .await
            .unwrap()
            .is_empty()
    );
}

/// It does nothing, and moves nothing.
pub async fn an_empty_append_changes_nothing(store: Arc<impl Store>) {
    let moved = store.append(TENANT, &Append::default(), NOW).await.unwrap();
    assert!(moved.is_empty());
}

/// The same logs, ops and streams in two tenants are different ones.
pub async fn ops_are_their_tenants_own(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let entry = writer.accepted(all_effects());
    append(&*store, &entry).await;
    assert!(
        store
            .lookup_logs(OTHER_TENANT, &[writer.log])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .lookup_ops(OTHER_TENANT, &[entry.op])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .list_entries(OTHER_TENANT, writer.log, 0, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .lookup_streams(OTHER_TENANT, &[own_stream(1)])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .read_stream(OTHER_TENANT, own_stream(1), 0, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.list_dirty(OTHER_TENANT, 9).await.unwrap().is_empty());
    assert!(store.list_outbox(OTHER_TENANT, 9).await.unwrap().is_empty());
    let before = standing(&*store, writer.log).await;
    let moved = store
        .append(OTHER_TENANT, &entries([entry]), NOW)
        .await
        .unwrap();
    assert_eq!(moved.len(), 2);
    assert_eq!(standing(&*store, writer.log).await, before);
}
