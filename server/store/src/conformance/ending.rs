//! What ends with a device, and what is written with a change so that nobody can keep it back.

use std::sync::Arc;

use askel_sync::{
    id::{DeviceId, OpId, PlaceId},
    op::{OpKind, SessionRef},
    stream::StreamKey,
    time::LocalDate,
};

use super::fixture::{
    Effects, HOUR_MS, NOW, TENANT, Writer, any_audit, audit, audit_length, enrol_participant,
    entries, first_page, invitation, new_device, participant, projection, sheet_of,
};
use crate::{
    Append, AppendError, Approval, AttendanceChange, AuditAction, CatalogVersion, DeviceChange,
    DeviceState, EnrolError, Grant, Invitation, NewDevice, Projection, Store, TallyChange,
};

fn approval(approved: u8, maker: DeviceId) -> Approval {
    Approval {
        participant: participant(1),
        approved: new_device(approved).id,
        replaced: None,
        maker,
        expires_at: NOW.saturating_add_ms(HOUR_MS),
    }
}

fn sheet(code: u8) -> Grant {
    Grant::RecoverySheet {
        code_hash: [code; 32],
        next_code_hash: [code + 1; 32],
    }
}

async fn revoke(store: &impl Store, device: DeviceId) {
    let audit = audit(AuditAction::DeviceRevoked);
    let revoked = store.change_device(TENANT, device, DeviceChange::REVOKE, &audit);
    assert_eq!(revoked.await.unwrap().unwrap().state, DeviceState::Revoked);
}

/// Enrols device `n` with this grant.
async fn enrol(store: &impl Store, n: u8, grant: &Grant) -> Result<DeviceId, EnrolError> {
    let (new, noted) = (new_device(n), any_audit());
    let device = store.enrol(TENANT, grant, &new, &noted);
    Ok(device.await?.id)
}

/// Enrols device `n` of participant 1 on probation.
async fn re_invite(store: &impl Store, n: u8, new: &NewDevice) -> DeviceId {
    let again = Invitation {
        participant: Some(participant(1)),
        ..invitation(n)
    };
    store
        .record_invitation(TENANT, &again, &any_audit())
        .await
        .unwrap();
    let audit = audit(AuditAction::DeviceReInvited);
    let grant = Grant::ReInvitation([n; 32]);
    let device = store.enrol(TENANT, &grant, new, &audit);
    device.await.unwrap().id
}

/// The devices that wait for a notice, in the order of writing.
async fn told(store: &impl Store) -> Vec<DeviceId> {
    let items = store.list_outbox(TENANT, 100).await.unwrap();
    let notices = items
        .iter()
        .filter(|item| item.kind == OpKind::DeviceChanged as u32);
    notices
        .filter_map(|item| match item.stream {
            StreamKey::Device(device) => Some(device),
            _ => None,
        })
        .collect()
}

/// Whoever stole a phone has nothing left of it once it is revoked.
pub async fn what_a_revoked_device_made_is_void(store: Arc<impl Store>) {
    let stolen = enrol_participant(&*store, 1).await;
    let mine = approval(2, stolen);
    assert!(
        store
            .record_approval(TENANT, &mine, &any_audit())
            .await
            .unwrap()
    );
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [10; 32]), &any_audit())
        .await
        .unwrap();
    revoke(&*store, stolen).await;
    for (n, grant) in [(2, Grant::Approval), (3, sheet(10))] {
        let refused = enrol(&*store, n, &grant).await;
        assert!(matches!(refused, Err(EnrolError::Unknown)), "{refused:?}");
    }
}

/// Whatever was approved before, by whichever device, is void.
pub async fn recovery_ends_every_approval(store: Arc<impl Store>) {
    let phone = enrol_participant(&*store, 1).await;
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [10; 32]), &any_audit())
        .await
        .unwrap();
    let elsewhere = approval(2, DeviceId::from_bytes([9; 16]));
    store
        .record_approval(TENANT, &elsewhere, &any_audit())
        .await
        .unwrap();
    enrol(&*store, 3, &sheet(10)).await.unwrap();
    let refused = enrol(&*store, 2, &Grant::Approval).await;
    assert!(matches!(refused, Err(EnrolError::Unknown)), "{refused:?}");
    let old = store.lookup_device(TENANT, phone).await.unwrap().unwrap();
    assert_eq!(old.state, DeviceState::Revoked);
}

