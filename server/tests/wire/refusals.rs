//! What bad input gets: a typed reason, and nothing changed.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, sync_service_client::SyncServiceClient,
};
use askel_server::rpc::SERVER_TIME_KEY;
use askel_sync::{
    admission::Role,
    id::{StreamId, TenantId},
    key::{Purpose, credential::METADATA_KEY},
    limits::{
        BATCH_BYTES_MAX, BATCHES_PER_SYNC_MAX, CREDENTIAL_SKEW_MS_MAX, CURSORS_MAX,
        OPS_PER_BATCH_MAX, SYNC_REQUEST_BYTES_MAX,
    },
    time::{ClockSegment, DAY_MS},
};
use prost::Message as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    device::{Device, at, from_beginning},
    world::{NOON, World, new_key, refused},
};

/// Sends and expects a refusal that changed nothing.
async fn check(world: &World, device: &Device, request: v1::SyncRequest, code: Code, reason: &str) {
    let before = world.snapshot().await;
    let error = device.send(world, request).await.expect_err("refused");
    refused(&error, code, reason);
    assert_eq!(world.snapshot().await, before);
}

async fn a_bad_or_foreign_signature_takes_nothing_of_the_request(world: World) {
    let mut phone = world.participant().await;
    let good = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    let good = phone.seal(&good);
    let mut changed = good.clone();
    changed.signature[0] ^= 1;
    let foreign = v1::SealedBatch {
        signature: new_key().sign(Purpose::Batch, world.tenant.id, &good.batch),
        ..good.clone()
    };
    let of_another_tenant = v1::SealedBatch {
        signature: phone
            .key
            .sign(Purpose::Batch, TenantId::from_bytes([9; 16]), &good.batch),
        ..good.clone()
    };
    let of_another_purpose = v1::SealedBatch {
        signature: phone.key.sign(Purpose::Call, world.tenant.id, &good.batch),
        ..good.clone()
    };
    for bad in [changed, foreign, of_another_tenant, of_another_purpose] {
        let request = phone.request(vec![good.clone(), bad]);
        check(
            &world,
            &phone,
            request,
            Code::PermissionDenied,
            "SIGNATURE_INVALID",
        )
        .await;
    }
}

async fn a_writer_that_is_not_the_signer_is_refused(world: World) {
    let phone = world.participant().await;
    let mut other = world.enrolled(Role::Participant, &[]).await;
    let batch = other.write(&[acts::check_in(BASEMENT, NOON)]);
    let request = phone.request(vec![batch.seal(world.tenant.id, &phone.key)]);
    check(
        &world,
        &phone,
        request,
        Code::PermissionDenied,
        "WRITER_NOT_SIGNER",
    )
    .await;
}

async fn call_with(world: &World, credential: Option<&str>) -> Status {
    let mut request = Request::new(v1::SyncRequest::default());
    if let Some(credential) = credential {
        let credential = credential.parse().expect("ASCII");
        request.metadata_mut().insert(METADATA_KEY, credential);
    }
    SyncServiceClient::new(world.channel.clone())
        .sync(request)
        .await
        .expect_err("refused")
}

async fn a_stale_credential_is_told_the_servers_time(world: World) {
    let mut phone = world.participant().await;
    let before = world.snapshot().await;
    for (skew, good) in [(0, true), (1, false)] {
        for side in [-1, 1] {
            phone.now = NOON.saturating_add_ms(side * (CREDENTIAL_SKEW_MS_MAX + skew));
            let answer = phone.send(&world, phone.request(Vec::new())).await;
            assert_eq!(answer.is_ok(), good);
            if let Err(error) = answer {
                refused(&error, Code::Unauthenticated, "CREDENTIAL_STALE");
                let info = error.get_details_error_info().expect("told");
                let told = info.metadata.get(SERVER_TIME_KEY).cloned();
                assert_eq!(told, Some(NOON.as_ms().to_string()));
            }
        }
    }
    assert_eq!(world.snapshot().await, before);
}

async fn a_missing_broken_foreign_or_strangers_credential_is_refused(world: World) {
    let phone = world.participant().await;
    let before = world.snapshot().await;
    refused(
        &call_with(&world, None).await,
        Code::Unauthenticated,
        "CREDENTIAL_MISSING",
    );
    let broken = call_with(&world, Some("hello")).await;
    refused(&broken, Code::Unauthenticated, "CREDENTIAL_MALFORMED");
    let check = async |device: Device, reason: &str| {
        let error = device
            .send(&world, device.request(Vec::new()))
            .await
            .expect_err("refused");
        refused(&error, Code::Unauthenticated, reason);
    };
    check(
        Device {
            key: new_key(),
            ..phone.clone()
        },
        "CREDENTIAL_INVALID",
    )
    .await;
    check(
        Device {
            audience: "elsewhere".to_owned(),
            ..phone.clone()
        },
        "CREDENTIAL_INVALID",
    )
    .await;
    let other_tenant = TenantId::from_bytes([9; 16]);
    check(
        Device {
            tenant: other_tenant,
            ..phone.clone()
        },
        "DEVICE_UNKNOWN",
    )
    .await;
    assert_eq!(world.snapshot().await, before);
}

