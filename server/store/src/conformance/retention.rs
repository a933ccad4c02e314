//! What goes by its age: bounded, under a lease, and nothing else.

use std::sync::Arc;

use askel_sync::{
    id::{DeviceId, PlaceId, TenantId},
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};
use tokio::task::JoinSet;

use super::fixture::{
    Effects, HOUR_MS, NOW, OTHER_TENANT, TENANT, Writer, any_audit, audit_length,
    enrol_participant, entries, first_page, invitation, new_device, own_stream, participant,
    sheet_of, target,
};
use crate::{
    Approval, Dropped, EnrolError, Grant, Healing, Invitation, Job, JobBid, JobLease, Lineage,
    NewDevice, NodeId, Past, Store,
    journal::{Entry, ImageOf, folded},
};

/// The first day that is kept.
const KEPT: i32 = 16_903;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The day so many days after the first that is kept.
fn day(place: u32, after: i32) -> StreamKey {
    StreamKey::PlaceDay(PlaceId::new(place), LocalDate::from_days(KEPT + after))
}

fn past(rows_max: u32) -> Past {
    Past {
        place_days: LocalDate::from_days(KEPT),
        rights: NOW,
        failures: NOW,
        rows_max,
        from: PlaceId::new(0),
        under: None,
    }
}

fn later(ms: i64) -> Timestamp {
    NOW.saturating_add_ms(ms)
}

/// An op on each of the streams.
async fn write(store: &impl Store, tenant: TenantId, writer: &mut Writer, streams: &[StreamKey]) {
    let batch = streams
        .iter()
        .map(|stream| writer.accepted(Effects::on(&[*stream])));
    let batch: Vec<_> = batch.collect();
    store.append(tenant, &entries(batch), NOW).await.unwrap();
}

async fn drop_all(store: &impl Store) -> Dropped {
    let dropped = store.drop_past(TENANT, &past(1_000)).await.unwrap();
    let dropped = dropped.unwrap();
    assert_eq!(dropped.next, None);
    dropped
}

async fn standing(store: &impl Store, tenant: TenantId, streams: &[StreamKey]) -> Vec<StreamKey> {
    let heads = store.lookup_streams(tenant, streams).await.unwrap();
    heads.into_iter().map(|head| head.key).collect()
}

/// The streams and their places go, of every place; the ops stay, and what else carries them.
pub async fn old_days_of_places_are_dropped_and_their_ops_stay(store: Arc<impl Store>) {
    let streams = [
        day(0, -1),
        day(0, 0),
        day(3, -400),
        day(3, -1),
        day(3, 1),
        day(u32::MAX, -1),
        own_stream(1),
        StreamKey::Catalog,
    ];
    let mut writer = Writer::new(1);
    write(&*store, OTHER_TENANT, &mut Writer::new(1), &streams).await;
    write(&*store, TENANT, &mut writer, &streams).await;
    let both = writer.accepted(Effects::on(&[day(3, -1), own_stream(1)]));
    let op = both.op;
    store.append(TENANT, &entries([both]), NOW).await.unwrap();
    let empty = target(day(7, -2));
    store.open_stream(TENANT, empty).await.unwrap();
    let dropped = drop_all(&*store).await;
    let expected = Dropped {
        place_days: 5,
        place_day_ops: 5,
        ..Dropped::default()
    };
    assert_eq!(dropped, expected);
    let kept = [day(0, 0), day(3, 1), own_stream(1), StreamKey::Catalog];
    assert_eq!(standing(&*store, TENANT, &streams).await, kept);
    assert_eq!(standing(&*store, OTHER_TENANT, &streams).await, streams);
    assert_eq!(store.lookup_ops(TENANT, &[op]).await.unwrap().len(), 1);
    let log = Writer::new(1).log;
    let listed = store.list_entries(TENANT, log, 0, 99).await.unwrap();
    assert_eq!(listed.len(), 9, "every entry");
    let own = store.read_stream(TENANT, own_stream(1), 0, 9).await;
    assert_eq!(own.unwrap().len(), 2);
    let elsewhere = store.read_stream(OTHER_TENANT, day(3, -1), 0, 9).await;
    assert_eq!(elsewhere.unwrap().len(), 1);
    assert_eq!(drop_all(&*store).await, Dropped::default());
}

