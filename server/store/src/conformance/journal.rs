//! Images of rows: read from one store, applied to another that knows less.

use std::sync::Arc;

use askel_sync::{
    admission::Role,
    id::{DeviceId, LogId, OpId, TenantId},
};

use super::fixture::{
    NOW, OTHER_TENANT, TENANT, any_audit, audit, enrol_participant, invitation, new_device,
    participant, pass, sheet_of,
};
use crate::{
    Append, AppendError, Approval, AuditAction, CatalogVersion, DeviceChange, DeviceState,
    EnrolError, EntryOutcome, Erased, Grant, Invitation, LogState, PassRecord, Store, Tenant,
    journal::{Entry, ImageOf, LogOpening, folded},
};

async fn image(store: &impl Store, tenant: TenantId, of: &ImageOf) -> Option<Entry> {
    store.read_image(tenant, of).await.unwrap()
}

async fn apply(store: &impl Store, journal: &[Entry]) {
    // As it is read from a file.
    let journal: Vec<Entry> = journal
        .iter()
        .map(|entry| Entry::decode(&entry.encode()).unwrap())
        .collect();
    store.apply_journal(OTHER_TENANT, &journal).await.unwrap();
}

/// As it is told when it is not known what they counted.
pub(super) fn erasure(erased: Erased) -> Entry {
    Entry::Erased {
        erased,
        is_counted: false,
    }
}

/// A participant with a bit of everything, and the image after each change.
async fn story(store: &impl Store) -> Vec<Entry> {
    let of = ImageOf::Participant(participant(1));
    let mut journal = Vec::new();
    let first = enrol_participant(store, 1).await;
    journal.extend(image(store, TENANT, &of).await);
    let back = Invitation {
        participant: Some(participant(1)),
        ..invitation(2)
    };
    store
        .record_invitation(TENANT, &back, &any_audit())
        .await
        .unwrap();
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [11; 32]), &any_audit())
        .await
        .unwrap();
    journal.extend(image(store, TENANT, &of).await);
    let approval = Approval {
        participant: participant(1),
        approved: new_device(3).id,
        replaced: None,
        maker: first,
        expires_at: NOW.saturating_add_ms(1_000),
    };
    store
        .record_approval(TENANT, &approval, &any_audit())
        .await
        .unwrap();
    journal.extend(image(store, TENANT, &of).await);
    store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await
        .unwrap();
    journal.extend(image(store, TENANT, &of).await);
    let sheet = Grant::RecoverySheet {
        code_hash: [11; 32],
        next_code_hash: [12; 32],
    };
    store
        .enrol(TENANT, &sheet, &new_device(4), &any_audit())
        .await
        .unwrap();
    journal.extend(image(store, TENANT, &of).await);
    journal
}

/// The last image gives the same rows; so does each before it, told late or twice.
pub async fn a_participant_stands_as_the_journal_says(store: Arc<impl Store>) {
    let journal = story(&*store).await;
    let of = ImageOf::Participant(participant(1));
    let last = image(&*store, TENANT, &of).await;
    assert_eq!(journal.last().cloned(), last);
    assert_eq!(image(&*store, OTHER_TENANT, &of).await, None);
    for known in 0..journal.len() {
        apply(&*store, &journal[known..]).await;
        assert_eq!(
            image(&*store, OTHER_TENANT, &of).await,
            last,
            "from {known}"
        );
    }
    apply(&*store, &journal).await;
    assert_eq!(image(&*store, OTHER_TENANT, &of).await, last);
    let device = image(&*store, OTHER_TENANT, &ImageOf::Device(new_device(4).id)).await;
    assert_eq!(device, last, "a device's image is its participant's");
    let used = store
        .enrol(
            OTHER_TENANT,
            &Grant::Invitation([1; 32]),
            &new_device(9),
            &any_audit(),
        )
        .await;
    assert!(matches!(used, Err(EnrolError::Used)), "{used:?}");
}