/// A revoked inviter's unused invitations are good for nothing; who came before stays.
pub async fn an_invitation_ends_with_its_inviter(store: Arc<impl Store>) {
    let inviter = enrol_participant(&*store, 1).await;
    for n in [2, 3] {
        let unused = Invitation {
            inviter: Some(inviter),
            ..invitation(n)
        };
        store
            .record_invitation(TENANT, &unused, &any_audit())
            .await
            .unwrap();
    }
    let came = enrol(&*store, 2, &Grant::Invitation([2; 32]))
        .await
        .unwrap();
    revoke(&*store, inviter).await;
    let refused = enrol(&*store, 3, &Grant::Invitation([3; 32])).await;
    assert!(matches!(refused, Err(EnrolError::Unknown)), "{refused:?}");
    let again = enrol(&*store, 2, &Grant::Invitation([2; 32])).await;
    assert_eq!(again.unwrap(), came);
}

/// What a device asks for is what is done and noted.
pub async fn an_invitation_is_no_re_invitation(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    let again = Invitation {
        participant: Some(participant(1)),
        ..invitation(2)
    };
    for invited in [again, invitation(3)] {
        store
            .record_invitation(TENANT, &invited, &any_audit())
            .await
            .unwrap();
    }
    for (n, grant) in [
        (2, Grant::Invitation([2; 32])),
        (3, Grant::ReInvitation([3; 32])),
    ] {
        let refused = enrol(&*store, n, &grant).await;
        assert!(matches!(refused, Err(EnrolError::Unknown)), "{refused:?}");
    }
}

/// The notice is part of the change: written once, to those it is for.
pub async fn other_devices_are_told_with_the_change(store: Arc<impl Store>) {
    let first = enrol_participant(&*store, 1).await;
    enrol_participant(&*store, 9).await;
    for _ in 0..2 {
        let second = re_invite(&*store, 2, &new_device(2)).await;
        assert_eq!(second, new_device(2).id);
    }
    assert_eq!(told(&*store).await, [first]);
    let noted = audit(AuditAction::DeviceApproved);
    let approved = approval(3, first);
    for _ in 0..2 {
        assert!(
            store
                .record_approval(TENANT, &approved, &noted)
                .await
                .unwrap()
        );
    }
    let mut both = told(&*store).await.split_off(1);
    both.sort_unstable();
    let mut standing = [first, new_device(2).id];
    standing.sort_unstable();
    assert_eq!(both, standing);
    revoke(&*store, new_device(2).id).await;
    revoke(&*store, new_device(2).id).await;
    assert_eq!(told(&*store).await.split_off(3), [first]);
}

/// A re-invited device that nobody refused stands in place of those of before.
pub async fn the_end_of_a_probation_ends_the_devices_of_before(store: Arc<impl Store>) {
    let old = enrol_participant(&*store, 1).await;
    let new = NewDevice {
        now: NOW.saturating_add_ms(1),
        ..new_device(2)
    };
    let back = re_invite(&*store, 2, &new).await;
    let change = DeviceChange {
        state: DeviceState::Active,
        lease_until: None,
    };
    let length = audit_length(&*store).await;
    let noted = audit(AuditAction::ProbationEnded);
    for _ in 0..2 {
        let active = store.change_device(TENANT, back, change, &noted);
        assert_eq!(active.await.unwrap().unwrap().state, DeviceState::Active);
    }
    let ended = store.lookup_device(TENANT, old).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.pass), (DeviceState::Revoked, None));
    assert_eq!(audit_length(&*store).await, length + 2, "both are noted");
    assert_eq!(told(&*store).await.last(), Some(&back));
}

/// Another participant's approval of the same key neither takes its place nor comes after it.
pub async fn an_approval_of_a_key_stands_against_others(store: Arc<impl Store>) {
    let first = enrol_participant(&*store, 1).await;
    let other = enrol_participant(&*store, 2).await;
    let mine = approval(3, first);
    assert!(
        store
            .record_approval(TENANT, &mine, &any_audit())
            .await
            .unwrap()
    );
    let theirs = Approval {
        participant: participant(2),
        ..approval(3, other)
    };
    let barred = store.record_approval(TENANT, &theirs, &any_audit()).await;
    assert!(!barred.unwrap());
    let came = store
        .enrol(TENANT, &Grant::Approval, &new_device(3), &any_audit())
        .await
        .unwrap();
    assert_eq!(came.participant, Some(participant(1)));
    let late = store.record_approval(TENANT, &theirs, &any_audit()).await;
    assert!(!late.unwrap(), "the key has come");
}

