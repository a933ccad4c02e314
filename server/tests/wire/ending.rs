//! What ends: devices of before, watches, leases, guesses, sessions that a new catalog moved; and
//! that one data folder has one server.

use std::time::Duration;

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, come_back_request::Right,
    enrolment_service_client::EnrolmentServiceClient, reading_service_client::ReadingServiceClient,
    sync_service_client::SyncServiceClient,
};
use askel_server::limits::DEVICE_WATCHES_MAX;
use askel_sync::{
    admission::Role,
    op::{OpKind, ProfileField},
    time::{DAY_MS, HOUR_MS},
};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::{
    acts,
    catalog::{self, BASEMENT, LIBRARY},
    device::{Device, from_beginning},
    world::{Backend, NOON, World, new_key, refused},
};

async fn invite_again(
    world: &World,
    staff: &Device,
    phone: &Device,
    seen_picture: u32,
) -> Result<String, Status> {
    let request = v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            role: v1::Role::Participant.into(),
            ..v1::Invitation::default()
        }),
        re_invite_pass_tag: phone.pass.expect("a pass").to_vec(),
        seen_alias: Some(v1::Alias {
            word: acts::ALIAS.word,
            number: acts::ALIAS.number,
        }),
        seen_picture,
        valid_for_ms: 0,
    };
    let mut client = AdminServiceClient::new(world.channel.clone());
    let invited = client.create_invitation(staff.call(request)).await?;
    Ok(invited.into_inner().code)
}

/// A participant with alias and picture 7, and staff.
async fn known(world: &World) -> (Device, Device) {
    let mut phone = world.participant().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let alias = acts::profile(ProfileField::Alias(acts::ALIAS), NOON);
    let picture = acts::profile(ProfileField::Picture(7), NOON);
    phone.hand_in(world, &[alias, picture]).await;
    (phone, staff)
}

async fn a_re_invited_device_that_nobody_refused_stands_in_place_of_those_of_before(world: World) {
    let (mut old, staff) = known(&world).await;
    let code = invite_again(&world, &staff, &old, 7).await.expect("code");
    let key = new_key();
    let back = world.come_back(Right::ReInvitationCode(code), &key).await;
    let mut new = Device::new(&world, key, &back.expect("back"));
    let end = NOON.saturating_add_ms(72 * HOUR_MS);
    world.set_clock(end);
    new.now = end;
    old.now = end;
    let told = new.sync(&world).await;
    assert_eq!(told.ops_of(OpKind::DeviceChanged).len(), 1, "what ended");
    let ended = old.send(&world, old.request(Vec::new())).await;
    refused(
        &ended.expect_err("refused"),
        Code::PermissionDenied,
        "DEVICE_REVOKED",
    );
}

async fn a_code_opens_only_the_door_it_is_for(world: World) {
    let (phone, staff) = known(&world).await;
    let again = invite_again(&world, &staff, &phone, 7).await.expect("code");
    let first = world.invite(Role::Participant, &[]).await;
    let before = world.snapshot().await;
    let as_new = world.enrol(&again, &new_key()).await;
    let as_known = world
        .come_back(Right::ReInvitationCode(first), &new_key())
        .await;
    for refusal in [as_new, as_known] {
        refused(
            &refusal.expect_err("refused"),
            Code::NotFound,
            "INVITATION_UNKNOWN",
        );
    }
    assert_eq!(world.snapshot().await, before);
}

async fn guesses_at_a_person_are_limited_and_nobody_elses(world: World) {
    let (phone, staff) = known(&world).await;
    let colleague = world.enrolled(Role::Staff, &[BASEMENT]).await;
    for _ in 0..20 {
        let wrong = invite_again(&world, &staff, &phone, 8).await;
        refused(
            &wrong.expect_err("refused"),
            Code::PermissionDenied,
            "RE_INVITATION_MISMATCH",
        );
    }
    let right = invite_again(&world, &staff, &phone, 7).await;
    refused(
        &right.expect_err("refused"),
        Code::ResourceExhausted,
        "ENROLMENT_LIMITED",
    );
    invite_again(&world, &colleague, &phone, 7)
        .await
        .expect("a colleague may");
    world.enrolled(Role::Participant, &[]).await;
}

