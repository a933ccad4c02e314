//! Erasing a person: what lets them in, what is derived of them, what waits.

use std::sync::Arc;

use askel_sync::{
    id::{GoalId, PlaceId, SlotId},
    op::{OpKind, SessionRef},
    stream::StreamKey,
    time::LocalDate,
};

use super::{
    erasure::{erase, place_day, seen},
    fixture::{
        Effects, NOW, TENANT, Writer, any_audit, enrol_participant, entries, first_page,
        invitation, new_device, own_stream, participant, pass, projection, sheet_of,
    },
};
use crate::{
    Approval, AttendanceChange, Contribution, EnrolError, Grant, Invitation, PassRecord,
    Projection, Store,
};

/// Devices, passes, cards, sheets, approvals, invitations: others' stay.
pub async fn nothing_lets_the_erased_in(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    enrol_participant(&*store, 2).await;
    let back = |n: u8, of| Invitation {
        participant: Some(participant(of)),
        ..invitation(n)
    };
    for invitation in [back(11, 1), back(12, 2)] {
        store
            .record_invitation(TENANT, &invitation, &any_audit())
            .await
            .unwrap();
    }
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [21; 32]), &any_audit())
        .await
        .unwrap();
    let approval = Approval {
        participant: participant(1),
        approved: new_device(31).id,
        replaced: None,
        maker: device,
        expires_at: NOW.saturating_add_ms(1_000),
    };
    store
        .record_approval(TENANT, &approval, &any_audit())
        .await
        .unwrap();
    let card = PassRecord::good(pass(41), participant(1));
    store
        .record_card(TENANT, [41; 16], card, &any_audit())
        .await
        .unwrap();
    let erased = erase(&*store, 1).await;
    assert_eq!(erased.passes, [pass(1), pass(41)]);
    assert_eq!(store.lookup_device(TENANT, device).await.unwrap(), None);
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(2)]
    );
    let passes = store
        .lookup_passes(TENANT, &[pass(1), pass(2), pass(41)])
        .await
        .unwrap();
    assert_eq!(passes, [PassRecord::good(pass(2), participant(2))]);
    let left = store
        .list_invitations(TENANT, &first_page(9))
        .await
        .unwrap();
    let left: Vec<_> = left
        .items
        .iter()
        .map(|invitation| invitation.id[0])
        .collect();
    assert_eq!(left, [2, 12]);
    nobody_enrols(&*store).await;
}

/// By none of the rights of before.
async fn nobody_enrols(store: &impl Store) {
    let sheet = Grant::RecoverySheet {
        code_hash: [21; 32],
        next_code_hash: [22; 32],
    };
    let grants = [
        (Grant::Invitation([1; 32]), new_device(1)),
        (Grant::ReInvitation([11; 32]), new_device(11)),
        (sheet, new_device(12)),
        (Grant::Approval, new_device(31)),
    ];
    for (grant, device) in grants {
        let enrolled = store.enrol(TENANT, &grant, &device, &any_audit()).await;
        assert!(
            matches!(enrolled, Err(EnrolError::Unknown)),
            "{grant:?} {enrolled:?}"
        );
    }
    assert_eq!(
        store.list_participants(TENANT).await.unwrap(),
        [participant(2)]
    );
}

/// Totals and encounters are as before; nobody is named.
pub async fn counts_of_the_erased_stay(store: Arc<impl Store>) {
    let (goal, session) = (GoalId::new(1), SessionRef::Slot(SlotId::new(1)));
    let date = LocalDate::from_days(16_900);
    let attendance = |n, place| AttendanceChange {
        participant: participant(n),
        place: PlaceId::new(place),
        date,
        session,
        present: true,
    };
    let contribution = |n, points| Contribution {
        goal,
        participant: participant(n),
        points,
    };
    let found = Projection {
        contributions: vec![contribution(1, 5), contribution(2, 7), contribution(3, 9)],
        attendances: vec![
            attendance(1, 1),
            attendance(1, 2),
            attendance(2, 1),
            attendance(3, 1),
        ],
        dirty: vec![participant(1)],
        ..Projection::default()
    };
    store.append(TENANT, &projection(found), NOW).await.unwrap();
    let figures = async || {
        let sum = store.sum_challenge(TENANT, goal).await.unwrap();
        let sessions = store
            .count_sessions(TENANT, None, date, date)
            .await
            .unwrap();
        let sessions: Vec<_> = sessions.iter().map(|count| count.attendances).collect();
        let people = store.count_participants(TENANT, date, date).await.unwrap();
        (sum, sessions, people)
    };
    let before = figures().await;
    assert_eq!((before.0.total, before.0.people), (21, 3));
    erase(&*store, 1).await;
    assert_eq!(figures().await, before);
    erase(&*store, 1).await;
    assert_eq!(figures().await, before, "counted once");
    let sessions = store
        .count_sessions(TENANT, Some(PlaceId::new(1)), date, date)
        .await
        .unwrap();
    assert_eq!((sessions[0].attendances, sessions[0].erased), (3, 1));
    let left = store.list_contributors(TENANT, goal).await.unwrap();
    assert_eq!(left, [participant(2), participant(3)]);
    assert!(store.list_dirty(TENANT, 9).await.unwrap().is_empty());
    erase(&*store, 2).await;
    let people = store.count_participants(TENANT, date, date).await.unwrap();
    assert_eq!(
        people,
        [
            (Some(PlaceId::new(1)), 3),
            (Some(PlaceId::new(2)), 1),
            (None, 3)
        ]
    );
}

/// What waits for them or says where their pass was seen.
pub async fn the_outbox_forgets_the_erased(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    let mut writer = Writer::new(5);
    let drafts = [
        (own_stream(1), 7, vec![1]),
        (StreamKey::Device(device), 7, vec![2]),
        (
            place_day(),
            OpKind::PassSeen as u32,
            seen(6, 0, 1).op.payload.to_vec(),
        ),
        (
            place_day(),
            OpKind::PassSeen as u32,
            seen(6, 1, 2).op.payload.to_vec(),
        ),
        (own_stream(2), 7, vec![3]),
    ];
    let batch = drafts.clone().map(|derived| {
        writer.accepted(Effects {
            derived: Some(derived),
            ..Effects::default()
        })
    });
    store.append(TENANT, &entries(batch), NOW).await.unwrap();
    erase(&*store, 1).await;
    let left = store.list_outbox(TENANT, 9).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|item| item.payload).collect();
    assert_eq!(left, [drafts[3].2.clone(), drafts[4].2.clone()]);
}