/// A catalog that is recorded is told, and everyone's awards are looked at again.
pub async fn a_catalog_is_announced_with_its_record(store: Arc<impl Store>) {
    enrol_participant(&*store, 1).await;
    let catalog = CatalogVersion {
        version: 1,
        hash: [1; 32],
        content: vec![1],
        signature: vec![1],
        published_at: NOW,
    };
    for _ in 0..2 {
        let recorded = store.record_catalog(TENANT, &catalog, &any_audit()).await;
        assert!(recorded.unwrap());
    }
    let items = store.list_outbox(TENANT, 10).await.unwrap();
    let streams: Vec<_> = items.iter().map(|item| item.stream).collect();
    assert_eq!(streams, [StreamKey::Catalog]);
    let dirty = store.list_dirty(TENANT, 10).await.unwrap();
    assert_eq!(dirty[0].participant, participant(1));
}

/// A device that was revoked while its ops waited has handed in nothing.
pub async fn nothing_is_appended_from_a_revoked_device(store: Arc<impl Store>) {
    let (first, second) = (
        enrol_participant(&*store, 1).await,
        enrol_participant(&*store, 2).await,
    );
    let mut writer = Writer::of(1, first);
    let append = Append {
        from: [first, second].into(),
        ..entries([writer.accepted(Effects::on(&[]))])
    };
    let revoked = DeviceChange {
        state: DeviceState::Revoked,
        lease_until: None,
    };
    store
        .change_device(TENANT, second, revoked, &any_audit())
        .await
        .unwrap();
    let raced = store.append(TENANT, &append, NOW).await;
    assert!(matches!(raced, Err(AppendError::Raced)), "{raced:?}");
    let log = append.entries[0].log;
    assert_eq!(store.lookup_logs(TENANT, &[log]).await.unwrap(), []);
    let own = Append {
        from: [first].into(),
        ..append
    };
    store.append(TENANT, &own, NOW).await.unwrap();
}

/// A note goes into the append's transaction, once.
pub async fn an_append_is_noted_with_its_audits(store: Arc<impl Store>) {
    let append = Append {
        audits: vec![audit(AuditAction::AwardWithdrawn)],
        ..Append::default()
    };
    for _ in 0..2 {
        store.append(TENANT, &append, NOW).await.unwrap();
    }
    let noted = store.list_audit(TENANT, &first_page(10)).await.unwrap();
    assert_eq!(noted.items.len(), 1);
    assert_eq!(noted.items[0].audit, append.audits[0]);
}

fn tally(place: u32, day: i32) -> TallyChange {
    TallyChange {
        place: PlaceId::new(place),
        date: LocalDate::from_days(day),
        session: SessionRef::Slot(askel_sync::id::SlotId::new(0)),
        delta: 2,
    }
}

/// With another catalog, sessions move: what was derived before is void, and nothing counts twice.
pub async fn what_is_derived_anew_replaces_what_was_held(store: Arc<impl Store>) {
    let attended = |place, participant| AttendanceChange {
        participant,
        place: PlaceId::new(place),
        date: LocalDate::from_days(1),
        session: tally(place, 1).session,
        present: true,
    };
    let (moved, gone) = (OpId::from_bytes([1; 16]), OpId::from_bytes([2; 16]));
    let before = Projection {
        attendances: vec![attended(1, participant(1)), attended(1, participant(2))],
        tallies: vec![(moved, Some(tally(1, 1))), (gone, Some(tally(1, 1)))],
        ..Projection::default()
    };
    let after = Projection {
        afresh: vec![participant(1)],
        attendances: vec![attended(2, participant(1))],
        tallies: vec![(moved, Some(tally(2, 1))), (gone, None)],
        ..Projection::default()
    };
    for found in [before, after.clone(), after] {
        store.append(TENANT, &projection(found), NOW).await.unwrap();
    }
    let day = LocalDate::from_days(1);
    let counts = store.count_sessions(TENANT, None, day, day).await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.place.get(), count.attendances, count.tallies))
        .collect();
    assert_eq!(counts, [(1, 1, 0), (2, 1, 2)]);
}