async fn waiting_for_an_approval_is_no_guess(world: World) {
    world.participant().await;
    for _ in 0..25 {
        let early = world
            .come_back(Right::Approval(v1::DeviceApproval {}), &new_key())
            .await;
        refused(
            &early.expect_err("refused"),
            Code::NotFound,
            "INVITATION_UNKNOWN",
        );
    }
    world.enrolled(Role::Participant, &[]).await;
}

async fn an_ended_lease_is_renewed_by_a_sync_and_good_for_nothing_else(world: World) {
    let (phone, mut staff) = known(&world).await;
    let later = NOON.saturating_add_ms(8 * DAY_MS);
    world.set_clock(later);
    staff.now = later;
    let refusal = invite_again(&world, &staff, &phone, 7).await;
    refused(
        &refusal.expect_err("refused"),
        Code::FailedPrecondition,
        "STAFF_LEASE_ENDED",
    );
    staff.sync(&world).await;
    invite_again(&world, &staff, &phone, 7)
        .await
        .expect("with the new lease");
}

async fn organisers_of_some_places_administer_those(world: World) {
    let organiser = world.enrolled(Role::Organiser, &[BASEMENT]).await;
    let near = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let far = world.enrolled(Role::Staff, &[LIBRARY]).await;
    world.invite(Role::Staff, &[LIBRARY]).await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let devices = admin
        .list_devices(organiser.call(v1::ListDevicesRequest::default()))
        .await
        .expect("listed")
        .into_inner()
        .devices;
    let mut seen: Vec<_> = devices.into_iter().map(|device| device.name).collect();
    seen.sort_unstable();
    let mut own = [organiser.id, near.id].map(askel_store::Audit::device_name);
    own.sort_unstable();
    assert_eq!(seen, own);
    let invitations = admin
        .list_invitations(organiser.call(v1::ListInvitationsRequest::default()))
        .await
        .expect("listed")
        .into_inner()
        .invitations;
    assert_eq!(invitations.len(), 2, "its own device's and the near one's");
    let revoke = v1::RevokeDeviceRequest {
        name: askel_store::Audit::device_name(far.id),
    };
    let refusal = admin.revoke_device(organiser.call(revoke)).await;
    refused(
        &refusal.expect_err("refused"),
        Code::PermissionDenied,
        "DEVICE_NOT_YOURS",
    );
}

async fn a_watch_ends_with_its_device_and_not_with_another(world: World) {
    let organiser = world.organised().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let phone = world.enrolled(Role::Participant, &[]).await;
    let mut watches = Vec::new();
    for device in [&staff, &phone] {
        let request = v1::WatchRequest {
            cursors: vec![from_beginning(acts::catalog_stream())],
        };
        let mut client = SyncServiceClient::new(world.channel.clone());
        let hints = client.watch(device.call(request)).await;
        let mut hints = hints.expect("watching").into_inner();
        for _ in ["it stands", "what is new"] {
            hints.message().await.expect("open").expect("an answer");
        }
        watches.push(hints);
    }
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let revoke = v1::RevokeDeviceRequest {
        name: askel_store::Audit::device_name(staff.id),
    };
    admin
        .revoke_device(organiser.call(revoke))
        .await
        .expect("revoked");
    let ended = |error| refused(&error, Code::PermissionDenied, "DEVICE_REVOKED");
    let soon = Duration::from_secs(5);
    let next = timeout(soon, watches[0].message()).await.expect("soon");
    ended(next.expect_err("ended"));
    let next = catalog::build(world.tenant.id, |next| next.version = 2);
    catalog::publish(&world, &organiser, next)
        .await
        .expect("published");
    let hint = watches[1].message().await.expect("open");
    assert!(hint.is_some(), "the phone's goes on");
    let mut enrolment = EnrolmentServiceClient::new(world.channel.clone());
    let own = v1::RevokeOwnDeviceRequest {
        device_id: phone.id.to_vec(),
    };
    enrolment
        .revoke_own_device(phone.call(own))
        .await
        .expect("revoked");
    let next = timeout(soon, watches[1].message()).await.expect("soon");
    ended(next.expect_err("ended"));
}