async fn another_participants_stream_is_refused_before_anything_is_taken(world: World) {
    let mut mine = world.participant().await;
    let mut theirs = world.enrolled(Role::Participant, &[]).await;
    let read = theirs.check_in(&world, BASEMENT).await;
    let id = StreamId::try_from(&*read.stream(&acts::own_stream()).stream_id).expect("an id");
    let batch = mine.write(&[acts::check_in(BASEMENT, NOON)]);
    let request = v1::SyncRequest {
        cursors: vec![at(acts::own_stream(), id, 0)],
        ..mine.request(vec![mine.seal(&batch)])
    };
    check(
        &world,
        &mine,
        request,
        Code::PermissionDenied,
        "STREAM_NOT_YOURS",
    )
    .await;
    let place = v1::SyncRequest {
        cursors: vec![from_beginning(acts::place_day(BASEMENT))],
        ..mine.request(vec![mine.seal(&batch)])
    };
    check(
        &world,
        &mine,
        place,
        Code::PermissionDenied,
        "STREAM_NOT_YOURS",
    )
    .await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let person = v1::SyncRequest {
        cursors: vec![from_beginning(acts::own_stream())],
        ..v1::SyncRequest::default()
    };
    check(
        &world,
        &staff,
        person,
        Code::PermissionDenied,
        "STREAM_NOT_YOURS",
    )
    .await;
}

async fn an_op_that_the_author_may_not_write_is_rejected_and_changes_nothing(world: World) {
    let mut phone = world.participant().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let pass = phone.pass.expect("a pass");
    let before = world.snapshot().await;
    let answer = phone
        .hand_in(&world, &[acts::tally(BASEMENT, 1, NOON)])
        .await;
    assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    let answer = phone
        .hand_in(&world, &[acts::scan(BASEMENT, pass, NOON)])
        .await;
    assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    let answer = staff
        .hand_in(&world, &[acts::scan(LIBRARY, pass, NOON)])
        .await;
    assert_eq!(answer.rejection().reason, "OP_NOT_ALLOWED");
    let unknown = askel_sync::id::PassTag::from_bytes([6; 16]);
    let answer = staff
        .hand_in(&world, &[acts::scan(BASEMENT, unknown, NOON)])
        .await;
    assert_eq!(answer.rejection().reason, "PASS_UNKNOWN");
    let nothing = askel_sync::id::OpId::from_bytes([6; 16]);
    let long_ago = NOON.saturating_add_ms(-36 * DAY_MS);
    // By a clock that can be vouched for: one that can't is no reason to refuse.
    let mut batch = staff.write(&[acts::void(nothing, long_ago)]);
    batch.clock_segment = ClockSegment {
        boot_id: 7,
        wall_minus_monotonic_ms: long_ago.as_ms(),
    };
    let request = v1::SyncRequest {
        boots: vec![v1::BootTime {
            boot_id: 7,
            server_minus_monotonic_ms: long_ago.as_ms(),
        }],
        ..staff.request(vec![staff.seal(&batch)])
    };
    let answer = staff.send(&world, request).await.expect("synced");
    assert_eq!(answer.rejection().reason, "CITED_OP_UNKNOWN");
    let mut batch = phone.write(&[acts::steps(NOON, 1)]);
    batch.ops[0].payload = vec![0x08, 0x80].into();
    let request = phone.request(vec![phone.seal(&batch)]);
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.rejection().reason, "PAYLOAD_MALFORMED");
    assert_eq!(world.snapshot().await, before);
}

async fn what_staff_did_after_their_lease_is_rejected(world: World) {
    world.organised().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let before = world.snapshot().await;
    let end = NOON.saturating_add_ms(8 * DAY_MS);
    world.set_clock(end.saturating_add_ms(1));
    staff.now = end;
    let batch = staff.write(&[acts::tally(BASEMENT, 1, end.saturating_add_ms(-1))]);
    let request = v1::SyncRequest {
        batches: vec![staff.seal(&batch)],
        ..Default::default()
    };
    let answer = staff.send(&world, request).await.expect("synced");
    assert!(answer.outcome().exceptions.is_empty(), "done in time");
    assert_ne!(world.snapshot().await, before);
    world.set_clock(end.saturating_add_ms(9 * DAY_MS));
    let answer = staff
        .hand_in(&world, &[acts::tally(BASEMENT, 1, world_now(&world))])
        .await;
    assert_eq!(answer.rejection().reason, "LEASE_ENDED");
}

