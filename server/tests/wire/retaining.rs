//! What is past its time: gone for its readers, then dropped, by one of several servers.

use std::time::Duration;

use askel_server::limits::{DAY_HANDLE_DAYS, RETENTION_LEASE_MS};
use askel_store::{Past, StreamHead, StreamTarget};
use askel_sync::{
    admission::Role,
    id::{PassTag, PlaceId, StreamId},
    op::OpKind,
    stream::{
        StreamKey,
        listed::{ListedDay, day_handle, to_numbers},
    },
    time::{DAY_MS, LocalDate, Timestamp},
};
use tokio::time::{sleep, timeout};

use crate::{
    acts,
    catalog::LIBRARY,
    device::{Device, at, from_beginning},
    world::{Backend, NOON, World},
};

/// The day of [`NOON`].
const TODAY: i32 = 16_903;
/// Days for which a place's day is kept by default.
const KEPT_DAYS: i32 = 35;

fn day(date: i32) -> StreamKey {
    StreamKey::PlaceDay(PlaceId::new(LIBRARY), LocalDate::from_days(date))
}

fn after(days: i32) -> Timestamp {
    NOON.saturating_add_ms(i64::from(days) * DAY_MS)
}

async fn head(world: &World, key: StreamKey) -> Option<StreamHead> {
    let heads = world.store.lookup_streams(world.tenant.id, &[key]).await;
    heads.expect("looked up").into_iter().next()
}

/// A tablet that comes in when so many days have passed: a lease is no longer than eight.
async fn tablet(world: &World, days: i32) -> Device {
    world.set_clock(after(days));
    let mut tablet = world.enrolled(Role::Staff, &[LIBRARY]).await;
    tablet.now = after(days);
    tablet
}

/// A scan at [`NOON`] is handed in; returns what names its day, which one op is in.
async fn scanned(world: &World, tablet: &mut Device, pass: PassTag) -> StreamId {
    let scan = acts::scan(LIBRARY, pass, NOON);
    tablet.hand_in(world, &[scan]).await;
    let head = head(world, day(TODAY)).await.expect("begun");
    assert_eq!(head.head, 1);
    head.id
}

async fn pass(world: &World) -> PassTag {
    let participant = world.enrolled(Role::Participant, &[]).await;
    participant.pass.expect("a participant has a pass")
}

async fn drop_past(world: &World, place_days: i32) -> u64 {
    let past = Past {
        place_days: LocalDate::from_days(place_days),
        rights: Timestamp::from_ms(0),
        failures: Timestamp::from_ms(0),
        rows_max: 100,
        from: PlaceId::new(0),
        under: None,
    };
    let dropped = world.store.drop_past(world.tenant.id, &past).await;
    dropped.expect("dropped").expect("no lease").place_days
}

async fn a_day_past_its_time_is_gone_for_its_readers(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    let handle = scanned(&world, &mut tablet(&world, 0).await, pass).await;
    let selector = || acts::place_day(LIBRARY);
    let ask = async |tablet: &Device, cursor| {
        let mut request = tablet.request(Vec::new());
        request.cursors = vec![cursor];
        tablet.send(&world, request).await.expect("synced")
    };
    let last = tablet(&world, KEPT_DAYS).await;
    let read = ask(&last, from_beginning(selector())).await;
    assert_eq!(read.ops_of(OpKind::PassSeen).len(), 1);
    assert_eq!(ask(&last, at(selector(), handle, 1)).await.gone, []);
    let late = tablet(&world, KEPT_DAYS + 1).await;
    // Who comes new is told nothing of it, in whichever form; it is not called into being either.
    for dropped in [0, 1] {
        let read = ask(&late, from_beginning(selector())).await;
        assert_eq!((read.opening.streams, read.pages), (vec![], vec![]));
        let read = ask(&late, at(selector(), handle, 1)).await;
        let gone = read.gone.iter().map(|gone| gone.stream_id.clone());
        assert_eq!(gone.collect::<Vec<_>>(), [handle.to_vec()]);
        assert_eq!(read.pages, []);
        let days = drop_past(&world, TODAY + 1).await;
        assert_eq!(days, 1 - dropped);
    }
}

async fn a_short_form_that_lists_a_day_past_its_time_is_asked_in_full(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    scanned(&world, &mut tablet(&world, 0).await, pass).await;
    let mut late = tablet(&world, KEPT_DAYS).await;
    let read = late.sync(&world).await;
    let handles: Vec<StreamId> = read
        .opening
        .streams
        .iter()
        .map(|info| StreamId::try_from(&*info.stream_id).expect("an id"))
        .collect();
    let positions: Vec<u64> = read.opening.streams.iter().map(|info| info.head).collect();
    let revision = read.opening.limits.expect("told").revision;
    let ask = async |late: &Device, position: u64| {
        let listed = ListedDay {
            place: PlaceId::new(LIBRARY),
            date: LocalDate::from_days(TODAY),
            position,
        };
        let mut named = handles.clone();
        if position > 0 {
            named.push(day_handle(handles[1], listed.place, listed.date));
        }
        let request = askel_proto::v1::SyncRequest {
            positions: positions.clone(),
            place_days: to_numbers(&[listed]),
            state_tag: askel_sync::stream::short::state_tag(&named, None, revision),
            ..askel_proto::v1::SyncRequest::default()
        };
        late.send(&world, request).await.expect("synced")
    };
    let read = ask(&late, 1).await;
    assert!(!read.closing.long_form_wanted, "it is there: {read:?}");
    let read = ask(&late, 0).await;
    assert_eq!(read.pages.len() + read.short_pages.len(), 1);
    world.set_clock(after(KEPT_DAYS + 1));
    late.now = after(KEPT_DAYS + 1);
    assert!(ask(&late, 1).await.closing.long_form_wanted);
    let read = ask(&late, 0).await;
    assert!(!read.closing.long_form_wanted, "nothing is there: {read:?}");
    assert_eq!((read.pages.len(), read.short_pages.len()), (0, 0));
}

