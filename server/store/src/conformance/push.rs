//! Who may be woken, and who is to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askel_sync::{
    id::{DeviceId, TimeZoneId},
    time::Timestamp,
};

use tokio::task::JoinSet;

use super::fixture::{
    HOUR_MS, NOW, OTHER_TENANT, TENANT, any_audit, enrol_participant, participant,
};
use crate::{Append, DeviceChange, LeasedPush, PushEnd, PushRegistration, PushToken, Store, Whom};

fn registration(token: &str) -> PushRegistration {
    PushRegistration {
        token: PushToken::new(token.to_owned()).unwrap(),
        quiet_minutes: Some((1_320, 420)),
        zone: Some(TimeZoneId::new(2)),
    }
}

fn after(minutes: i64) -> Timestamp {
    NOW.saturating_add_ms(minutes * 60_000)
}

/// Someone whose phone may be woken.
async fn registered(store: &impl Store, n: u8) -> DeviceId {
    let device = enrol_participant(store, n).await;
    let wanted = registration(&format!("token-{n}"));
    assert!(store.register_push(TENANT, device, &wanted).await.unwrap());
    device
}

async fn give_reason(store: &impl Store, whom: Whom, due_at: Timestamp) {
    let append = Append {
        pushes: BTreeMap::from([(whom, due_at)]),
        ..Append::default()
    };
    store.append(TENANT, &append, NOW).await.unwrap();
}

async fn leased(store: &impl Store, minutes: i64) -> Vec<LeasedPush> {
    let (now, until) = (after(minutes), after(minutes + 1));
    store.lease_pushes(TENANT, now, until, 10).await.unwrap()
}

fn devices(pushes: &[LeasedPush]) -> Vec<DeviceId> {
    pushes.iter().map(|push| push.device).collect()
}

/// The last word stands, and nobody else's changes.
pub async fn a_device_registers_for_pushes_and_withdraws(store: Arc<impl Store>) {
    let device = registered(&*store, 1).await;
    let other = PushRegistration {
        quiet_minutes: None,
        zone: None,
        ..registration("another")
    };
    for wanted in [&registration("first"), &other, &other] {
        assert!(store.register_push(TENANT, device, wanted).await.unwrap());
        let held = store.lookup_push(TENANT, device).await.unwrap();
        assert_eq!(held.as_ref(), Some(wanted));
    }
    assert_eq!(store.lookup_push(OTHER_TENANT, device).await.unwrap(), None);
    for _ in 0..2 {
        store.withdraw_push(TENANT, device).await.unwrap();
        assert_eq!(store.lookup_push(TENANT, device).await.unwrap(), None);
    }
}

/// Without a device there is nothing to wake.
pub async fn only_a_device_registers_for_pushes(store: Arc<impl Store>) {
    let nobody = DeviceId::from_bytes([9; 16]);
    let wanted = registration("token");
    assert!(!store.register_push(TENANT, nobody, &wanted).await.unwrap());
    let device = enrol_participant(&*store, 1).await;
    store
        .change_device(TENANT, device, DeviceChange::REVOKE, &any_audit())
        .await
        .unwrap();
    assert!(!store.register_push(TENANT, device, &wanted).await.unwrap());
}

/// Several reasons before it is due are one push; who did not register gets none.
pub async fn several_reasons_are_one_push(store: Arc<impl Store>) {
    let device = registered(&*store, 1).await;
    enrol_participant(&*store, 2).await;
    for (n, minutes) in [(1, 10), (1, 5), (1, 20), (2, 1)] {
        let whom = Whom::Participant(participant(n));
        give_reason(&*store, whom, after(minutes)).await;
    }
    give_reason(&*store, Whom::Device(device), after(1)).await;
    assert_eq!(leased(&*store, 9).await, []);
    let due = leased(&*store, 10).await;
    assert_eq!(devices(&due), [device]);
    assert_eq!(due[0].registration, registration("token-1"));
    let other = store
        .lease_pushes(OTHER_TENANT, after(60), after(61), 10)
        .await;
    assert_eq!(other.unwrap(), []);
}

/// Who waits longest comes first.
pub async fn pushes_are_leased_in_order(store: Arc<impl Store>) {
    let mut expected = Vec::new();
    for (n, minutes) in [(1, 3), (2, 1), (3, 2)] {
        expected.push((minutes, registered(&*store, n).await));
        let whom = Whom::Participant(participant(n));
        give_reason(&*store, whom, after(minutes)).await;
    }
    expected.sort_unstable();
    let (now, until) = (after(3), after(4));
    let first = store.lease_pushes(TENANT, now, until, 2).await.unwrap();
    let rest = store.lease_pushes(TENANT, now, until, 2).await.unwrap();
    let got = [devices(&first), devices(&rest)].concat();
    let expected: Vec<_> = expected.into_iter().map(|(_, device)| device).collect();
    assert_eq!(got, expected);
}

