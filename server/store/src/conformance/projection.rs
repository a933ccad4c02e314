//! What the projector reads and leaves behind.

use std::sync::Arc;

use askel_sync::{id::GoalId, stream::StreamKey};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, entries, own_stream, participant, projection,
};
use crate::{Append, ChallengeSum, Contribution, Dirty, Projection, Store};

fn dirty(n: u8) -> Effects {
    Effects {
        dirty: Some(participant(n)),
        ..Effects::default()
    }
}

fn derived(payload: &[u8]) -> Effects {
    Effects {
        derived: Some((StreamKey::Catalog, 7, payload.to_vec())),
        ..Effects::default()
    }
}

async fn project(store: &impl Store, found: Projection) {
    store.append(TENANT, &projection(found), NOW).await.unwrap();
}

async fn clean(store: &impl Store, seen: &[Dirty]) {
    project(
        store,
        Projection {
            clean: seen.to_vec(),
            ..Projection::default()
        },
    )
    .await;
}

/// Each once, as a participant may be listed for several reasons.
async fn waiting(store: &impl Store) -> Vec<u8> {
    let mut waiting = Vec::new();
    for dirty in store.list_dirty(TENANT, 10).await.unwrap() {
        let participant = dirty.participant.as_bytes()[0];
        if !waiting.contains(&participant) {
            waiting.push(participant);
        }
    }
    waiting
}

/// A second reason does not send anyone to the end of the queue.
pub async fn who_waits_longest_is_projected_first(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    for n in [3, 1, 2, 3] {
        let entry = writer.accepted(dirty(n));
        store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    }
    assert_eq!(waiting(&*store).await, [3, 1, 2]);
    let first = store.list_dirty(TENANT, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(store.list_dirty(OTHER_TENANT, 10).await.unwrap().is_empty());
}

/// What came in while the projector worked is not lost.
pub async fn a_newer_reason_keeps_a_participant_dirty(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [writer.accepted(dirty(1)), writer.accepted(dirty(2))];
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let seen = store.list_dirty(TENANT, 10).await.unwrap();
    store
        .append(TENANT, &entries([writer.accepted(dirty(1))]), NOW)
        .await
        .unwrap();
    clean(&*store, &seen).await;
    assert_eq!(waiting(&*store).await, [1]);
    let now = store.list_dirty(TENANT, 10).await.unwrap();
    assert!(now[0].generation > seen[0].generation);
    clean(&*store, &now).await;
    clean(&*store, &now).await;
    assert!(waiting(&*store).await.is_empty());
}

/// A projector that lost its lease cleans with an old generation.
pub async fn a_generation_never_comes_again(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    store
        .append(TENANT, &entries([writer.accepted(dirty(1))]), NOW)
        .await
        .unwrap();
    let stale = store.list_dirty(TENANT, 10).await.unwrap();
    clean(&*store, &stale).await;
    store
        .append(TENANT, &entries([writer.accepted(dirty(1))]), NOW)
        .await
        .unwrap();
    clean(&*store, &stale).await;
    assert_eq!(waiting(&*store).await, [1]);
}

/// An op that the projection itself wrote may be the reason.
pub async fn a_reason_in_the_cleaning_append_keeps_a_participant_dirty(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let batch = [writer.accepted(dirty(1)), writer.accepted(dirty(2))];
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    let clean = store.list_dirty(TENANT, 10).await.unwrap();
    let append = Append {
        entries: vec![writer.accepted(dirty(1))],
        projection: Projection {
            clean,
            dirty: vec![participant(3)],
            ..Projection::default()
        },
        ..Append::default()
    };
    store.append(TENANT, &append, NOW).await.unwrap();
    assert_eq!(waiting(&*store).await, [1, 3]);
}

/// In order of writing, until the append that carries their op names them.
pub async fn outbox_items_stay_until_they_are_sent(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    for payload in [&b"a"[..], b"b", b"c"] {
        let entry = writer.accepted(derived(payload));
        store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    }
    let items = store.list_outbox(TENANT, 10).await.unwrap();
    assert!(items.is_sorted_by_key(|item| item.id));
    let payloads: Vec<_> = items.iter().map(|item| item.payload.as_slice()).collect();
    assert_eq!(payloads, [b"a", b"b", b"c"]);
    assert_eq!(store.list_outbox(TENANT, 2).await.unwrap(), items[..2]);
    for _ in 0..2 {
        let sent = vec![items[0].id, items[2].id];
        project(
            &*store,
            Projection {
                sent,
                ..Projection::default()
            },
        )
        .await;
        assert_eq!(store.list_outbox(TENANT, 10).await.unwrap(), items[1..2]);
    }
    let entry = writer.accepted(derived(b"d"));
    store.append(TENANT, &entries([entry]), NOW).await.unwrap();
    let last = store.list_outbox(TENANT, 10).await.unwrap().pop().unwrap();
    assert!(last.id > items[2].id, "an id never comes again");
}

/// The last one holds; nothing given is nobody.
pub async fn contributions_replace_those_held(store: Arc<impl Store>) {
    let goal = GoalId::new(5);
    let give = async |n: u8, points: u64| {
        let contribution = Contribution {
            goal,
            participant: participant(n),
            points,
        };
        let contributions = vec![contribution];
        project(
            &*store,
            Projection {
                contributions,
                ..Projection::default()
            },
        )
        .await;
    };
    for (n, points) in [(2, 100), (1, 50), (1, 70), (1, 70), (3, 9), (3, 0), (4, 0)] {
        give(n, points).await;
    }
    let sum = store.sum_challenge(TENANT, goal).await.unwrap();
    assert_eq!(
        sum,
        ChallengeSum {
            total: 170,
            people: 2
        }
    );
    let people = store.list_contributors(TENANT, goal).await.unwrap();
    assert_eq!(people, [participant(1), participant(2)]);
    for (tenant, goal) in [(OTHER_TENANT, goal), (TENANT, GoalId::new(6))] {
        let none = store.sum_challenge(tenant, goal).await.unwrap();
        assert_eq!(none, ChallengeSum::default());
        assert!(
            store
                .list_contributors(tenant, goal)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

/// Entries and findings of one append stand or fall together.
pub async fn a_projection_of_a_raced_append_is_not_written(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    store
        .append(TENANT, &entries([writer.accepted(dirty(1))]), NOW)
        .await
        .unwrap();
    let clean = store.list_dirty(TENANT, 10).await.unwrap();
    writer.accepted(Effects::default());
    let append = Append {
        entries: vec![writer.accepted(Effects::on(&[own_stream(1)]))],
        projection: Projection {
            clean,
            dirty: vec![participant(2)],
            ..Projection::default()
        },
        ..Append::default()
    };
    store.append(TENANT, &append, NOW).await.unwrap_err();
    assert_eq!(waiting(&*store).await, [1]);
}