/// What comes late counts as ever. The day that it begins anew is not taken for the one that was dropped.
async fn a_late_scan_counts_and_its_day_has_another_name(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    let handle = scanned(&world, &mut tablet(&world, 0).await, pass).await;
    let catalog = head(&world, StreamKey::Catalog)
        .await
        .expect("published")
        .id;
    let (place, date) = (PlaceId::new(LIBRARY), LocalDate::from_days(TODAY));
    assert_eq!(handle, day_handle(catalog, place, date));
    let mut late = tablet(&world, DAY_HANDLE_DAYS + 1).await;
    drop_past(&world, TODAY + 1).await;
    let counted = acts::tally(LIBRARY, 3, NOON);
    let answer = late.hand_in(&world, &[counted]).await;
    assert_eq!(answer.outcome().exceptions, []);
    let other = self::pass(&world).await;
    let scan = acts::scan(LIBRARY, other, NOON);
    late.hand_in(&world, &[scan]).await;
    let anew = head(&world, day(TODAY)).await.expect("begun anew");
    assert_eq!(anew.head, 2);
    assert_ne!(anew.id, handle);
    drop_past(&world, TODAY + 1).await;
    let verified = askel_server::verify(&*world.store, world.tenant.id).await;
    let verified = verified.expect("verified");
    assert!(verified.rows_agree);
    assert_eq!((verified.attendances(), verified.tallies), (2, 3));
}

on_both_stores!(
    a_day_past_its_time_is_gone_for_its_readers,
    a_short_form_that_lists_a_day_past_its_time_is_asked_in_full,
    a_late_scan_counts_and_its_day_has_another_name,
);

/// Another day that is past its time.
async fn begun(world: &World, date: i32) {
    let target = StreamTarget {
        key: day(date),
        new_id: StreamId::from_bytes(u128::from(date.unsigned_abs()).to_be_bytes()),
    };
    let opened = world.store.open_stream(world.tenant.id, target).await;
    assert!(opened.expect("opened").is_some());
}

async fn stands(world: &World, date: i32) -> bool {
    head(world, day(date)).await.is_some()
}

async fn dropped(world: &World, date: i32) {
    let gone = async {
        while stands(world, date).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), gone)
        .await
        .expect("dropped in time");
}

/// A tenant whose servers look often; the server that the world began with has stopped.
async fn often(backend: Backend) -> World {
    let often = |config: &mut askel_server::Config| config.retention.look_ms = 10;
    let mut world = World::configured(backend, often).await;
    world.organised().await;
    world.stop().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_drops_and_the_other_when_that_one_stops() {
    let world = often(Backend::Memory).await;
    let old = TODAY - KEPT_DAYS - 2;
    begun(&world, old).await;
    begun(&world, old + 1).await;
    let first = world.join().await;
    dropped(&world, old).await;
    assert!(
        stands(&world, old + 1).await,
        "a day more for clocks behind"
    );
    begun(&world, old - 1).await;
    let second = world.join().await;
    sleep(Duration::from_millis(500)).await;
    assert!(stands(&world, old - 1).await, "it is the first one's job");
    first.stop().await;
    dropped(&world, old - 1).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_is_succeeded_in_dropping_when_its_lease_has_ended() {
    let world = often(Backend::Postgres).await;
    let old = TODAY - KEPT_DAYS - 2;
    begun(&world, old).await;
    let first = world.join().await;
    dropped(&world, old).await;
    begun(&world, old).await;
    first.kill();
    let second = world.join().await;
    sleep(Duration::from_millis(500)).await;
    assert!(stands(&world, old).await, "its lease stands");
    world.set_clock(NOON.saturating_add_ms(RETENTION_LEASE_MS));
    dropped(&world, old).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_drops_once_an_hour() {
    let often = |config: &mut askel_server::Config| config.retention.look_ms = 10;
    let world = World::configured(Backend::Sqlite, often).await;
    world.organised().await;
    let old = TODAY - KEPT_DAYS - 2;
    let every = RETENTION_LEASE_MS / 2;
    // It may have looked before; then it is time again.
    begun(&world, old).await;
    world.set_clock(NOON.saturating_add_ms(every));
    dropped(&world, old).await;
    begun(&world, old).await;
    world.set_clock(NOON.saturating_add_ms(2 * every - 1));
    sleep(Duration::from_millis(300)).await;
    assert!(stands(&world, old).await, "not twice within the hour");
    world.set_clock(NOON.saturating_add_ms(2 * every));
    dropped(&world, old).await;
}
