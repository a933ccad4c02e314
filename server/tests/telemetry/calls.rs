//! Good calls of every method, with people, places and texts in them.

use std::{collections::BTreeMap, time::Duration};

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, catalog_service_client::CatalogServiceClient,
    come_back_request::Right, enrolment_service_client::EnrolmentServiceClient,
    push_service_client::PushServiceClient, reading_service_client::ReadingServiceClient,
    sync_service_client::SyncServiceClient,
};
use askel_server::{
    clock::{Clock as _, SystemClock},
    config::TlsFiles,
    entropy::SystemEntropy,
    fan_out::RedisFanOut,
};
use askel_sync::{
    admission::Role,
    op::{OpKind, Payload, ProfileField},
};
use prost::Message as _;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest,
    },
    v1alpha::{
        ServerReflectionRequest as AlphaRequest,
        server_reflection_client::ServerReflectionClient as AlphaClient,
        server_reflection_request::MessageRequest as AlphaMessage,
    },
};

use crate::{
    acts,
    catalog::{self, BASEMENT, TOGETHER},
    device::{Device, at},
    marks::{Marks, PLACE, TEXT},
    world::{Backend, NOON, World, new_key},
};

/// Calls each method, and is answered well.
pub(crate) async fn every_method(world: &mut World, marks: &mut Marks) {
    let organiser = organised(world).await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT, PLACE]).await;
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    for device in [&organiser, &staff, &phone] {
        marks.device(device);
    }
    phone.check_in(world, BASEMENT).await;
    phone.check_in(world, PLACE).await;
    let alias = acts::profile(ProfileField::Alias(acts::ALIAS), NOON);
    let picture = acts::profile(ProfileField::Picture(7), NOON);
    phone.hand_in(world, &[alias, picture]).await;
    let scan = acts::scan(PLACE, phone.pass.expect("a pass"), NOON);
    staff
        .hand_in(world, &[scan, acts::tally(PLACE, 3, NOON)])
        .await;
    conflicting(world, &mut phone).await;
    watching(world, &mut phone, marks).await;
    being_woken(world, &phone).await;
    catalogs(world, &phone).await;
    reading(world, &organiser, &staff).await;
    own_devices(world, &mut phone, &staff, marks).await;
    administering(world, &organiser, &staff, marks).await;
    withdrawing(world, &staff, marks).await;
    beside(world).await;
}

/// A tenant with a catalog that has a place with a telling name and number.
async fn organised(world: &World) -> Device {
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let content = catalog::build(world.tenant.id, |catalog| {
        let mut place = catalog.places[0].clone();
        place.id = PLACE;
        let name = place.name.as_mut().expect("a name");
        TEXT.clone_into(&mut name.variants[0].text);
        catalog.places.push(place);
    });
    let published = catalog::publish(world, &organiser, content).await;
    published.expect("published");
    organiser
}

/// A sequence that holds another op: its writer forgot.
async fn conflicting(world: &World, phone: &mut Device) {
    let mut forgetful = phone.clone();
    forgetful.next = 0;
    forgetful.hand_in(world, &[acts::steps(NOON, 77)]).await;
    let unknown = acts::void(askel_sync::id::OpId::from_bytes([7; 16]), NOON);
    phone.hand_in(world, &[unknown]).await;
}

async fn watching(world: &World, phone: &mut Device, marks: &mut Marks) {
    let read = phone.sync(world).await;
    let own = read.stream(&acts::own_stream()).clone();
    marks.bytes(&own.stream_id, "a stream");
    let id = askel_sync::id::StreamId::try_from(&*own.stream_id).expect("an id");
    let request = v1::WatchRequest {
        cursors: vec![at(acts::own_stream(), id, own.head)],
    };
    let mut client = SyncServiceClient::new(world.channel.clone());
    let hints = client.watch(phone.call(request)).await.expect("watching");
    let first = hints.into_inner().message().await;
    first.expect("open").expect("an answer");
}

/// A reader at its stream's head that holds something else.
pub(crate) async fn sum_mismatch(world: &World) {
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    phone.check_in(world, BASEMENT).await;
    let own = phone.sync(world).await.stream(&acts::own_stream()).clone();
    let sums = vec![v1::StreamSum {
        stream_id: own.stream_id,
        position: own.head,
        sum: 1,
    }];
    let request = v1::SyncRequest {
        sums,
        ..phone.request(Vec::new())
    };
    phone.send(world, request).await.expect("synced");
}

async fn being_woken(world: &World, phone: &Device) {
    let mut client = PushServiceClient::new(world.channel.clone());
    let update = v1::UpdatePushRegistrationRequest {
        push_registration: Some(v1::PushRegistration {
            token: TEXT.to_owned(),
            ..v1::PushRegistration::default()
        }),
    };
    let updated = client.update_push_registration(phone.call(update)).await;
    updated.expect("registered");
    let delete = v1::DeletePushRegistrationRequest {};
    let deleted = client.delete_push_registration(phone.call(delete)).await;
    deleted.expect("forgotten");
}