/// Whatever a call leaves, the next goes on with; no call drops more rows than it may.
pub async fn what_is_dropped_at_a_time_has_a_limit(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    for _ in 0..4 {
        write(&*store, TENANT, &mut writer, &[day(1, -9), day(2, -1)]).await;
    }
    for n in [1, 2] {
        let ended = invitation(n);
        let recorded = store.record_invitation(TENANT, &ended, &any_audit()).await;
        recorded.unwrap();
    }
    let mut past = Past {
        rights: later(2 * HOUR_MS),
        ..past(3)
    };
    let mut all = Vec::new();
    loop {
        let dropped = store.drop_past(TENANT, &past).await.unwrap().unwrap();
        assert!(dropped.rows() <= 3, "{dropped:?}");
        all.push(dropped);
        match dropped.next {
            Some(next) => past.from = next,
            None => break,
        }
    }
    let sum = |of: fn(&Dropped) -> u64| all.iter().map(of).sum::<u64>();
    assert_eq!(sum(|dropped| dropped.place_days), 2);
    assert_eq!(sum(|dropped| dropped.place_day_ops), 8);
    assert_eq!(sum(|dropped| dropped.invitations), 2);
    assert_eq!(all[0].invitations, 2);
    assert_eq!(sum(Dropped::rows), 12);
    let streams = [day(1, -9), day(2, -1)];
    assert_eq!(standing(&*store, TENANT, &streams).await, []);
}

/// An approval that ends within the hour and one that lasts for another, by this device of participant 1; and
/// failed attempts.
async fn approve_and_fail(store: &impl Store, maker: DeviceId) {
    for (n, ends) in [(31, HOUR_MS), (32, 2 * HOUR_MS)] {
        let approval = Approval {
            participant: participant(1),
            approved: new_device(n).id,
            replaced: None,
            maker,
            expires_at: later(ends),
        };
        let recorded = store.record_approval(TENANT, &approval, &any_audit()).await;
        assert!(recorded.unwrap());
    }
    for at in [0, HOUR_MS - 1, HOUR_MS] {
        store
            .record_enrol_failure(TENANT, later(at), NOW)
            .await
            .unwrap();
    }
}

/// Those that ended, used or not; what may still be used stays, and what it gave.
pub async fn rights_that_ended_long_ago_are_dropped(store: Arc<impl Store>) {
    let device = enrol_participant(&*store, 1).await;
    store
        .record_recovery_sheet(TENANT, &sheet_of(1, [21; 32]), &any_audit())
        .await
        .unwrap();
    let lasting = Invitation {
        expires_at: later(2 * HOUR_MS),
        ..invitation(3)
    };
    for invitation in [invitation(2), lasting.clone()] {
        let recorded = store
            .record_invitation(TENANT, &invitation, &any_audit())
            .await;
        recorded.unwrap();
    }
    let elsewhere = store
        .record_invitation(OTHER_TENANT, &invitation(2), &any_audit())
        .await;
    elsewhere.unwrap();
    approve_and_fail(&*store, device).await;
    let notes = audit_length(&*store).await;
    let past = Past {
        rights: later(HOUR_MS + 1),
        failures: later(HOUR_MS),
        ..past(1_000)
    };
    let dropped = store.drop_past(TENANT, &past).await.unwrap();
    let expected = Dropped {
        invitations: 2,
        approvals: 1,
        enrol_failures: 2,
        ..Dropped::default()
    };
    assert_eq!(dropped, Some(expected));
    let listed = store.list_invitations(TENANT, &first_page(9)).await;
    assert_eq!(listed.unwrap().items, [lasting]);
    let listed = store.list_invitations(OTHER_TENANT, &first_page(9)).await;
    assert_eq!(listed.unwrap().items.len(), 1);
    let Some(Entry::Participant(image)) = store
        .read_image(TENANT, &ImageOf::Participant(participant(1)))
        .await
        .unwrap()
    else {
        panic!("an image")
    };
    let approved = image
        .approvals
        .iter()
        .map(|(approval, _)| approval.approved);
    assert_eq!(approved.collect::<Vec<_>>(), [new_device(32).id]);
    assert_eq!((image.devices.len(), image.sheets.len()), (1, 1));
    let failures = store.count_enrol_failures(TENANT, NOW).await;
    assert_eq!(failures.unwrap(), 1);
    assert_eq!(audit_length(&*store).await, notes, "nobody did anything");
    assert_eq!(
        store.drop_past(TENANT, &past).await.unwrap(),
        Some(Dropped::default())
    );
}

