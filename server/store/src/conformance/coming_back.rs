//! Coming back: recovery sheets, approvals, re-invitations.

use std::sync::Arc;

use askel_sync::id::DeviceId;

use super::fixture::{
    HOUR_MS, NOW, OTHER_TENANT, TENANT, any_audit, audit_length, enrol_participant, invitation,
    new_device, participant, pass, sheet_of,
};
use crate::{
    Approval, Device, DeviceState, EnrolError, Grant, Invitation, NewDevice, PassRecord, Store,
    StoreError,
};

fn sheet(code: u8, next: u8) -> Grant {
    Grant::RecoverySheet {
        code_hash: [code; 32],
        next_code_hash: [next; 32],
    }
}

fn approval(approved: u8, replaced: Option<DeviceId>) -> Approval {
    Approval {
        participant: participant(1),
        approved: new_device(approved).id,
        replaced,
        maker: new_device(1).id,
        expires_at: NOW.saturating_add_ms(HOUR_MS),
    }
}

async fn state_of(store: &impl Store, device: DeviceId) -> DeviceState {
    store
        .lookup_device(TENANT, device)
        .await
        .unwrap()
        .unwrap()
        .state
}

/// The same participant, a new pass; old devices end, a card stays, others are not touched.
pub async fn a_recovery_sheet_revokes_other_devices_and_burns_their_passes(store: Arc<impl Store>) {
    let lost = enrol_participant(&*store, 1).await;
    let stranger = enrol_participant(&*store, 2).await;
    let card = PassRecord::good(pass(50), participant(1));
    store
        .record_card(TENANT, [5; 16], card, &any_audit())
        .await
        .unwrap();
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [10; 32]), &any_audit())
        .await
        .unwrap();

    let back = store
        .enrol(TENANT, &sheet(10, 11), &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        (back.participant, back.state),
        (Some(participant(1)), DeviceState::Active)
    );
    let ended: Device = store.lookup_device(TENANT, lost).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.pass), (DeviceState::Revoked, None));
    assert_eq!(state_of(&*store, stranger).await, DeviceState::Active);
    let passes = [pass(1), pass(2), pass(3), pass(50)];
    let found = store.lookup_passes(TENANT, &passes).await.unwrap();
    let burned: Vec<_> = found.iter().map(|record| record.burned_at).collect();
    assert_eq!(
        burned,
        [Some(NOW), None, None, None],
        "told with its time: scans of before stand"
    );
    assert_eq!(
        (found[0].pass, found[0].participant),
        (pass(1), participant(1))
    );
    let known = store.list_participants(TENANT).await.unwrap();
    assert_eq!(known, [participant(1), participant(2)]);
}

/// It is single use, and the next one follows; a repeated call is answered alike.
pub async fn a_recovery_sheet_is_used_once_and_gives_the_next(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [10; 32]), &any_audit())
        .await
        .unwrap();
    let first = store
        .enrol(TENANT, &sheet(10, 11), &new_device(2), &any_audit())
        .await
        .unwrap();
    let length = audit_length(&*store).await;
    let again = store
        .enrol(TENANT, &sheet(10, 11), &new_device(2), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        (again, audit_length(&*store).await),
        (first.clone(), length)
    );
    let other = store
        .enrol(TENANT, &sheet(10, 12), &new_device(3), &any_audit())
        .await;
    assert!(matches!(other, Err(EnrolError::Used)), "{other:?}");
    assert_eq!(state_of(&*store, first.id).await, DeviceState::Active);
    let next = store
        .enrol(TENANT, &sheet(11, 12), &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(next.participant, Some(participant(1)));
    assert_eq!(state_of(&*store, first.id).await, DeviceState::Revoked);
}

/// Only the newest sheet of a participant is good, and recording it again changes nothing.
pub async fn a_new_recovery_sheet_ends_the_one_before(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    enrol_participant(&*store, 2).await;
    let length = audit_length(&*store).await;
    for (n, code) in [(1, 10), (2, 20), (1, 11), (1, 11)] {
        let code_hash = [code; 32];
        store
            .record_recovery_sheet(TENANT, &sheet_of(n, code_hash), &any_audit())
            .await
            .unwrap();
    }
    assert_eq!(audit_length(&*store).await, length + 3);
    let ended = store
        .enrol(TENANT, &sheet(10, 12), &new_device(3), &any_audit())
        .await;
    assert!(matches!(ended, Err(EnrolError::Unknown)), "{ended:?}");
    let elsewhere = store
        .enrol(OTHER_TENANT, &sheet(11, 12), &new_device(3), &any_audit())
        .await;
    assert!(
        matches!(elsewhere, Err(EnrolError::Unknown)),
        "{elsewhere:?}"
    );
    for (code, device, whose) in [(11, 3, 1), (20, 4, 2)] {
        let grant = sheet(code, code + 5);
        let back = store
            .enrol(TENANT, &grant, &new_device(device), &any_audit())
            .await
            .unwrap();
        assert_eq!(back.participant, Some(participant(whose)));
    }
}

