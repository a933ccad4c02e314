//! Enrolling with an invitation, and why not.

use std::sync::Arc;

use askel_sync::{admission::Role, id::PlaceId};

use super::fixture::{
    HOUR_MS, NOW, OTHER_TENANT, TENANT, any_audit, audit_length, enrol_participant, first_page,
    invitation, new_device, participant, pass,
};
use crate::{
    Device, DeviceChange, DeviceState, EnrolError, Grant, Invitation, NewDevice, PassRecord, Store,
};

fn participants_device(n: u8) -> Device {
    let new = new_device(n);
    Device {
        id: new.id,
        public_key: new.public_key,
        role: Role::Participant,
        participant: Some(participant(n)),
        scope: None,
        state: DeviceState::Active,
        inviter: None,
        enrolled_at: NOW,
        lease_until: None,
        pass: Some(pass(n)),
        clock: None,
    }
}

/// The whole of it in one transaction.
pub async fn an_invitation_makes_participant_device_and_pass(store: Arc<impl Store>) {
    store
        .record_invitation(TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([1; 32]);
    let enrolled = store
        .enrol(TENANT, &grant, &new_device(1), &any_audit())
        .await
        .unwrap();
    assert_eq!(enrolled, participants_device(1));
    assert_eq!(
        store
            .lookup_device(TENANT, enrolled.id)
            .await
            .unwrap()
            .unwrap(),
        enrolled
    );
    let own = store
        .list_participant_devices(TENANT, participant(1))
        .await
        .unwrap();
    assert_eq!(own, std::slice::from_ref(&enrolled));
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
    let record = PassRecord::good(pass(1), participant(1));
    assert_eq!(
        store.lookup_passes(TENANT, &[pass(1)]).await.unwrap(),
        [record]
    );
    let listed = store
        .list_invitations(TENANT, &first_page(1))
        .await
        .unwrap()
        .items;
    assert_eq!(listed[0].used_by, Some(enrolled.id));
    assert_eq!(audit_length(&*store).await, 2);
}

/// Even when the server has drawn new ids and the code has expired meanwhile.
pub async fn the_same_code_and_key_get_the_same_answer(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let again = NewDevice {
        new_participant: participant(7),
        new_pass: pass(7),
        now: NOW.saturating_add_ms(2 * HOUR_MS),
        ..new_device(1)
    };
    let grant = Grant::Invitation([1; 32]);
    let answer = store
        .enrol(TENANT, &grant, &again, &any_audit())
        .await
        .unwrap();
    assert_eq!((answer.id, answer), (device, participants_device(1)));
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
    assert!(
        store
            .lookup_passes(TENANT, &[pass(7)])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(audit_length(&*store).await, 2);
}

/// Unknown, used, expired, of another tenant: nothing is changed.
pub async fn a_code_that_is_not_good_enrols_nobody(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    store
        .record_invitation(TENANT, &invitation(2), &any_audit())
        .await
        .unwrap();
    let before = audit_length(&*store).await;
    let check = async |tenant, code: u8, now_ms: i64, expected: &str| {
        let device = NewDevice {
            now: NOW.saturating_add_ms(now_ms),
            ..new_device(3)
        };
        let answer = store
            .enrol(
                tenant,
                &Grant::Invitation([code; 32]),
                &device,
                &any_audit(),
            )
            .await;
        let name = match answer {
            Ok(_) => "enrolled",
            Err(EnrolError::Unknown) => "unknown",
            Err(EnrolError::Used) => "used",
            Err(EnrolError::Expired) => "expired",
            Err(error) => panic!("{error}"),
        };
        assert_eq!(name, expected, "code {code} after {now_ms} ms");
    };
    check(TENANT, 9, 0, "unknown").await;
    check(OTHER_TENANT, 2, 0, "unknown").await;
    check(TENANT, 1, 0, "used").await;
    check(TENANT, 2, HOUR_MS, "expired").await;
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(1)]
    );
    assert_eq!(audit_length(&*store).await, before);
    check(TENANT, 2, HOUR_MS - 1, "enrolled").await;
}