/// The end of a right is written on it: a backup from before it was used, and a journal of after it was
/// dropped, let nobody in.
pub async fn what_was_dropped_does_not_come_back_with_a_backup(store: Arc<impl Store>) {
    let unused = Entry::Invitation(invitation(1));
    enrol_participant(&*store, 1).await;
    let image = ImageOf::Participant(participant(1));
    let used = store.read_image(TENANT, &image).await.unwrap().unwrap();
    let past = Past {
        rights: later(2 * HOUR_MS),
        ..past(9)
    };
    store.drop_past(TENANT, &past).await.unwrap();
    let after = store.read_image(TENANT, &image).await.unwrap().unwrap();
    let dropped = store
        .read_image(TENANT, &ImageOf::Invitation([1; 16]))
        .await
        .unwrap();
    assert_eq!(dropped, Some(Entry::InvitationDeleted([1; 16])));
    // The other tenant is the store of before: there the invitation is as good as new.
    store
        .record_invitation(OTHER_TENANT, &invitation(1), &any_audit())
        .await
        .unwrap();
    let journal = folded([unused, used, after]);
    store.apply_journal(OTHER_TENANT, &journal).await.unwrap();
    for now in [NOW, later(35 * DAY_MS)] {
        let thief = NewDevice {
            now,
            ..new_device(9)
        };
        let grant = Grant::Invitation([1; 32]);
        let let_in = store
            .enrol(OTHER_TENANT, &grant, &thief, &any_audit())
            .await;
        assert!(
            matches!(
                let_in,
                Err(EnrolError::Used | EnrolError::Expired | EnrolError::Unknown)
            ),
            "{let_in:?}"
        );
    }
}

async fn lease(store: &impl Store, node: u8, now: Timestamp) -> Option<JobLease> {
    let bid = JobBid {
        job: Job::Retention,
        node: NodeId::from_bytes([node; 16]),
        now,
        ms: HOUR_MS,
    };
    store.take_job(TENANT, &bid).await.unwrap()
}

/// One node drops; one that was away for longer than it knows drops nothing. The projector's lease is
/// another matter.
pub async fn nothing_is_dropped_under_a_lease_that_was_lost(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    write(&*store, TENANT, &mut writer, &[day(1, -1), day(2, -1)]).await;
    let first = lease(&*store, 1, NOW).await.unwrap();
    assert_eq!(lease(&*store, 2, NOW).await, None);
    let projection = JobBid {
        job: Job::Projection,
        node: NodeId::from_bytes([2; 16]),
        now: NOW,
        ms: HOUR_MS,
    };
    let projection = store.take_job(TENANT, &projection).await.unwrap();
    assert!(projection.is_some(), "each job has its own");
    let under = |lease| Past {
        under: Some(lease),
        ..past(2)
    };
    let dropped = store.drop_past(TENANT, &under(first)).await.unwrap();
    assert_eq!(dropped.unwrap().place_days, 1);
    let second = lease(&*store, 2, later(HOUR_MS)).await.unwrap();
    let dropped = store.drop_past(TENANT, &under(first)).await.unwrap();
    assert_eq!(dropped, None);
    let elsewhere = store.drop_past(OTHER_TENANT, &under(second)).await.unwrap();
    assert_eq!(elsewhere, None);
    let streams = [day(1, -1), day(2, -1)];
    assert_eq!(standing(&*store, TENANT, &streams).await, [day(2, -1)]);
    let dropped = store.drop_past(TENANT, &under(second)).await.unwrap();
    assert_eq!(dropped.unwrap().place_days, 1);
}

