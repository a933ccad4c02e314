//! Reading on from cursors: pages, sizes, sums, scope, leases.

use askel_proto::v1;
use askel_sync::{
    admission::Role,
    id::StreamId,
    op::{OpKind, Payload},
    stream::{StreamSum, op_sum},
    time::{DAY_MS, Timestamp},
};
use prost::Message as _;
use tonic::Code;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    device::{at, from_beginning},
    world::{NOON, World, refused},
};

/// So many quarters of steps, from a week before noon on.
fn week_of_steps(quarters: i64) -> Vec<Payload> {
    let start = NOON.saturating_add_ms(-7 * DAY_MS);
    let bucket = |quarter: i64| start.saturating_add_ms(quarter * 15 * 60_000);
    (0..quarters)
        .map(|quarter| acts::steps(bucket(quarter), 100))
        .collect()
}

async fn pages_are_small_at_first_and_larger_later_and_dense(world: World) {
    let mut phone = world.participant().await;
    let answer = phone.hand_in(&world, &week_of_steps(400)).await;
    let own = StreamId::try_from(&*answer.stream(&acts::own_stream()).stream_id).expect("an id");
    let pages: Vec<_> = answer
        .pages
        .iter()
        .filter(|page| page.stream_id == own.to_vec())
        .collect();
    assert!(pages.len() > 1 && pages.iter().all(|page| page.encoded_len() <= 4 * 1024));
    let mut position = 0;
    for page in &pages {
        assert_eq!(page.first_position, position + 1);
        position += u64::try_from(page.ops.len()).expect("few");
        assert_eq!(page.next_position, position);
    }
    let sum = answer.ops_of(OpKind::StepCount);
    let sum = sum
        .iter()
        .map(op_sum)
        .fold(StreamSum::default(), StreamSum::plus);
    assert_eq!(pages.last().expect("one").sum, sum.bits());
    let later = v1::SyncRequest {
        cursors: vec![at(acts::own_stream(), own, 1)],
        ..v1::SyncRequest::default()
    };
    let later = phone.send(&world, later).await.expect("synced");
    assert!(later.pages[0].encoded_len() > 4 * 1024);
    assert!(
        later
            .pages
            .iter()
            .all(|page| page.encoded_len() <= 64 * 1024)
    );
}

async fn nothing_new_costs_next_to_nothing(world: World) {
    let mut phone = world.participant().await;
    let read = phone.sync(&world).await;
    let cursors = read.opening.streams.iter().map(|info| v1::Cursor {
        selector: info.selector,
        stream_id: info.stream_id.clone(),
        position: info.head,
    });
    let request = v1::SyncRequest {
        cursors: cursors.collect(),
        limits_revision: read.opening.limits.expect("told once").revision,
        ..v1::SyncRequest::default()
    };
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!((answer.pages.len(), answer.opening.streams.len()), (0, 0));
    assert_eq!(answer.opening.limits, None);
    assert!(answer.opening.encoded_len() + answer.closing.encoded_len() <= 16);
}

async fn scanners_share_a_day_of_their_place_and_see_no_participant(world: World) {
    let phone = world.participant().await;
    let mut first = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let second = world.enrolled(Role::Volunteer, &[BASEMENT]).await;
    let pass = phone.pass.expect("a pass");
    first
        .hand_in(
            &world,
            &[
                acts::scan(BASEMENT, pass, NOON),
                acts::tally(BASEMENT, 2, NOON),
            ],
        )
        .await;
    let day = v1::SyncRequest {
        cursors: vec![from_beginning(acts::place_day(BASEMENT))],
        ..v1::SyncRequest::default()
    };
    let read = second.send(&world, day).await.expect("synced");
    let seen = read.ops_of(OpKind::PassSeen);
    assert_eq!((seen.len(), read.ops_of(OpKind::Tally).len()), (1, 1));
    assert!(read.pages.iter().flat_map(|page| &page.ops).all(|op| {
        op.admission
            .as_ref()
            .is_some_and(|admission| admission.subject.is_empty())
    }));
    let Ok(Some(Payload::PassSeen(seen))) = seen[0].op.parse() else {
        panic!("not a pass")
    };
    assert_eq!((seen.pass, seen.occurred_at), (pass, NOON));
}

async fn a_place_out_of_scope_is_refused_and_one_withdrawn_is_gone(world: World) {
    world.organised().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let elsewhere = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let library = acts::place_day(LIBRARY);
    let ask = |cursor| v1::SyncRequest {
        cursors: vec![cursor],
        ..v1::SyncRequest::default()
    };
    let error = staff
        .send(&world, ask(from_beginning(library)))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "STREAM_NOT_YOURS");
    let theirs = elsewhere
        .send(&world, ask(from_beginning(library)))
        .await
        .expect("synced");
    let id = StreamId::try_from(&*theirs.stream(&library).stream_id).expect("an id");
    let gone = staff
        .send(&world, ask(at(library, id, 0)))
        .await
        .expect("synced");
    assert_eq!(gone.gone[0].stream_id, id.to_vec());
    assert!(gone.pages.is_empty());
}

async fn a_handle_that_names_nothing_is_gone(world: World) {
    let phone = world.participant().await;
    let id = StreamId::from_bytes([8; 16]);
    let request = v1::SyncRequest {
        cursors: vec![at(acts::own_stream(), id, 3)],
        ..v1::SyncRequest::default()
    };
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.gone[0].stream_id, id.to_vec());
}

async fn a_lease_is_renewed_once_it_is_half_used(world: World) {
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let certificate = async |staff: &mut crate::device::Device, now: Timestamp| {
        world.set_clock(now);
        let signed = staff.sync(&world).await.opening.staff_certificate?;
        let certifier = world.tenant.server.staff_certifier.public_key();
        let read = askel_sync::key::StaffCertificate::verify(&signed, world.tenant.id, &certifier);
        Some(read.expect("signed").until)
    };
    // A reader from the beginning is told the lease it has.
    let half = NOON.saturating_add_ms(4 * DAY_MS);
    let first = NOON.saturating_add_ms(8 * DAY_MS);
    assert_eq!(certificate(&mut staff, half).await, Some(first));
    let later = half.saturating_add_ms(1);
    let renewed = later.saturating_add_ms(8 * DAY_MS);
    assert_eq!(certificate(&mut staff, later).await, Some(renewed));
    assert_eq!(certificate(&mut staff, later).await, Some(renewed));
    let catalog = acts::catalog_stream();
    let known = staff.sync(&world).await.stream(&catalog).clone();
    let id = StreamId::try_from(&*known.stream_id).expect("an id");
    let reading_on = v1::SyncRequest {
        cursors: vec![at(catalog, id, known.head)],
        ..v1::SyncRequest::default()
    };
    let told = staff.send(&world, reading_on).await.expect("synced");
    assert_eq!(told.opening.staff_certificate, None);
}

on_both_stores!(
    pages_are_small_at_first_and_larger_later_and_dense,
    nothing_new_costs_next_to_nothing,
    scanners_share_a_day_of_their_place_and_see_no_participant,
    a_place_out_of_scope_is_refused_and_one_withdrawn_is_gone,
    a_handle_that_names_nothing_is_gone,
    a_lease_is_renewed_once_it_is_half_used,
);