/// An older image, told late, gives nobody back what was taken.
pub async fn what_ended_does_not_come_back(store: Arc<impl Store>) {
    let journal = story(&*store).await;
    apply(&*store, &journal).await;
    for stale in &journal[..journal.len() - 1] {
        apply(&*store, std::slice::from_ref(stale)).await;
        for n in [1, 3] {
            let device = store
                .lookup_device(OTHER_TENANT, new_device(n).id)
                .await
                .unwrap();
            assert_eq!(device.unwrap().state, DeviceState::Revoked);
        }
        let passes = store
            .lookup_passes(OTHER_TENANT, &[pass(1), pass(3)])
            .await
            .unwrap();
        assert!(passes.iter().all(|pass| pass.burned_at == Some(NOW)));
        let sheet = Grant::RecoverySheet {
            code_hash: [11; 32],
            next_code_hash: [13; 32],
        };
        let used = store
            .enrol(OTHER_TENANT, &sheet, &new_device(9), &any_audit())
            .await;
        assert!(matches!(used, Err(EnrolError::Used)), "{used:?}");
    }
}

/// Staff devices with what they used; invitations made, used and taken back; cards.
pub async fn staff_and_cards_stand_as_the_journal_says(store: Arc<impl Store>) {
    let staff = Invitation {
        role: Role::Staff,
        ..invitation(1)
    };
    for invitation in [staff, invitation(2), invitation(3)] {
        store
            .record_invitation(TENANT, &invitation, &any_audit())
            .await
            .unwrap();
    }
    let mut journal = Vec::new();
    for n in [1, 2, 3] {
        journal.extend(image(&*store, TENANT, &ImageOf::Invitation([n; 16])).await);
    }
    let grant = Grant::Invitation([1; 32]);
    let device = store
        .enrol(TENANT, &grant, &new_device(1), &any_audit())
        .await
        .unwrap();
    journal.extend(image(&*store, TENANT, &ImageOf::Device(device.id)).await);
    let active = DeviceChange {
        state: DeviceState::Active,
        lease_until: Some(NOW),
    };
    store
        .change_device(TENANT, device.id, active, &any_audit())
        .await
        .unwrap();
    journal.extend(image(&*store, TENANT, &ImageOf::Device(device.id)).await);
    store
        .delete_invitation(TENANT, [2; 16], &any_audit())
        .await
        .unwrap();
    journal.extend(image(&*store, TENANT, &ImageOf::Invitation([2; 16])).await);
    let card = PassRecord::good(pass(7), participant(7));
    store
        .record_card(TENANT, [7; 16], card, &any_audit())
        .await
        .unwrap();
    journal.extend(image(&*store, TENANT, &ImageOf::Participant(participant(7))).await);
    for _ in 0..2 {
        apply(&*store, &journal).await;
        let page = super::fixture::first_page(9);
        let expected = store.list_invitations(TENANT, &page).await.unwrap();
        let standing = store.list_invitations(OTHER_TENANT, &page).await.unwrap();
        assert_eq!(standing, expected);
        let expected = store.list_staff_devices(TENANT, &page).await.unwrap();
        let standing = store.list_staff_devices(OTHER_TENANT, &page).await.unwrap();
        assert_eq!(standing, expected);
        let other = PassRecord::good(pass(8), participant(8));
        let held = store
            .record_card(OTHER_TENANT, [7; 16], other, &any_audit())
            .await;
        assert_eq!(held.unwrap(), card);
    }
}