/// Its handle and those of before a restore lead nowhere; what comes late begins it anew, with another
/// handle.
pub async fn a_dropped_day_is_as_if_it_had_never_begun(store: Arc<impl Store>) {
    let mut writer = Writer::new(1);
    let streams = [day(1, -1), day(1, 1)];
    write(&*store, TENANT, &mut writer, &streams).await;
    let before = store.lookup_streams(TENANT, &streams).await.unwrap();
    store.renew_streams(TENANT, &[7; 32]).await.unwrap();
    write(&*store, TENANT, &mut writer, &streams).await;
    let renewed = store.lookup_streams(TENANT, &streams).await.unwrap();
    assert_eq!(renewed[0].head, 2);
    let named = async |handle| store.lookup_stream_id(TENANT, handle).await.unwrap();
    let ancestor = Lineage::Ancestor {
        head: 1,
        healed_to: 1,
    };
    assert_eq!(named(before[0].id).await, Some((day(1, -1), ancestor)));
    drop_all(&*store).await;
    assert_eq!(named(before[0].id).await, None);
    assert_eq!(named(renewed[0].id).await, None);
    assert_eq!(named(before[1].id).await, Some((day(1, 1), ancestor)));
    let stays = Some((day(1, 1), Lineage::Current));
    assert_eq!(named(renewed[1].id).await, stays);
    let healing = store.count_healing(TENANT).await.unwrap();
    assert_eq!(healing, Healing::default());
    write(&*store, TENANT, &mut writer, &streams).await;
    let anew = store.lookup_streams(TENANT, &streams).await.unwrap();
    assert_eq!((anew[0].head, anew[1].head), (1, 3));
    assert_ne!(anew[0].id, renewed[0].id);
    let read = store.read_stream(TENANT, day(1, -1), 0, 9).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].position, 1);
}

const WRITERS: u8 = 4;
const APPENDS: u64 = 30;

/// While late ops come in for a day, it is dropped again and again: nobody fails, positions stay dense, and
/// no other stream lacks anything.
pub async fn a_day_is_dropped_among_writers(store: Arc<impl Store + 'static>) {
    let mut tasks = JoinSet::new();
    for n in 1..=WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut writer = Writer::new(n);
            for turn in 0..APPENDS {
                let mut on = vec![day(1, -1), day(1, -2), own_stream(1)];
                on.rotate_left(usize::try_from(turn % 3).unwrap());
                let batch = [writer.accepted(Effects::on(&on))];
                store.append(TENANT, &entries(batch), NOW).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    let mut ops = 0;
    while !tasks.is_empty() {
        let dropped = store.drop_past(TENANT, &past(5)).await.unwrap().unwrap();
        ops += dropped.place_day_ops;
        while let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
        tokio::task::yield_now().await;
    }
    for stream in [day(1, -2), day(1, -1)] {
        let head = store.lookup_streams(TENANT, &[stream]).await.unwrap();
        let read = store.read_stream(TENANT, stream, 0, 999).await.unwrap();
        if let Some(last) = read.last() {
            assert_eq!(last.position, head[0].head);
        }
        for two in read.windows(2) {
            assert_eq!(two[0].position + 1, two[1].position, "a gap");
        }
    }
    ops += drop_all(&*store).await.place_day_ops;
    let all = u64::from(WRITERS) * APPENDS;
    assert_eq!(ops, 2 * all, "each place once");
    let own = store.read_stream(TENANT, own_stream(1), 0, 999).await;
    assert_eq!(own.unwrap().len(), 120);
}
