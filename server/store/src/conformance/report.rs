//! Figures of sessions and people.

use std::sync::Arc;

use askel_sync::{
    id::{PlaceId, SessionId, SlotId},
    op::SessionRef,
    time::LocalDate,
};

use super::fixture::{
    Effects, NOW, OTHER_TENANT, TENANT, Writer, entries, participant, projection,
};
use crate::{AttendanceChange, Projection, SessionCount, Store, TallyChange};

const SLOT: SessionRef = SessionRef::Slot(SlotId::new(9));
const DATED: SessionRef = SessionRef::Dated(SessionId::new(4));

fn day(n: i32) -> LocalDate {
    LocalDate::from_days(n)
}

fn seen(n: u8, place: u32, date: i32, session: SessionRef) -> AttendanceChange {
    AttendanceChange {
        participant: participant(n),
        place: PlaceId::new(place),
        date: day(date),
        session,
        present: true,
    }
}

fn counted(place: u32, date: i32, session: SessionRef, figures: (u64, i64)) -> SessionCount {
    let (attendances, tallies) = figures;
    SessionCount {
        place: PlaceId::new(place),
        date: day(date),
        session,
        attendances,
        erased: 0,
        tallies,
    }
}

async fn attend(store: &impl Store, attendances: Vec<AttendanceChange>) {
    let found = Projection {
        attendances,
        ..Projection::default()
    };
    store.append(TENANT, &projection(found), NOW).await.unwrap();
}

async fn tally(store: &impl Store, writer: &mut Writer, count: (u32, i32, SessionRef, i32)) {
    let (place, date, session, delta) = count;
    let tally = TallyChange {
        place: PlaceId::new(place),
        date: day(date),
        session,
        delta,
    };
    let entry = writer.accepted(Effects {
        tally: Some(tally),
        ..Effects::default()
    });
    store.append(TENANT, &entries([entry]), NOW).await.unwrap();
}

/// Each known person once, plus those counted without a name; a mistake taken back is gone.
pub async fn sessions_count_people_and_tallies(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    attend(&*store, vec![seen(1, 1, 10, SLOT), seen(2, 1, 10, SLOT)]).await;
    attend(&*store, vec![seen(2, 1, 10, SLOT), seen(1, 1, 10, DATED)]).await;
    let mistaken = AttendanceChange {
        present: false,
        ..seen(1, 1, 10, DATED)
    };
    for _ in 0..2 {
        attend(&*store, vec![mistaken]).await;
    }
    for count in [
        (1, 10, SLOT, 3),
        (1, 10, SLOT, -1),
        (2, 11, SLOT, 5),
        (1, 11, DATED, -4),
    ] {
        tally(&*store, &mut writer, count).await;
    }
    let sessions = store
        .count_sessions(TENANT, None, day(0), day(20))
        .await
        .unwrap();
    let expected = [
        counted(1, 10, SLOT, (2, 2)),
        counted(1, 11, DATED, (0, -4)),
        counted(2, 11, SLOT, (0, 5)),
    ];
    assert_eq!(sessions, expected);
    let none = store
        .count_sessions(OTHER_TENANT, None, day(0), day(20))
        .await
        .unwrap();
    assert!(none.is_empty());
}

/// Both days are included; a slot comes before a dated session.
pub async fn sessions_are_counted_by_place_date_and_session(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let all = [
        counted(1, -1, SLOT, (1, 0)),
        counted(1, 5, SLOT, (0, 2)),
        counted(1, 5, DATED, (1, 0)),
        counted(2, 4, SLOT, (1, 0)),
        counted(2, 6, SLOT, (0, 1)),
    ];
    let people = [
        seen(1, 2, 4, SLOT),
        seen(1, 1, 5, DATED),
        seen(2, 1, -1, SLOT),
    ];
    attend(&*store, people.to_vec()).await;
    for count in [(2, 6, SLOT, 1), (1, 5, SLOT, 2)] {
        tally(&*store, &mut writer, count).await;
    }
    let check = async |place: Option<u32>, first, last, expected: &[SessionCount]| {
        let place = place.map(PlaceId::new);
        let counts = store
            .count_sessions(TENANT, place, day(first), day(last))
            .await
            .unwrap();
        assert_eq!(counts, expected, "{place:?} {first}..={last}");
    };
    check(None, -1, 6, &all).await;
    check(None, 4, 5, &all[1..4]).await;
    check(Some(1), -1, 6, &all[..3]).await;
    check(Some(2), 5, 6, &all[4..]).await;
    check(Some(3), -1, 6, &[]).await;
    check(None, 6, 4, &[]).await;
}

/// A person at two places is one person over all.
pub async fn people_are_counted_once_by_place_and_over_all(store: Arc<impl Store>) {
    let people = vec![
        seen(1, 1, 10, SLOT),
        seen(1, 1, 11, SLOT),
        seen(1, 2, 11, SLOT),
        seen(2, 2, 11, DATED),
        seen(3, 7, 30, SLOT),
    ];
    attend(&*store, people).await;
    let check = async |first, last, expected: &[(Option<u32>, u64)]| {
        let counts = store
            .count_participants(TENANT, day(first), day(last))
            .await
            .unwrap();
        let counts: Vec<_> = counts
            .into_iter()
            .map(|(place, people)| (place.map(PlaceId::get), people))
            .collect();
        assert_eq!(counts, expected, "{first}..={last}");
    };
    check(10, 11, &[(Some(1), 1), (Some(2), 2), (None, 2)]).await;
    check(
        11,
        30,
        &[(Some(1), 1), (Some(2), 2), (Some(7), 1), (None, 3)],
    )
    .await;
    check(12, 29, &[(None, 0)]).await;
    let elsewhere = store
        .count_participants(OTHER_TENANT, day(0), day(99))
        .await
        .unwrap();
    assert_eq!(elsewhere, [(None, 0)]);
}