async fn a_watch_ends_with_its_person(world: World) {
    world.organised().await;
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    let participant = phone.participant.expect("a person");
    let request = v1::WatchRequest {
        cursors: vec![from_beginning(acts::catalog_stream())],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let hints = client.watch(phone.call(request)).await;
    let mut hints = hints.expect("watching").into_inner();
    for _ in ["it stands", "what is new"] {
        hints.message().await.expect("open").expect("an answer");
    }
    let erase = acts::erase(participant, NOON);
    phone.hand_in(&world, &[erase]).await;
    let next = timeout(Duration::from_secs(5), hints.message()).await;
    let ended = next.expect("soon").expect_err("ended");
    refused(&ended, Code::Unauthenticated, "ERASED");
}

async fn a_device_has_a_few_watches(world: World) {
    let phone = world.participant().await;
    let other = world.enrolled(Role::Participant, &[]).await;
    let request = || v1::WatchRequest {
        cursors: vec![from_beginning(acts::own_stream())],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let mut open = Vec::new();
    for _ in 0..DEVICE_WATCHES_MAX {
        open.push(client.watch(phone.call(request())).await.expect("watching"));
    }
    let one_more = client.watch(phone.call(request())).await;
    refused(
        &one_more.expect_err("refused"),
        Code::ResourceExhausted,
        "SERVER_BUSY",
    );
    client.watch(other.call(request())).await.expect("watching");
}

async fn with_another_catalog_nothing_counts_where_it_was(world: World) {
    let organiser = world.organised().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    phone.check_in(&world, BASEMENT).await;
    staff
        .hand_in(&world, &[acts::tally(BASEMENT, 2, NOON)])
        .await;
    // Noon in Helsinki is the evening before in Honolulu.
    let moved = catalog::build(world.tenant.id, |next| {
        next.version = 2;
        next.time_zones[0].first_offset_minutes = -600;
    });
    catalog::publish(&world, &organiser, moved)
        .await
        .expect("published");
    let mut reading = ReadingServiceClient::new(world.channel.clone());
    for (day, expected) in [("2016-04-12", 0), ("2016-04-11", 3)] {
        let request = v1::GetPlaceDayRequest {
            name: format!("places/{BASEMENT}/days/{day}"),
        };
        let read = reading.get_place_day(staff.call(request)).await;
        let read = read.expect("read").into_inner();
        assert_eq!(read.encounters, expected, "{day}");
    }
}

#[tokio::test]
async fn one_data_folder_has_one_server() {
    let world = World::start(Backend::Memory).await;
    let refusal = world.start_another().await;
    assert!(refusal.contains("another server is running"), "{refusal}");
}

on_both_stores!(
    a_re_invited_device_that_nobody_refused_stands_in_place_of_those_of_before,
    a_code_opens_only_the_door_it_is_for,
    guesses_at_a_person_are_limited_and_nobody_elses,
    waiting_for_an_approval_is_no_guess,
    an_ended_lease_is_renewed_by_a_sync_and_good_for_nothing_else,
    organisers_of_some_places_administer_those,
    a_watch_ends_with_its_device_and_not_with_another,
    a_watch_ends_with_its_person,
    a_device_has_a_few_watches,
    with_another_catalog_nothing_counts_where_it_was,
);
