//! Paper cards and passes.

use std::sync::Arc;

use super::fixture::{
    OTHER_TENANT, TENANT, any_audit, audit_length, enrol_participant, participant, pass,
};
use crate::{PassRecord, Store, StoreError};

fn card(n: u8) -> PassRecord {
    PassRecord::good(pass(n), participant(n))
}

/// Whatever the server has drawn for the repetition.
pub async fn the_same_request_gives_the_same_card(store: Arc<impl Store>) {
    for n in [1, 2] {
        let made = store
            .record_card(TENANT, [7; 16], card(n), &any_audit())
            .await
            .unwrap();
        assert_eq!(made, card(1));
    }
    assert_eq!(audit_length(&*store).await, 1);
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
    let second = store
        .record_card(TENANT, [8; 16], card(2), &any_audit())
        .await
        .unwrap();
    assert_eq!(second, card(2));
    let elsewhere = store
        .record_card(OTHER_TENANT, [7; 16], card(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(elsewhere, card(3));
}

/// In the order asked; unknown ones and those of another tenant are left out.
pub async fn passes_are_found_with_whose_they_are(store: Arc<impl Store>) {
    store
        .record_card(TENANT, [1; 16], card(1), &any_audit())
        .await
        .unwrap();
    enrol_participant(&*store, 2).await;
    store
        .record_card(OTHER_TENANT, [3; 16], card(3), &any_audit())
        .await
        .unwrap();
    let asked = [pass(3), pass(2), pass(9), pass(1)];
    assert_eq!(
        store.lookup_passes(TENANT, &asked).await.unwrap(),
        [card(2), card(1)]
    );
    assert_eq!(
        store.lookup_passes(OTHER_TENANT, &asked).await.unwrap(),
        [card(3)]
    );
    assert!(store.lookup_passes(TENANT, &[]).await.unwrap().is_empty());
}

/// A tag names one participant.
pub async fn a_pass_can_not_be_given_twice(store: Arc<impl Store>) {
    store
        .record_card(TENANT, [1; 16], card(1), &any_audit())
        .await
        .unwrap();
    let stolen = PassRecord {
        participant: participant(2),
        ..card(1)
    };
    let answer = store
        .record_card(TENANT, [2; 16], stolen, &any_audit())
        .await;
    assert!(
        matches!(answer, Err(StoreError::Inconsistent(_))),
        "{answer:?}"
    );
    assert_eq!(
        store.lookup_passes(TENANT, &[pass(1)]).await.unwrap(),
        [card(1)]
    );
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
}

/// By id, whether they have a phone or a card.
pub async fn participants_are_listed_by_id(store: Arc<impl Store>) {
    enrol_participant(&*store, 3).await;
    store
        .record_card(TENANT, [1; 16], card(1), &any_audit())
        .await
        .unwrap();
    enrol_participant(&*store, 2).await;
    let listed = store.list_participants(TENANT).await.unwrap();
    assert_eq!(listed, [participant(1), participant(2), participant(3)]);
    assert!(
        store
            .list_participants(OTHER_TENANT)
            .await
            .unwrap()
            .is_empty()
    );
}