/// Someone whom the store of before still knows, and someone it has never heard of.
pub async fn who_is_erased_stays_erased(store: Arc<impl Store>) {
    let journal = story(&*store).await;
    apply(&*store, &journal[..2]).await;
    let note = audit(AuditAction::ParticipantErased);
    let erased = store.erase(TENANT, participant(1), &note).await.unwrap();
    assert_eq!(erased.devices.len(), 3);
    let unknown = Erased {
        logs: vec![askel_sync::id::LogId::from_bytes([9; 16])],
        ..Erased::new(participant(5))
    };
    let ended = [erasure(erased.clone()), erasure(unknown.clone())];
    for _ in 0..2 {
        apply(&*store, &ended).await;
        apply(&*store, &journal).await;
        let of = ImageOf::Participant(participant(1));
        assert_eq!(image(&*store, OTHER_TENANT, &of).await, None);
        assert!(
            store
                .list_participants(OTHER_TENANT)
                .await
                .unwrap()
                .is_empty()
        );
        let page = super::fixture::first_page(9);
        let left = store.list_invitations(OTHER_TENANT, &page).await.unwrap();
        assert!(left.items.is_empty(), "{left:?}");
    }
    for erased in [erased, unknown] {
        let ids: Vec<_> = erased.tombstones().into_iter().collect();
        let found = store.lookup_erased(OTHER_TENANT, &ids).await.unwrap();
        assert_eq!(found, erased.tombstones());
    }
}

/// Newer key lists and the catalogs that follow, with what a publication does.
pub async fn key_lists_and_catalogs_stand_as_the_journal_says(store: Arc<impl Store>) {
    let tenant = |version: u32| Tenant {
        id: OTHER_TENANT,
        root_hash: [1; 32],
        signed_key_list: vec![version.try_into().unwrap()],
        key_list_version: version,
        created_at: NOW,
    };
    store.record_tenant(&tenant(2)).await.unwrap();
    let catalog = |version: u32| CatalogVersion {
        version,
        hash: [version.try_into().unwrap(); 32],
        content: vec![1; 100],
        signature: vec![2; 64],
        published_at: NOW,
    };
    for version in [1, 2] {
        store
            .record_catalog(TENANT, &catalog(version), &any_audit())
            .await
            .unwrap();
    }
    store
        .record_catalog(OTHER_TENANT, &catalog(1), &any_audit())
        .await
        .unwrap();
    let second = image(&*store, TENANT, &ImageOf::Catalog(2)).await.unwrap();
    assert_eq!(second, Entry::Catalog(catalog(2)));
    let journal = [
        Entry::Tenant(tenant(1)),
        Entry::Tenant(tenant(3)),
        second.clone(),
    ];
    for _ in 0..2 {
        apply(&*store, &journal).await;
        apply(&*store, &[Entry::Catalog(catalog(9))]).await;
        let standing = image(&*store, OTHER_TENANT, &ImageOf::Tenant).await;
        assert_eq!(standing, Some(Entry::Tenant(tenant(3))));
        let newest = store.lookup_catalog(OTHER_TENANT, None).await.unwrap();
        assert_eq!(newest, Some(catalog(2)));
        assert_eq!(store.list_outbox(OTHER_TENANT, 9).await.unwrap().len(), 2);
    }
    assert_eq!(
        image(&*store, OTHER_TENANT, &ImageOf::Catalog(9)).await,
        None
    );
}

