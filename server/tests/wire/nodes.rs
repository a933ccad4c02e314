//! Several servers on one store: what is worked out is worked out once, whoever took it in.

use std::time::Duration;

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, sync_service_client::SyncServiceClient,
};
use askel_sync::{
    admission::Role,
    limits::OPS_PER_HOUR_MAX,
    op::{OpKind, Payload},
    time::Timestamp,
};
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::{
    acts,
    catalog::{self, BASEMENT, FIRST_VISIT, TOGETHER},
    device::{Device, from_beginning},
    watching::watch,
    world::{Backend, NOON, Node, World, refused},
};

/// A tenant with a catalog and two nodes; the server that the world began with has stopped.
async fn two_nodes() -> (World, Device, [Node; 2]) {
    let mut world = World::start(Backend::Memory).await;
    let organiser = world.organised().await;
    world.stop().await;
    let nodes = [world.join().await, world.join().await];
    world.turn_to(&nodes[0]);
    (world, organiser, nodes)
}

async fn phones(world: &World, count: usize) -> Vec<Device> {
    let mut phones = Vec::new();
    for _ in 0..count {
        phones.push(world.enrolled(Role::Participant, &[]).await);
    }
    phones
}

/// Waits until a participant has so many awards.
async fn awarded(world: &World, phone: &mut Device, awards: usize) {
    let reached = async {
        while phone.awards(world).await < awards {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let reached = timeout(Duration::from_secs(30), reached).await;
    reached.expect("the awards in time");
}

/// What a participant is told of the challenge, oldest first: revision, total and people.
async fn totals(world: &World, phone: &mut Device) -> Vec<(u32, u64, u32)> {
    let request = v1::SyncRequest {
        cursors: vec![from_beginning(acts::challenge_stream(TOGETHER))],
        ..v1::SyncRequest::default()
    };
    phone.now = askel_server::clock::Clock::now(&*world.clock);
    let told = phone.send(world, request).await.expect("synced");
    let told = told.ops_of(OpKind::ChallengeTotal);
    let totals = told.iter().map(|op| match op.op.parse() {
        Ok(Some(Payload::ChallengeTotal(told))) => (told.revision, told.total, told.people),
        other => panic!("{other:?}"),
    });
    totals.collect()
}

fn goals(answer: &crate::device::Answer) -> Vec<u32> {
    let confirmed = answer.ops_of(OpKind::AwardConfirmed);
    let goals = confirmed.iter().map(|op| match op.op.parse() {
        Ok(Some(Payload::AwardConfirmed(award))) => award.goal.get(),
        other => panic!("{other:?}"),
    });
    let mut goals: Vec<u32> = goals.collect();
    goals.sort_unstable();
    goals
}

fn later(minutes: i64) -> Timestamp {
    NOON.saturating_add_ms(minutes * 60_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_at_two_nodes_is_confirmed_once_and_summed_exactly() {
    let (mut world, _, nodes) = two_nodes().await;
    let mut phones = phones(&world, 6).await;
    // Each hour, everyone checks in, at one node and at the other by turns.
    for hour in 0..4 {
        world.set_clock(later(hour * 61));
        for (n, phone) in phones.iter_mut().enumerate() {
            let turn = n + usize::try_from(hour).expect("small");
            world.turn_to(&nodes[turn % 2]);
            let day = later(-24 * 60 * hour);
            phone
                .hand_in(&world, &[acts::check_in(BASEMENT, day)])
                .await;
        }
        for phone in &mut phones {
            awarded(&world, phone, 2).await;
        }
    }
    // Whatever is under way ends.
    let quiet = async {
        let store = &world.store;
        while !store
            .list_dirty(world.tenant.id, 1)
            .await
            .expect("listed")
            .is_empty()
        {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_millis(200)).await;
    };
    timeout(Duration::from_secs(30), quiet)
        .await
        .expect("in time");
    for phone in &mut phones {
        assert_eq!(goals(&phone.sync(&world).await), [FIRST_VISIT, TOGETHER]);
    }
    // The hour is over: the last total is told by whichever node it is the turn of.
    world.set_clock(later(5 * 61));
    let told = async {
        while totals(&world, &mut phones[0])
            .await
            .last()
            .map(|last| last.1)
            != Some(48)
        {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), told)
        .await
        .expect("the sum of all");
    let told = totals(&world, &mut phones[0]).await;
    assert!(
        told.windows(2)
            .all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_leaves_its_turn_at_once() {
    let (mut world, _, [first, second]) = two_nodes().await;
    let mut phones = phones(&world, 2).await;
    phones[0].check_in(&world, BASEMENT).await;
    awarded(&world, &mut phones[0], 1).await;
    first.stop().await;
    world.turn_to(&second);
    phones[1].check_in(&world, BASEMENT).await;
    awarded(&world, &mut phones[1], 1).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_is_succeeded_when_its_lease_has_ended() {
    let (mut world, _, [first, second]) = two_nodes().await;
    let mut phones = phones(&world, 2).await;
    phones[0].check_in(&world, BASEMENT).await;
    awarded(&world, &mut phones[0], 1).await;
    first.kill();
    world.turn_to(&second);
    phones[1].check_in(&world, BASEMENT).await;
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(phones[1].awards(&world).await, 0, "its lease stands");
    world.set_clock(later(1));
    awarded(&world, &mut phones[1], 1).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_one_node_publishes_counts_for_what_the_other_has_worked_out() {
    let (mut world, organiser, nodes) = two_nodes().await;
    let mut phones = phones(&world, 3).await;
    for phone in &mut phones {
        phone.check_in(&world, BASEMENT).await;
        awarded(&world, phone, 1).await;
    }
    // It is the turn of one of them; which one is not known here.
    for (version, node) in [(2, &nodes[0]), (3, &nodes[1])] {
        world.turn_to(node);
        let content = catalog::build(world.tenant.id, |catalog| {
            catalog.version = version;
            for id in 10..8 + version {
                let mut goal = catalog.goals[0].clone();
                goal.id = id;
                catalog.goals.push(goal);
            }
            let mut goal = catalog.goals[0].clone();
            goal.id = 8 + version;
            catalog.goals.push(goal);
        });
        let published = catalog::publish(&world, &organiser, content).await;
        published.expect("published");
        for phone in &mut phones {
            awarded(&world, phone, usize::try_from(version).expect("small")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_hands_in_at_one_node_counts_at_the_other() {
    let (mut world, _, nodes) = two_nodes().await;
    let mut phone = phones(&world, 1).await.remove(0);
    let mut handed_in = 0;
    while handed_in < OPS_PER_HOUR_MAX {
        let steps: Vec<Payload> = (1..=500).map(|count| acts::steps(NOON, count)).collect();
        let batches = [phone.write(&steps), phone.write(&steps)];
        let request = v1::SyncRequest {
            batches: batches.iter().map(|batch| phone.seal(batch)).collect(),
            ..v1::SyncRequest::default()
        };
        phone.send(&world, request).await.expect("synced");
        handed_in += 1_000;
    }
    world.turn_to(&nodes[1]);
    let limited = async {
        loop {
            let batch = phone.write(&[acts::steps(NOON, 1)]);
            let request = phone.request(vec![phone.seal(&batch)]);
            match phone.send(&world, request).await {
                Ok(_) => sleep(Duration::from_millis(50)).await,
                Err(status) => return status,
            }
        }
    };
    let status = timeout(Duration::from_secs(30), limited).await;
    let status = status.expect("the limit of both nodes together");
    refused(&status, Code::ResourceExhausted, "OPS_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_revoked_at_one_node_is_refused_there_at_once_and_elsewhere_soon() {
    let (mut world, organiser, nodes) = two_nodes().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    for node in [&nodes[1], &nodes[0]] {
        world.turn_to(node);
        let request = staff.request(Vec::new());
        staff.send(&world, request).await.expect("let in");
    }
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let revoke = v1::RevokeDeviceRequest {
        name: askel_store::Audit::device_name(staff.id),
    };
    let revoked = admin.revoke_device(organiser.call(revoke)).await;
    revoked.expect("revoked");
    let refusal = async |world: &World| {
        let request = staff.request(Vec::new());
        staff.send(world, request).await.err()
    };
    let is_revoked = |error| refused(&error, Code::PermissionDenied, "DEVICE_REVOKED");
    is_revoked(refusal(&world).await.expect("refused at once"));
    world.turn_to(&nodes[1]);
    let soon = async {
        loop {
            if let Some(error) = refusal(&world).await {
                return is_revoked(error);
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let soon = timeout(Duration::from_secs(10), soon).await;
    soon.expect("no later than ten seconds after");
}

/// Less than the half minute after which a watch looks by itself whether it may go on.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_at_one_node_hears_what_came_in_at_the_other() {
    let (mut world, _, nodes) = two_nodes().await;
    let mut phone = phones(&world, 1).await.remove(0);
    world.turn_to(&nodes[1]);
    let (mut hints, own) = watch(&world, &mut phone).await;
    let first = hints.message().await.expect("open").expect("it stands");
    assert!(first.stream_ids.is_empty(), "{first:?}");
    world.turn_to(&nodes[0]);
    phone.check_in(&world, BASEMENT).await;
    let hint = timeout(SOON, hints.message()).await.expect("soon");
    let hint = hint.expect("open").expect("a hint");
    assert_eq!(hint.stream_ids, [own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_soon_at_whichever_node_its_device_was_revoked() {
    let (mut world, organiser, nodes) = two_nodes().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    world.turn_to(&nodes[1]);
    let request = v1::WatchRequest {
        cursors: vec![from_beginning(acts::catalog_stream())],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let watching = client.watch(staff.call(request)).await;
    let mut hints = watching.expect("watching").into_inner();
    hints.message().await.expect("open").expect("it stands");
    world.turn_to(&nodes[0]);
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let revoke = v1::RevokeDeviceRequest {
        name: askel_store::Audit::device_name(staff.id),
    };
    let revoked = admin.revoke_device(organiser.call(revoke)).await;
    revoked.expect("revoked");
    let ended = async {
        loop {
            match hints.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("ended without a word"),
                Err(status) => return status,
            }
        }
    };
    let status = timeout(SOON, ended).await.expect("soon");
    refused(&status, Code::PermissionDenied, "DEVICE_REVOKED");
}