async fn catalogs(world: &World, phone: &Device) {
    let mut client = CatalogServiceClient::new(world.channel.clone());
    let name = || "catalogs/1".to_owned();
    let one = v1::GetCatalogVersionRequest { name: name() };
    let version = client.get_catalog_version(phone.call(one)).await;
    let hash = version.expect("a version").into_inner().hash;
    let chunk = v1::GetCatalogChunkRequest { hash, offset: 0 };
    let chunk = client.get_catalog_chunk(phone.call(chunk)).await;
    chunk.expect("a chunk");
    let all = v1::ListCatalogVersionsRequest::default();
    client
        .list_catalog_versions(phone.call(all))
        .await
        .expect("listed");
    let keys = client
        .get_key_list(phone.call(v1::GetKeyListRequest {}))
        .await;
    keys.expect("a key list");
}

async fn reading(world: &World, organiser: &Device, staff: &Device) {
    let mut client = ReadingServiceClient::new(world.channel.clone());
    let day = v1::GetPlaceDayRequest {
        name: format!("places/{PLACE}/days/2016-04-12"),
    };
    client.get_place_day(staff.call(day)).await.expect("a day");
    let summary = v1::GetEncounterSummaryRequest {
        first_date: 16_903,
        last_date: 16_903,
    };
    let summary = client.get_encounter_summary(organiser.call(summary)).await;
    summary.expect("a summary");
    let challenge = v1::GetChallengeRequest {
        name: format!("challenges/{TOGETHER}"),
    };
    let challenge = client.get_challenge(organiser.call(challenge)).await;
    challenge.expect("a challenge");
}

async fn own_devices(world: &World, phone: &mut Device, staff: &Device, marks: &mut Marks) {
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let key = new_key();
    let approve = v1::ApproveDeviceRequest {
        device_public_key: key.public_key().as_bytes().to_vec(),
        replaced_device_id: Vec::new(),
    };
    let approved = client.approve_device(phone.call(approve)).await;
    approved.expect("approved");
    let approval = Right::Approval(v1::DeviceApproval {});
    let second = world.come_back(approval, &key).await.expect("linked");
    let second = Device::new(world, key, &second);
    marks.device(&second);
    let all = v1::ListOwnDevicesRequest::default();
    client
        .list_own_devices(phone.call(all))
        .await
        .expect("listed");
    let revoke = v1::RevokeOwnDeviceRequest {
        device_id: second.id.to_vec(),
    };
    let revoked = client.revoke_own_device(phone.call(revoke)).await;
    revoked.expect("revoked");
    let code = invite_again(world, staff, phone).await;
    marks.text(&code, "a code");
    let key = new_key();
    let third = world.come_back(Right::ReInvitationCode(code), &key).await;
    let third = Device::new(world, key, &third.expect("back"));
    marks.device(&third);
    let refuse = v1::RefuseDeviceRequest {
        device_id: third.id.to_vec(),
    };
    let refused = client.refuse_device(phone.call(refuse)).await;
    refused.expect("refused it");
    let sheet = phone.call(v1::CreateRecoverySheetRequest {});
    let sheet = client.create_recovery_sheet(sheet).await.expect("a sheet");
    let code = sheet.into_inner().code;
    marks.text(&code, "a recovery code");
    let key = new_key();
    let back = world.come_back(Right::RecoveryCode(code), &key).await;
    *phone = Device::new(world, key, &back.expect("back"));
    marks.device(phone);
}

async fn invite_again(world: &World, staff: &Device, phone: &Device) -> String {
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
        seen_picture: 7,
        valid_for_ms: 0,
    };
    let mut client = AdminServiceClient::new(world.channel.clone());
    let invited = client.create_invitation(staff.call(request)).await;
    invited.expect("invited").into_inner().code
}

async fn administering(world: &World, organiser: &Device, staff: &Device, marks: &mut Marks) {
    let mut client = AdminServiceClient::new(world.channel.clone());
    let ask = || v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            role: v1::Role::Staff.into(),
            place_ids: vec![PLACE],
            ..v1::Invitation::default()
        }),
        ..v1::CreateInvitationRequest::default()
    };
    let invited = client.create_invitation(organiser.call(ask())).await;
    let invited = invited.expect("invited").into_inner();
    marks.text(&invited.code, "a code");
    let key = new_key();
    let pending = world.enrol(&invited.code, &key).await.expect("enrolled");
    let pending = Device::new(world, key, &pending);
    marks.device(&pending);
    let name = || {
        format!(
            "devices/{}",
            data_encoding::HEXLOWER.encode(pending.id.as_bytes())
        )
    };
    let approve = v1::ApproveStaffDeviceRequest { name: name() };
    let approved = client.approve_staff_device(organiser.call(approve)).await;
    approved.expect("approved");
    let revoke = v1::RevokeDeviceRequest { name: name() };
    let revoked = client.revoke_device(organiser.call(revoke)).await;
    revoked.expect("revoked");
    let another = client.create_invitation(organiser.call(ask())).await;
    let name = another.expect("invited").into_inner().name;
    let all = v1::ListInvitationsRequest::default();
    let listed = client.list_invitations(organiser.call(all)).await;
    listed.expect("listed");
    let delete = v1::DeleteInvitationRequest { name };
    let deleted = client.delete_invitation(organiser.call(delete)).await;
    deleted.expect("deleted");
    let devices = v1::ListDevicesRequest::default();
    let listed = client.list_devices(organiser.call(devices)).await;
    listed.expect("listed");
    let card = v1::CreateCardRequest {
        request_id: crate::marks::ID.to_vec(),
    };
    let card = client.create_card(staff.call(card)).await.expect("a card");
    let pass = card.into_inner().pass.expect("signed").pass;
    let tag = v1::Pass::decode(&*pass).expect("a pass").tag;
    marks.bytes(&tag, "a card");
    let admin = world.enrolled(Role::Admin, &[]).await;
    marks.device(&admin);
    let entries = v1::ListAuditEntriesRequest::default();
    let listed = client.list_audit_entries(admin.call(entries)).await;
    listed.expect("listed");
}

