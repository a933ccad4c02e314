//! Devices and what becomes of them.

use std::sync::Arc;

use askel_sync::{admission::Role, id::DeviceId, time::ClockSegment};

use super::fixture::{
    HOUR_MS, NOW, OTHER_TENANT, TENANT, any_audit, audit_length, enrol_participant, first_page,
    invitation, new_device, participant, pass,
};
use crate::{DeviceChange, DeviceClock, DeviceState, Grant, Invitation, Store};

const REVOKE: DeviceChange = DeviceChange {
    state: DeviceState::Revoked,
    lease_until: None,
};

async fn enrol_staff(store: &impl Store, n: u8) -> DeviceId {
    let staff = Invitation {
        role: Role::Staff,
        inviter: Some(new_device(99).id),
        ..invitation(n)
    };
    store
        .record_invitation(TENANT, &staff, &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([n; 32]);
    store
        .enrol(TENANT, &grant, &new_device(n), &any_audit())
        .await
        .unwrap()
        .id
}

/// What is set is what is read, and setting it again changes nothing.
pub async fn a_device_gets_a_state_and_a_lease(store: Arc<impl Store>) {
    let device = enrol_staff(&*store, 1).await;
    let length = audit_length(&*store).await;
    let until = NOW.saturating_add_ms(HOUR_MS);
    let approve = DeviceChange {
        state: DeviceState::Active,
        lease_until: Some(until),
    };
    let probation = DeviceChange {
        state: DeviceState::Probation { until },
        lease_until: None,
    };
    for change in [approve, approve, probation, approve] {
        let changed = store
            .change_device(TENANT, device, change, &any_audit())
            .await
            .unwrap();
        let changed = changed.unwrap();
        assert_eq!(
            (changed.state, changed.lease_until),
            (change.state, change.lease_until)
        );
        assert_eq!(
            store.lookup_device(TENANT, device).await.unwrap(),
            Some(changed)
        );
    }
    assert_eq!(audit_length(&*store).await, length + 3);
}

/// The last word counts, extremes are kept as they are, and nobody else's clock changes.
pub async fn a_devices_clock_is_what_it_last_said(store: Arc<impl Store>) {
    let device = enrol_staff(&*store, 1).await;
    let other = enrol_staff(&*store, 2).await;
    let clock = |boot_id, wall_minus_monotonic_ms, ahead_ms| DeviceClock {
        segment: ClockSegment {
            boot_id,
            wall_minus_monotonic_ms,
        },
        ahead_ms,
    };
    let held = async |device| {
        let found = store.lookup_device(TENANT, device).await.unwrap();
        found.unwrap().clock
    };
    assert_eq!(held(device).await, None);
    for said in [
        clock(u64::MAX, i64::MIN, i64::MAX),
        clock(0, 0, 0),
        clock(7, 1_700_000_000_000, -3),
    ] {
        store.note_clock(TENANT, device, said).await.unwrap();
        assert_eq!(held(device).await, Some(said));
    }
    let unknown = new_device(9).id;
    store
        .note_clock(TENANT, unknown, clock(1, 1, 1))
        .await
        .unwrap();
    assert_eq!(store.lookup_device(TENANT, unknown).await.unwrap(), None);
    let elsewhere = store.note_clock(OTHER_TENANT, device, clock(1, 1, 1));
    elsewhere.await.unwrap();
    assert_eq!(held(device).await, Some(clock(7, 1_700_000_000_000, -3)));
    assert_eq!(held(other).await, None);
}

/// And its pass is burned.
pub async fn a_revoked_device_stays_revoked(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    store
        .change_device(TENANT, device, REVOKE, &any_audit())
        .await
        .unwrap();
    let length = audit_length(&*store).await;
    let activate = DeviceChange {
        state: DeviceState::Active,
        lease_until: Some(NOW),
    };
    for change in [REVOKE, activate] {
        let standing = store
            .change_device(TENANT, device, change, &any_audit())
            .await
            .unwrap();
        let standing = standing.unwrap();
        assert_eq!(
            (standing.state, standing.pass),
            (DeviceState::Revoked, None)
        );
    }
    assert_eq!(audit_length(&*store).await, length);
    let burned = store.lookup_passes(TENANT, &[pass(1)]).await.unwrap();
    assert_eq!(burned[0].burned_at, Some(NOW));
    let own = store
        .list_participant_devices(TENANT, participant(1))
        .await
        .unwrap();
    assert_eq!(own.len(), 1);
}

/// Unknown, or of another tenant.
pub async fn a_device_that_is_not_there_is_not_changed(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let length = audit_length(&*store).await;
    let unknown = new_device(9).id;
    for (tenant, device) in [(TENANT, unknown), (OTHER_TENANT, device)] {
        let changed = store
            .change_device(tenant, device, REVOKE, &any_audit())
            .await
            .unwrap();
        assert_eq!(changed, None);
        assert_eq!(store.lookup_device(tenant, device).await.unwrap(), None);
    }
    assert_eq!(audit_length(&*store).await, length);
    assert!(
        store
            .list_audit(OTHER_TENANT, &first_page(1))
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

/// By id, page by page; no participant's device is among them.
pub async fn staff_devices_are_listed_without_participants(store: Arc<impl Store>) {
    let mut staff = Vec::new();
    for n in 1..=5 {
        staff.push(enrol_staff(&*store, n).await);
        enrol_participant(&*store, n + 100).await;
    }
    staff.sort();
    let mut request = first_page(2);
    let mut listed = Vec::new();
    loop {
        let page = store.list_staff_devices(TENANT, &request).await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items.iter().map(|device| device.id));
        let Some(next) = page.next else { break };
        request.after = next;
    }
    assert_eq!(listed, staff);
    let elsewhere = store
        .list_staff_devices(OTHER_TENANT, &first_page(10))
        .await
        .unwrap();
    assert!(elsewhere.items.is_empty());
}

/// By id, in every state; nobody else's.
pub async fn a_participants_devices_are_their_own(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    enrol_participant(&*store, 2).await;
    for n in [3, 4] {
        let again = Invitation {
            participant: Some(participant(1)),
            ..invitation(n)
        };
        store
            .record_invitation(TENANT, &again, &any_audit())
            .await
            .unwrap();
        let grant = Grant::ReInvitation([n; 32]);
        store
            .enrol(TENANT, &grant, &new_device(n), &any_audit())
            .await
            .unwrap();
    }
    let mut expected = [1, 3, 4].map(|n| new_device(n).id);
    expected.sort();
    let own = store
        .list_participant_devices(TENANT, participant(1))
        .await
        .unwrap();
    let own: Vec<DeviceId> = own.into_iter().map(|device| device.id).collect();
    assert_eq!(own, expected);
    for (tenant, n) in [(TENANT, 9), (OTHER_TENANT, 1)] {
        let none = store
            .list_participant_devices(tenant, participant(n))
            .await
            .unwrap();
        assert!(none.is_empty());
    }
}