/// Sheets and approvals name participants that exist.
pub async fn nobody_can_come_back_who_was_never_there(store: Arc<impl Store>) {
    let sheet = store
        .record_recovery_sheet(TENANT, &sheet_of(1, [1; 32]), &any_audit())
        .await;
    assert!(
        matches!(sheet, Err(StoreError::Inconsistent(_))),
        "{sheet:?}"
    );
    let approved = store
        .record_approval(TENANT, &approval(2, None), &any_audit())
        .await;
    assert!(
        matches!(approved, Err(StoreError::Inconsistent(_))),
        "{approved:?}"
    );
    assert_eq!(audit_length(&*store).await, 0);
}

/// One more device, or one in place of another.
pub async fn an_approval_adds_a_device_or_replaces_one(store: Arc<impl Store>) {
    let first = enrol_participant(&*store, 1).await;
    for _ in 0..2 {
        store
            .record_approval(TENANT, &approval(2, None), &any_audit())
            .await
            .unwrap();
    }
    assert_eq!(audit_length(&*store).await, 3);
    let second = store
        .enrol(TENANT, &Grant::Approval, &new_device(2), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        (second.participant, second.pass),
        (Some(participant(1)), Some(pass(2)))
    );
    assert_eq!(state_of(&*store, first).await, DeviceState::Active);

    store
        .record_approval(TENANT, &approval(3, Some(first)), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        state_of(&*store, first).await,
        DeviceState::Active,
        "not before the new one comes"
    );
    let third = store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(state_of(&*store, first).await, DeviceState::Revoked);
    assert_eq!(state_of(&*store, second.id).await, DeviceState::Active);
    let replaced = store.lookup_passes(TENANT, &[pass(1)]).await.unwrap();
    assert_eq!(replaced[0].holder(), None);
    let length = audit_length(&*store).await;
    let again = store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!((again, audit_length(&*store).await), (third, length));
}

/// It names one key, holds for a while, and can be given again.
pub async fn an_approval_is_for_one_key_and_expires(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    store
        .record_approval(TENANT, &approval(2, None), &any_audit())
        .await
        .unwrap();
    let other = store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await;
    assert!(matches!(other, Err(EnrolError::Unknown)), "{other:?}");
    let late = NewDevice {
        now: NOW.saturating_add_ms(HOUR_MS),
        ..new_device(2)
    };
    let expired = store
        .enrol(TENANT, &Grant::Approval, &late, &any_audit())
        .await;
    assert!(matches!(expired, Err(EnrolError::Expired)), "{expired:?}");
    let longer = Approval {
        expires_at: NOW.saturating_add_ms(2 * HOUR_MS),
        ..approval(2, None)
    };
    store
        .record_approval(TENANT, &longer, &any_audit())
        .await
        .unwrap();
    let enrolled = store
        .enrol(TENANT, &Grant::Approval, &late, &any_audit())
        .await
        .unwrap();
    assert_eq!(enrolled.participant, Some(participant(1)));
}

/// An approval may end only devices of the participant who gives it.
pub async fn an_approval_does_not_revoke_anothers_device(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    let stranger = enrol_participant(&*store, 2).await;
    store
        .record_approval(TENANT, &approval(3, Some(stranger)), &any_audit())
        .await
        .unwrap();
    store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(state_of(&*store, stranger).await, DeviceState::Active);
    assert_eq!(
        store.lookup_passes(TENANT, &[pass(2)]).await.unwrap().len(),
        1
    );
}

/// The participant is the one who was known; devices they have stay.
pub async fn a_re_invited_device_is_on_probation(store: Arc<impl Store>) {
    let first = enrol_participant(&*store, 1).await;
    let again = Invitation {
        participant: Some(participant(1)),
        ..invitation(2)
    };
    store
        .record_invitation(TENANT, &again, &any_audit())
        .await
        .unwrap();
    let grant = Grant::ReInvitation([2; 32]);
    let new = new_device(2);
    let back = store
        .enrol(TENANT, &grant, &new, &any_audit())
        .await
        .unwrap();
    assert_eq!(
        back.state,
        DeviceState::Probation {
            until: new.probation_until
        }
    );
    assert_eq!(
        (back.participant, back.pass),
        (Some(participant(1)), Some(pass(2)))
    );
    assert_eq!(state_of(&*store, first).await, DeviceState::Active);
    assert_eq!(
        store.lookup_device(TENANT, back.id).await.unwrap(),
        Some(back)
    );
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
}