/// Logs of which nothing is here have their writers; those that stand keep theirs.
pub async fn logs_have_the_writers_that_the_journal_says(store: Arc<impl Store>) {
    let journal = story(&*store).await;
    apply(&*store, &journal).await;
    let log = |n: u8| LogId::from_bytes([n; 16]);
    let opening = |n: u8, device: DeviceId| LogOpening {
        log: log(n),
        device,
        opened_at: NOW,
    };
    let (first, second) = (new_device(3).id, new_device(4).id);
    // The first attempt to open it did not come to anything.
    let openings = Entry::Logs(vec![opening(1, first), opening(2, first)]);
    let later = Entry::Logs(vec![opening(2, second)]);
    for _ in 0..2 {
        apply(&*store, &[openings.clone(), later.clone()]).await;
        let told = store.lookup_logs(OTHER_TENANT, &[log(1), log(2)]).await;
        let state = |n: u8, device: DeviceId| LogState {
            log: log(n),
            device,
            participant: Some(participant(1)),
            next_sequence: 0,
            last_op: None,
        };
        assert_eq!(told.unwrap(), [state(1, first), state(2, second)]);
        let listed = store.list_device_logs(OTHER_TENANT, first, 9).await;
        assert_eq!(listed.unwrap(), [state(1, first)]);
    }
    let rejected = |device: DeviceId| Append {
        entries: vec![crate::Entry {
            log: log(2),
            device,
            sequence: 0,
            op: OpId::from_bytes([5; 16]),
            outcome: EntryOutcome::Rejected {
                reason: "WHY".to_owned(),
                subject: None,
            },
        }],
        ..Append::default()
    };
    let foreign = store.append(OTHER_TENANT, &rejected(first), NOW).await;
    assert!(matches!(foreign, Err(AppendError::Raced)), "{foreign:?}");
    let own = store.append(OTHER_TENANT, &rejected(second), NOW).await;
    own.unwrap();
    apply(&*store, &[Entry::Logs(vec![opening(2, first)])]).await;
    let stands = store.lookup_logs(OTHER_TENANT, &[log(2)]).await.unwrap();
    assert_eq!((stands[0].device, stands[0].next_sequence), (second, 1));
    let note = audit(AuditAction::ParticipantErased);
    store
        .erase(OTHER_TENANT, participant(1), &note)
        .await
        .unwrap();
    apply(&*store, &[Entry::Logs(vec![opening(3, first)])]).await;
    let gone = store.lookup_logs(OTHER_TENANT, &[log(3)]).await;
    assert_eq!(gone.unwrap(), []);
}

/// A folded journal makes every store the same as the whole one: an empty one, and one that stands
/// somewhere on the way.
pub async fn a_folded_journal_says_the_same(store: Arc<impl Store>) {
    let mut journal = story(&*store).await;
    let taken_back = Invitation {
        participant: Some(participant(1)),
        expires_at: NOW.saturating_add_ms(1_000),
        ..invitation(6)
    };
    let mut with_it = journal.clone();
    if let Some(Entry::Participant(image)) = with_it.last_mut() {
        image.invitations.push(taken_back.clone());
        image.invitations.sort_by_key(|invitation| invitation.id);
    }
    let last = journal.last().cloned().unwrap();
    journal.extend(with_it.pop());
    journal.push(Entry::InvitationDeleted(taken_back.id));
    journal.push(last);
    journal.push(Entry::Logs(vec![LogOpening {
        log: LogId::from_bytes([1; 16]),
        device: new_device(4).id,
        opened_at: NOW,
    }]));
    let of = ImageOf::Participant(participant(1));
    for known in 0..journal.len() {
        apply(&*store, &journal[..known]).await;
        apply(&*store, &folded(journal.clone())).await;
        let by_fold = image(&*store, OTHER_TENANT, &of).await;
        apply(&*store, &journal).await;
        assert_eq!(by_fold, image(&*store, OTHER_TENANT, &of).await, "{known}");
        let logs = [LogId::from_bytes([1; 16])];
        let logs = store.lookup_logs(OTHER_TENANT, &logs).await.unwrap();
        assert_eq!(logs.len(), 1);
    }
    let fold = folded(journal.clone());
    assert!(fold.len() < journal.len());
    assert_eq!(folded(fold.clone()), fold, "folded already");
    journal.push(erasure(Erased {
        devices: vec![new_device(4).id],
        ..Erased::new(participant(1))
    }));
    let left: Vec<Entry> = folded(journal)
        .into_iter()
        .filter(|entry| !matches!(entry, Entry::InvitationDeleted(_)))
        .collect();
    assert!(matches!(left[..], [Entry::Erased { .. }]), "{left:?}");
}
