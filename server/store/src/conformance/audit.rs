//! The audit log.

use std::sync::Arc;

use super::fixture::{
    NOW, OTHER_TENANT, TENANT, any_audit, audit, enrol_participant, first_page, invitation,
    new_device,
};
use crate::{Audit, AuditAction, AuditEntry, Store};

async fn whole_log(store: &impl Store) -> Vec<AuditEntry> {
    store
        .list_audit(TENANT, &first_page(1_000))
        .await
        .unwrap()
        .items
}

/// Whoever wrote the entries: each names the hash of the one before.
pub async fn the_audit_chain_verifies(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    for action in AuditAction::ALL {
        let actor = Some(new_device(1).id);
        store
            .record_audit(
                TENANT,
                &Audit {
                    actor,
                    ..audit(action)
                },
            )
            .await
            .unwrap();
    }
    let log = whole_log(&*store).await;
    assert_eq!(log.len(), AuditAction::ALL.len() + 2);
    let mut previous_hash = [0; 32];
    for (sequence, entry) in (1..).zip(&log) {
        assert_eq!(
            (entry.sequence, entry.previous_hash),
            (sequence, previous_hash)
        );
        let hash = AuditEntry::hash_of(TENANT, sequence, &entry.audit, &previous_hash);
        assert_eq!(entry.hash, hash);
        previous_hash = hash;
    }
}

/// In one transaction with the change, as it was given.
pub async fn a_change_is_noted_with_its_audit(store: Arc<impl Store>) {
    let noted = Audit {
        at: NOW.saturating_add_ms(7),
        actor: Some(new_device(3).id),
        action: AuditAction::InvitationCreated,
        target: "invitations/0101".to_owned(),
    };
    store
        .record_invitation(TENANT, &invitation(1), &noted)
        .await
        .unwrap();
    let log = whole_log(&*store).await;
    assert_eq!(
        log.into_iter().map(|entry| entry.audit).collect::<Vec<_>>(),
        [noted]
    );
}

/// The same note of the same millisecond is one; anything else is another.
pub async fn the_same_note_twice_is_one(store: Arc<impl Store>) {
    let note = any_audit();
    let others = [
        Audit {
            at: NOW.saturating_add_ms(1),
            ..note.clone()
        },
        Audit {
            actor: Some(new_device(1).id),
            ..note.clone()
        },
        Audit {
            action: AuditAction::CardCreated,
            ..note.clone()
        },
        Audit {
            target: "things/2".to_owned(),
            ..note.clone()
        },
    ];
    for note in [&note, &note].into_iter().chain(&others).chain(&others) {
        store.record_audit(TENANT, note).await.unwrap();
    }
    let log: Vec<Audit> = whole_log(&*store)
        .await
        .into_iter()
        .map(|entry| entry.audit)
        .collect();
    assert_eq!((&log[0], &log[1..]), (&note, &others[..]));
}

/// Oldest first; each tenant has a chain of its own.
pub async fn the_audit_log_is_read_page_by_page(store: Arc<impl Store>) {
    for n in 0..5 {
        let note = Audit {
            at: NOW.saturating_add_ms(n),
            ..any_audit()
        };
        store.record_audit(TENANT, &note).await.unwrap();
    }
    store
        .record_audit(OTHER_TENANT, &any_audit())
        .await
        .unwrap();
    let mut request = first_page(2);
    for expected in [&[1, 2][..], &[3, 4], &[5]] {
        let page = store.list_audit(TENANT, &request).await.unwrap();
        let sequences: Vec<u64> = page.items.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, expected);
        request.after = page.next.unwrap_or_default();
    }
    let elsewhere = store
        .list_audit(OTHER_TENANT, &first_page(9))
        .await
        .unwrap()
        .items;
    assert_eq!((elsewhere.len(), elsewhere[0].sequence), (1, 1));
    assert_eq!(elsewhere[0].previous_hash, [0; 32]);
}