async fn withdrawing(world: &World, staff: &Device, marks: &mut Marks) {
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    marks.device(&phone);
    phone.check_in(world, BASEMENT).await;
    let confirmed = phone.sync(world).await.ops_of(OpKind::AwardConfirmed);
    let Ok(Some(Payload::AwardConfirmed(confirmed))) = confirmed[0].op.parse() else {
        panic!("not a confirmation")
    };
    marks.bytes(confirmed.award.as_bytes(), "an award");
    let request = v1::WithdrawAwardRequest {
        pass_tag: phone.pass.expect("a pass").to_vec(),
        award_id: confirmed.award.to_vec(),
        reason: v1::WithdrawalReason::GrantedByMistake.into(),
    };
    let mut client = AdminServiceClient::new(world.channel.clone());
    let withdrawn = client.withdraw_award(staff.call(request)).await;
    withdrawn.expect("withdrawn");
}

async fn beside(world: &World) {
    let mut health = HealthClient::new(world.channel.clone());
    let checked = health.check(HealthCheckRequest::default()).await;
    checked.expect("checked");
    let watched = health.watch(HealthCheckRequest::default()).await;
    let first = watched.expect("watching").into_inner().message().await;
    first.expect("open").expect("an answer");
    let mut reflection = ServerReflectionClient::new(world.channel.clone());
    let request = ServerReflectionRequest {
        host: TEXT.to_owned(),
        message_request: Some(MessageRequest::FileContainingSymbol(TEXT.to_owned())),
    };
    let asked = reflection.server_reflection_info(tokio_stream::once(request));
    let _ = asked.await.expect("asked").into_inner().message().await;
    let mut reflection = AlphaClient::new(world.channel.clone());
    let request = AlphaRequest {
        host: TEXT.to_owned(),
        message_request: Some(AlphaMessage::ListServices(TEXT.to_owned())),
    };
    let asked = reflection.server_reflection_info(tokio_stream::once(request));
    let mut answers = asked.await.expect("asked").into_inner();
    while let Ok(Some(_)) = answers.message().await {}
}

/// Nobody listens at its address.
pub(crate) fn redis_that_is_away() -> RedisFanOut {
    let away = RedisFanOut::start("redis://127.0.0.1:1", BTreeMap::new(), &SystemEntropy);
    away.expect("an address")
}

/// A server beside the one that is asked, of which only its certificate counts.
pub(crate) async fn server_that_speaks_tls() -> World {
    World::configured(Backend::Memory, |config| {
        let of = |file: &str| {
            let folder = "../client-sdk/tests/tls/certificates";
            format!("{}/{folder}/{file}.pem", env!("CARGO_MANIFEST_DIR")).into()
        };
        config.server.tls = Some(TlsFiles {
            certificate: of("good"),
            key: of("server.key"),
        });
    })
    .await
}

/// A sync within a trace of the caller's.
pub(crate) async fn sync_in_trace(world: &World, traceparent: &str) {
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    let batch = phone.write(&[acts::check_in(BASEMENT, NOON)]);
    let request = phone.request(vec![phone.seal(&batch)]);
    let mut call = phone.call(request);
    let place = traceparent.parse().expect("ASCII");
    call.metadata_mut().insert("traceparent", place);
    let mut client = SyncServiceClient::new(world.channel.clone());
    let mut parts = client.sync(call).await.expect("synced").into_inner();
    while parts.message().await.expect("open").is_some() {}
}

/// How long a sync with nothing new takes: the median of so many.
pub(crate) async fn typical_sync(world: &World, syncs: usize) -> Duration {
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    phone.check_in(world, BASEMENT).await;
    let clock = SystemClock::start();
    let mut took = Vec::new();
    for _ in 0..syncs {
        let begun = clock.monotonic();
        phone
            .send(world, phone.request(Vec::new()))
            .await
            .expect("synced");
        took.push(clock.monotonic().saturating_sub(begun));
    }
    took.sort_unstable();
    took[syncs / 2]
}
