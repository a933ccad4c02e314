//! Invitations.

use std::sync::Arc;

use askel_sync::{admission::Role, id::PlaceId};

use super::fixture::{
    NOW, OTHER_TENANT, TENANT, any_audit, audit_length, first_page, invitation, new_device,
    participant,
};
use crate::{Grant, Invitation, PageRequest, Store, StoreError};

/// And what is read is what was written.
pub async fn an_invitation_recorded_twice_is_one(store: Arc<impl Store>) {
    let full = Invitation {
        role: Role::Staff,
        scope: Some(vec![PlaceId::new(7), PlaceId::new(2)]),
        participant: Some(participant(5)),
        inviter: Some(new_device(1).id),
        ..invitation(1)
    };
    store
        .record_invitation(TENANT, &full, &any_audit())
        .await
        .unwrap();
    store
        .record_invitation(TENANT, &full, &any_audit())
        .await
        .unwrap();
    let page = store
        .list_invitations(TENANT, &first_page(10))
        .await
        .unwrap();
    assert_eq!((page.items, page.next), (vec![full], None));
    assert_eq!(audit_length(&*store).await, 1);
}

/// Two invitations can't have one code: it would not be clear which is used up.
pub async fn a_code_belongs_to_one_invitation(store: Arc<impl Store>) {
    store
        .record_invitation(TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    let second = Invitation {
        id: [2; 16],
        ..invitation(1)
    };
    let answer = store.record_invitation(TENANT, &second, &any_audit()).await;
    assert!(
        matches!(answer, Err(StoreError::Inconsistent(_))),
        "{answer:?}"
    );
    assert_eq!(
        store
            .list_invitations(TENANT, &first_page(10))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

/// Page by page, each once; equal ages by id.
pub async fn invitations_come_oldest_first_in_pages(store: Arc<impl Store>) {
    let aged = |n: u8, age_ms: i64| Invitation {
        created_at: NOW.saturating_add_ms(-age_ms),
        ..invitation(n)
    };
    let expected = [aged(3, 20), aged(1, 10), aged(4, 10), aged(2, 0)];
    for n in [1, 0, 3, 2] {
        let invitation = &expected[n];
        store
            .record_invitation(TENANT, invitation, &any_audit())
            .await
            .unwrap();
    }
    let mut request = first_page(1);
    for invitation in &expected {
        let page = store.list_invitations(TENANT, &request).await.unwrap();
        assert_eq!(page.items, std::slice::from_ref(invitation));
        request.after = page.next.unwrap_or_default();
    }
    assert!(request.after.is_empty(), "the last page has no next");
    let whole = store
        .list_invitations(TENANT, &first_page(4))
        .await
        .unwrap();
    assert_eq!((whole.items.as_slice(), whole.next), (&expected[..], None));
}

/// Page keys come back from outside.
pub async fn a_page_key_that_no_page_gave_yields_an_empty_page(store: Arc<impl Store>) {
    store
        .record_invitation(TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    store.record_audit(TENANT, &any_audit()).await.unwrap();
    for length in [1, 3, 5, 17, 25, 100] {
        let request = PageRequest {
            size: 10,
            after: vec![0; length],
        };
        assert!(
            store
                .list_invitations(TENANT, &request)
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert!(
            store
                .list_staff_devices(TENANT, &request)
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert!(
            store
                .list_catalogs(TENANT, &request)
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert!(
            store
                .list_audit(TENANT, &request)
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
}

/// A used one is part of what happened.
pub async fn only_an_unused_invitation_is_deleted(store: Arc<impl Store>) {
    for n in [1, 2] {
        store
            .record_invitation(TENANT, &invitation(n), &any_audit())
            .await
            .unwrap();
    }
    let grant = Grant::Invitation([2; 32]);
    store
        .enrol(TENANT, &grant, &new_device(2), &any_audit())
        .await
        .unwrap();
    let before = audit_length(&*store).await;
    for (id, expected) in [
        ([1; 16], true),
        ([1; 16], false),
        ([2; 16], false),
        ([3; 16], false),
    ] {
        let deleted = store
            .delete_invitation(TENANT, id, &any_audit())
            .await
            .unwrap();
        assert_eq!(deleted, expected, "{id:?}");
    }
    assert_eq!(audit_length(&*store).await, before + 1);
    let left = store
        .list_invitations(TENANT, &first_page(10))
        .await
        .unwrap()
        .items;
    let used = Invitation {
        used_by: Some(new_device(2).id),
        ..invitation(2)
    };
    assert_eq!(left, [used]);
}

/// Neither read nor deleted nor used from another tenant.
pub async fn an_invitation_is_its_tenants_own(store: Arc<impl Store>) {
    store
        .record_invitation(TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    let elsewhere = store
        .list_invitations(OTHER_TENANT, &first_page(10))
        .await
        .unwrap();
    assert!(elsewhere.items.is_empty());
    assert!(
        !store
            .delete_invitation(OTHER_TENANT, [1; 16], &any_audit())
            .await
            .unwrap()
    );
    store
        .record_invitation(OTHER_TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    assert!(
        store
            .delete_invitation(OTHER_TENANT, [1; 16], &any_audit())
            .await
            .unwrap()
    );
    let here = store
        .list_invitations(TENANT, &first_page(10))
        .await
        .unwrap();
    assert_eq!(here.items, [invitation(1)]);
}