/// Nobody else gets it while it is leased, and someone does when it was never settled.
pub async fn a_push_that_nobody_settled_is_due_again(store: Arc<impl Store>) {
    registered(&*store, 1).await;
    give_reason(&*store, Whom::Participant(participant(1)), NOW).await;
    let first = leased(&*store, 0).await;
    assert_eq!(first.len(), 1);
    assert_eq!(leased(&*store, 0).await, []);
    let second = leased(&*store, 1).await;
    assert_eq!(second.len(), 1);
    // Who was too slow settles nothing.
    store
        .settle_push(TENANT, &first[0], PushEnd::Over)
        .await
        .unwrap();
    assert_eq!(leased(&*store, 2).await.len(), 1);
}

/// What was sent is not sent again, unless a reason arose since.
pub async fn a_push_that_was_sent_is_over(store: Arc<impl Store>) {
    registered(&*store, 1).await;
    let whom = Whom::Participant(participant(1));
    give_reason(&*store, whom, NOW).await;
    let due = leased(&*store, 0).await;
    give_reason(&*store, whom, after(30)).await;
    for _ in 0..2 {
        store
            .settle_push(TENANT, &due[0], PushEnd::Over)
            .await
            .unwrap();
    }
    assert_eq!(leased(&*store, 29).await, []);
    let again = leased(&*store, 30).await;
    store
        .settle_push(TENANT, &again[0], PushEnd::Over)
        .await
        .unwrap();
    assert_eq!(leased(&*store, 100).await, []);
}

/// Failures are counted until it is sent.
pub async fn a_push_that_failed_is_due_later(store: Arc<impl Store>) {
    registered(&*store, 1).await;
    let whom = Whom::Participant(participant(1));
    give_reason(&*store, whom, NOW).await;
    let due = leased(&*store, 0).await;
    assert_eq!(due[0].failures, 0);
    let end = PushEnd::Again {
        at: after(5),
        failures: 3,
    };
    store.settle_push(TENANT, &due[0], end).await.unwrap();
    give_reason(&*store, whom, after(2)).await;
    assert_eq!(leased(&*store, 4).await, []);
    let due = leased(&*store, 5).await;
    assert_eq!(due[0].failures, 3);
    store
        .settle_push(TENANT, &due[0], PushEnd::Over)
        .await
        .unwrap();
    give_reason(&*store, whom, after(9)).await;
    assert_eq!(leased(&*store, 9).await[0].failures, 0);
}

/// The token goes; one that came in its place meanwhile stays, and is tried.
pub async fn an_unregistered_token_goes(store: Arc<impl Store>) {
    let device = registered(&*store, 1).await;
    let whom = Whom::Participant(participant(1));
    give_reason(&*store, whom, NOW).await;
    let due = leased(&*store, 0).await;
    let renewed = registration("renewed");
    store.register_push(TENANT, device, &renewed).await.unwrap();
    let gone = PushEnd::Unregistered;
    store.settle_push(TENANT, &due[0], gone).await.unwrap();
    let due = leased(&*store, 1).await;
    assert_eq!(due[0].registration, renewed);
    store.settle_push(TENANT, &due[0], gone).await.unwrap();
    assert_eq!(store.lookup_push(TENANT, device).await.unwrap(), None);
    assert_eq!(leased(&*store, 60).await, []);
}

/// However it ends: revoked, replaced, erased.
pub async fn a_push_goes_with_its_device(store: Arc<impl Store>) {
    let revoked = registered(&*store, 1).await;
    let erased = registered(&*store, 2).await;
    for n in [1, 2] {
        give_reason(&*store, Whom::Participant(participant(n)), NOW).await;
    }
    store
        .change_device(TENANT, revoked, DeviceChange::REVOKE, &any_audit())
        .await
        .unwrap();
    store
        .erase(TENANT, participant(2), &any_audit())
        .await
        .unwrap();
    for device in [revoked, erased] {
        assert_eq!(store.lookup_push(TENANT, device).await.unwrap(), None);
    }
    assert_eq!(leased(&*store, HOUR_MS).await, []);
}

/// However many ask at once.
pub async fn a_push_is_leased_by_one(store: Arc<impl Store + 'static>) {
    for n in 1..=8 {
        registered(&*store, n).await;
        let whom = Whom::Participant(participant(n));
        give_reason(&*store, whom, NOW).await;
    }
    let mut askers = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        askers.spawn(async move { leased(&*store, 0).await });
    }
    let got = askers.join_all().await.concat();
    // Who came second may have passed over some; those are due to the next.
    let got = [got, leased(&*store, 0).await].concat();
    let each: BTreeSet<_> = devices(&got).into_iter().collect();
    assert_eq!((got.len(), each.len()), (8, 8));
}

/// Who withdrew since the backup was made is not asked to say so again.
pub async fn a_restore_forgets_who_registered(store: Arc<impl Store>) {
    let device = registered(&*store, 1).await;
    give_reason(&*store, Whom::Device(device), NOW).await;
    store.renew_streams(TENANT, &[7; 32]).await.unwrap();
    assert_eq!(store.lookup_push(TENANT, device).await.unwrap(), None);
    assert_eq!(leased(&*store, HOUR_MS).await, []);
    // The same restore once more leaves who registered since.
    let device = registered(&*store, 2).await;
    store.renew_streams(TENANT, &[7; 32]).await.unwrap();
    assert!(store.lookup_push(TENANT, device).await.unwrap().is_some());
}
