//! Coming in by invitation, and what does not come in.

use askel_proto::v1::{self, admin_service_client::AdminServiceClient};
use askel_sync::{
    admission::Role,
    key::{KeyList, prove_enrolment},
    time::{DAY_MS, MINUTE_MS},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    device::Device,
    world::{NOON, World, new_key, refused},
};

async fn the_same_code_with_the_same_key_gets_the_same_answer(world: World) {
    let code = world.invite(Role::Participant, &[]).await;
    let key = new_key();
    let first = world.enrol(&code, &key).await.expect("enrolled");
    assert_eq!(first.role(), v1::Role::Participant);
    assert_eq!(first.state(), v1::DeviceState::Active);
    let list = first.key_list.as_ref().expect("a key list");
    let root = world.tenant.root.public_key().hash();
    KeyList::verify(list, world.tenant.id, &root, 0).expect("signed by the root");
    let before = world.snapshot().await;
    let typed_again = code.to_lowercase().replace('-', " ");
    assert_eq!(
        world
            .enrol(&typed_again, &key)
            .await
            .expect("enrolled again"),
        first
    );
    assert_eq!(world.snapshot().await, before);
}

async fn an_unknown_used_or_expired_code_is_refused_and_changes_nothing(world: World) {
    let used = world.invite(Role::Participant, &[]).await;
    let expired = world.invite(Role::Participant, &[]).await;
    world.enrol(&used, &new_key()).await.expect("enrolled");
    let before = world.snapshot().await;
    let unknown = world
        .enrol("0000-0000-0000", &new_key())
        .await
        .expect_err("refused");
    refused(&unknown, Code::NotFound, "INVITATION_UNKNOWN");
    let no_code = world.enrol("hello", &new_key()).await.expect_err("refused");
    refused(&no_code, Code::NotFound, "INVITATION_UNKNOWN");
    let again = world.enrol(&used, &new_key()).await.expect_err("refused");
    refused(&again, Code::FailedPrecondition, "INVITATION_USED");
    world.set_clock(NOON.saturating_add_ms(7 * DAY_MS));
    let late = world
        .enrol(&expired, &new_key())
        .await
        .expect_err("refused");
    refused(&late, Code::FailedPrecondition, "INVITATION_EXPIRED");
    assert_eq!(world.snapshot().await, before);
}

async fn many_guesses_at_once_are_no_more_than_one_after_the_other(world: World) {
    let world = std::sync::Arc::new(world);
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let world = std::sync::Arc::clone(&world);
        guesses.spawn(async move { world.enrol("0000-0000-0000", &new_key()).await });
    }
    let mut tried = 0;
    while let Some(guess) = guesses.join_next().await {
        let refusal = guess.expect("answered").expect_err("refused");
        match refusal.code() {
            Code::NotFound => tried += 1,
            _ => refused(&refusal, Code::ResourceExhausted, "ENROLMENT_LIMITED"),
        }
    }
    assert_eq!(tried, 20);
}

async fn guessing_is_stopped_for_a_while_and_then_the_good_code_works(world: World) {
    let good = world.invite(Role::Participant, &[]).await;
    let before = world.snapshot().await;
    for _ in 0..20 {
        let guess = world
            .enrol("0000-0000-0000", &new_key())
            .await
            .expect_err("refused");
        refused(&guess, Code::NotFound, "INVITATION_UNKNOWN");
    }
    let stopped = world.enrol(&good, &new_key()).await.expect_err("refused");
    refused(&stopped, Code::ResourceExhausted, "ENROLMENT_LIMITED");
    let delay = stopped
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    assert_eq!(delay.map(|delay| delay.as_secs()), Some(600));
    assert_eq!(world.snapshot().await, before);
    world.set_clock(NOON.saturating_add_ms(10 * MINUTE_MS + 1));
    world.enrol(&good, &new_key()).await.expect("enrolled");
}

async fn another_tenant_is_told_nothing_more_than_an_unknown_code(world: World) {
    let code = world.invite(Role::Participant, &[]).await;
    let before = world.snapshot().await;
    let key = new_key();
    let request = v1::EnrolRequest {
        tenant_id: vec![9; 16],
        invitation_code: code,
        device_public_key: key.public_key().as_bytes().to_vec(),
        ..v1::EnrolRequest::default()
    };
    let error = world.enrol_with(request).await.expect_err("refused");
    refused(&error, Code::NotFound, "INVITATION_UNKNOWN");
    assert_eq!(world.snapshot().await, before);
}