fn world_now(world: &World) -> askel_sync::time::Timestamp {
    askel_server::clock::Clock::now(&*world.clock)
}

async fn more_than_a_call_takes_is_refused(world: World) {
    let mut phone = world.participant().await;
    let batch = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    let sealed = phone.seal(&batch);
    let limit = (Code::InvalidArgument, "LIMIT_EXCEEDED");
    let batches = phone.request(vec![sealed.clone(); BATCHES_PER_SYNC_MAX + 1]);
    check(&world, &phone, batches, limit.0, limit.1).await;
    let cursors = v1::SyncRequest {
        cursors: vec![from_beginning(acts::own_stream()); CURSORS_MAX + 1],
        ..phone.request(vec![sealed.clone()])
    };
    check(&world, &phone, cursors, limit.0, limit.1).await;
    let long = v1::SealedBatch {
        batch: vec![0; BATCH_BYTES_MAX + 1],
        ..sealed.clone()
    };
    check(&world, &phone, phone.request(vec![long]), limit.0, limit.1).await;
    let many = phone
        .clone()
        .write(&vec![acts::steps(NOON, 1); OPS_PER_BATCH_MAX + 1]);
    let many = phone.request(vec![phone.seal(&many)]);
    check(&world, &phone, many, limit.0, limit.1).await;
    let empty = askel_sync::log::Batch {
        ops: Vec::new(),
        ..batch
    };
    let empty = phone.request(vec![phone.seal(&empty)]);
    check(
        &world,
        &phone,
        empty,
        Code::InvalidArgument,
        "BATCH_MALFORMED",
    )
    .await;
    let all = phone.request(vec![sealed; BATCHES_PER_SYNC_MAX]);
    phone
        .send(&world, all)
        .await
        .expect("at the limit it goes through");
}

async fn a_message_over_its_limit_is_refused(world: World) {
    let phone = world.participant().await;
    let sized = |bytes: usize| {
        let sealed = vec![0; bytes];
        v1::SyncRequest {
            carried_frames: vec![v1::CarriedFrame { sealed }],
            ..v1::SyncRequest::default()
        }
    };
    let envelope = sized(SYNC_REQUEST_BYTES_MAX).encoded_len() - SYNC_REQUEST_BYTES_MAX;
    let fits = sized(SYNC_REQUEST_BYTES_MAX - envelope);
    phone
        .send(&world, fits)
        .await
        .expect("at the limit it goes through");
    let large = (Code::InvalidArgument, "MESSAGE_TOO_LARGE");
    let one_more = sized(SYNC_REQUEST_BYTES_MAX - envelope + 1);
    check(&world, &phone, one_more, large.0, large.1).await;
    check(
        &world,
        &phone,
        sized(2 * SYNC_REQUEST_BYTES_MAX),
        large.0,
        large.1,
    )
    .await;
}

async fn a_role_calls_only_what_is_its_own(world: World) {
    let phone = world.participant().await;
    let before = world.snapshot().await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let request = v1::CreateCardRequest {
        request_id: vec![1; 16],
    };
    let error = admin
        .create_card(phone.call(request))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "METHOD_NOT_ALLOWED");
    let path = "/askel.v1.AdminService/DropEverything"
        .parse()
        .expect("a path");
    let mut grpc = tonic::client::Grpc::new(world.channel.clone());
    grpc.ready().await.expect("ready");
    let codec = tonic_prost::ProstCodec::<v1::GetKeyListRequest, v1::SignedKeyList>::default();
    let unknown = grpc
        .unary(phone.call(v1::GetKeyListRequest {}), path, codec)
        .await;
    refused(
        &unknown.expect_err("refused"),
        Code::Unimplemented,
        "METHOD_UNKNOWN",
    );
    assert_eq!(world.snapshot().await, before);
}

on_both_stores!(
    a_bad_or_foreign_signature_takes_nothing_of_the_request,
    a_writer_that_is_not_the_signer_is_refused,
    a_stale_credential_is_told_the_servers_time,
    a_missing_broken_foreign_or_strangers_credential_is_refused,
    another_participants_stream_is_refused_before_anything_is_taken,
    an_op_that_the_author_may_not_write_is_rejected_and_changes_nothing,
    what_staff_did_after_their_lease_is_rejected,
    more_than_a_call_takes_is_refused,
    a_message_over_its_limit_is_refused,
    a_role_calls_only_what_is_its_own,
);