/// Whatever code it brings.
pub async fn a_revoked_key_can_not_come_back(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let revoke = DeviceChange {
        state: DeviceState::Revoked,
        lease_until: None,
    };
    store
        .change_device(TENANT, device, revoke, &any_audit())
        .await
        .unwrap();
    store
        .record_invitation(TENANT, &invitation(2), &any_audit())
        .await
        .unwrap();
    for code in [1, 2] {
        let grant = Grant::Invitation([code; 32]);
        let answer = store
            .enrol(TENANT, &grant, &new_device(1), &any_audit())
            .await;
        assert!(matches!(answer, Err(EnrolError::Revoked)), "{answer:?}");
    }
    let unknown = Grant::Invitation([9; 32]);
    let answer = store
        .enrol(TENANT, &unknown, &new_device(1), &any_audit())
        .await;
    assert!(
        matches!(answer, Err(EnrolError::Unknown)),
        "a guess learns nothing: {answer:?}"
    );
}

/// A device has one place; a second code is left for somebody else.
pub async fn an_enrolled_device_uses_up_no_second_code(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    store
        .record_invitation(TENANT, &invitation(2), &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([2; 32]);
    let answer = store
        .enrol(TENANT, &grant, &new_device(1), &any_audit())
        .await
        .unwrap();
    assert_eq!(answer, participants_device(1));
    let other = store
        .enrol(TENANT, &grant, &new_device(2), &any_audit())
        .await
        .unwrap();
    assert_ne!(other.id, device);
}

/// The operator's own are active at once; whoever staff invite wait for approval.
pub async fn staff_wait_for_their_inviter(store: Arc<impl Store>) {
    let scope = Some(vec![PlaceId::new(3)]);
    let of_operator = Invitation {
        role: Role::Admin,
        ..invitation(1)
    };
    store
        .record_invitation(TENANT, &of_operator, &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([1; 32]);
    let admin = store
        .enrol(TENANT, &grant, &new_device(1), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        (admin.role, admin.state),
        (Role::Admin, DeviceState::Active)
    );
    assert_eq!(admin.lease_until, Some(new_device(1).lease_until));

    let inviter = Some(admin.id);
    let of_admin = Invitation {
        role: Role::Staff,
        inviter,
        scope: scope.clone(),
        ..invitation(2)
    };
    store
        .record_invitation(TENANT, &of_admin, &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([2; 32]);
    let staff = store
        .enrol(TENANT, &grant, &new_device(2), &any_audit())
        .await
        .unwrap();
    assert_eq!(
        (staff.role, staff.state),
        (Role::Staff, DeviceState::Pending)
    );
    assert_eq!(
        (&staff.scope, staff.inviter, staff.lease_until),
        (&scope, inviter, None)
    );
    assert_eq!((staff.participant, staff.pass), (None, None));
    assert_eq!(
        store.lookup_device(TENANT, staff.id).await.unwrap(),
        Some(staff)
    );
    assert!(store.list_participants(TENANT).await.unwrap().is_empty());
}

/// Guesses at codes are counted from an instant on; old ones are forgotten.
pub async fn enrol_failures_are_counted_and_forgotten(store: Arc<impl Store>) {
    let at = |ms| NOW.saturating_add_ms(ms);
    for ms in [0, 0, 10, 20] {
        store
            .record_enrol_failure(TENANT, at(ms), at(-100))
            .await
            .unwrap();
    }
    for (since, expected) in [(0, 4), (1, 2), (20, 1), (21, 0)] {
        assert_eq!(
            store.count_enrol_failures(TENANT, at(since)).await.unwrap(),
            expected
        );
    }
    assert_eq!(
        store
            .count_enrol_failures(OTHER_TENANT, at(0))
            .await
            .unwrap(),
        0
    );
    store
        .record_enrol_failure(TENANT, at(30), at(10))
        .await
        .unwrap();
    assert_eq!(
        store.count_enrol_failures(TENANT, at(-100)).await.unwrap(),
        3
    );
}