async fn a_proof_by_another_key_or_over_another_code_is_refused(world: World) {
    let code = world.invite(Role::Participant, &[]).await;
    let before = world.snapshot().await;
    let (key, other) = (new_key(), new_key());
    let over_another_code = prove_enrolment(&key, world.tenant.id, "");
    let by_another_key = prove_enrolment(&other, world.tenant.id, &code.replace('-', ""));
    for proof in [over_another_code, by_another_key, Vec::new()] {
        let request = v1::EnrolRequest {
            tenant_id: world.tenant.id.to_vec(),
            invitation_code: code.clone(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof,
            versions: None,
        };
        let error = world.enrol_with(request).await.expect_err("refused");
        refused(&error, Code::PermissionDenied, "PROOF_INVALID");
    }
    assert_eq!(world.snapshot().await, before);
}

async fn fields_out_of_bounds_and_versions_of_the_future_are_refused(world: World) {
    let key = new_key();
    let good = v1::EnrolRequest {
        tenant_id: world.tenant.id.to_vec(),
        invitation_code: "0000-0000-0000".to_owned(),
        device_public_key: key.public_key().as_bytes().to_vec(),
        proof: Vec::new(),
        versions: None,
    };
    let check = async |request: v1::EnrolRequest, code, reason| {
        refused(
            &world.enrol_with(request).await.expect_err("refused"),
            code,
            reason,
        );
    };
    let field = (Code::InvalidArgument, "FIELD_INVALID");
    check(
        v1::EnrolRequest {
            tenant_id: vec![1; 15],
            ..good.clone()
        },
        field.0,
        field.1,
    )
    .await;
    let weak = v1::EnrolRequest {
        device_public_key: vec![0; 32],
        ..good.clone()
    };
    check(weak, field.0, field.1).await;
    let long = v1::EnrolRequest {
        invitation_code: "0".repeat(129),
        ..good.clone()
    };
    check(long, field.0, field.1).await;
    let longest = v1::EnrolRequest {
        invitation_code: "0".repeat(128),
        ..good.clone()
    };
    check(longest, Code::NotFound, "INVITATION_UNKNOWN").await;
    let future = v1::VersionRange {
        lowest: 2,
        highest: 3,
    };
    let future = v1::EnrolRequest {
        versions: Some(future),
        ..good
    };
    check(future, Code::FailedPrecondition, "VERSION_UNSUPPORTED").await;
}

async fn a_staff_device_waits_for_its_inviter(world: World) {
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let other = world.enrolled(Role::Organiser, &[]).await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let invitation = v1::Invitation {
        role: v1::Role::Staff.into(),
        place_ids: vec![1],
        ..v1::Invitation::default()
    };
    let request = v1::CreateInvitationRequest {
        invitation: Some(invitation),
        ..Default::default()
    };
    let invited = admin
        .create_invitation(organiser.call(request))
        .await
        .expect("invited");
    let key = new_key();
    let enrolled = world
        .enrol(&invited.into_inner().code, &key)
        .await
        .expect("enrolled");
    assert_eq!(enrolled.state(), v1::DeviceState::Pending);
    assert_eq!(enrolled.staff_certificate, None);
    let staff = Device::new(&world, key, &enrolled);
    let waiting = staff
        .send(&world, staff.request(Vec::new()))
        .await
        .expect_err("refused");
    refused(&waiting, Code::PermissionDenied, "DEVICE_PENDING");
    let name = format!(
        "devices/{}",
        data_encoding::HEXLOWER.encode(staff.id.as_bytes())
    );
    let approve = || v1::ApproveStaffDeviceRequest { name: name.clone() };
    let stranger = admin
        .approve_staff_device(other.call(approve()))
        .await
        .expect_err("refused");
    refused(&stranger, Code::PermissionDenied, "DEVICE_NOT_YOURS");
    let approved = admin
        .approve_staff_device(organiser.call(approve()))
        .await
        .expect("approved");
    assert_eq!(approved.into_inner().state(), v1::DeviceState::Active);
    let first = staff
        .send(&world, staff.request(Vec::new()))
        .await
        .expect("synced");
    assert!(first.opening.staff_certificate.is_some());
}

on_both_stores!(
    the_same_code_with_the_same_key_gets_the_same_answer,
    an_unknown_used_or_expired_code_is_refused_and_changes_nothing,
    many_guesses_at_once_are_no_more_than_one_after_the_other,
    guessing_is_stopped_for_a_while_and_then_the_good_code_works,
    another_tenant_is_told_nothing_more_than_an_unknown_code,
    a_proof_by_another_key_or_over_another_code_is_refused,
    fields_out_of_bounds_and_versions_of_the_future_are_refused,
    a_staff_device_waits_for_its_inviter,
);
