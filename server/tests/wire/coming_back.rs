//! A lost phone: recovery sheet, another device's approval, staff's re-invitation.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, come_back_request::Right,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_sync::{
    admission::Role,
    op::{OpKind, ProfileField},
    time::{HOUR_MS, MINUTE_MS},
};
use tonic::Code;

use crate::{
    acts,
    catalog::BASEMENT,
    device::Device,
    world::{NOON, World, new_key, refused},
};

/// A new recovery sheet's code.
pub(crate) async fn sheet(world: &World, device: &Device) -> String {
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let request = device.call(v1::CreateRecoverySheetRequest {});
    client
        .create_recovery_sheet(request)
        .await
        .expect("a sheet")
        .into_inner()
        .code
}

async fn a_recovery_sheet_brings_everything_back_and_ends_the_old_device(world: World) {
    let mut old = world.participant().await;
    old.check_in(&world, BASEMENT).await;
    let code = sheet(&world, &old).await;
    let key = new_key();
    let back = world
        .come_back(Right::RecoveryCode(code.clone()), &key)
        .await
        .expect("back");
    assert_eq!(back.participant_id, old.participant.expect("one").to_vec());
    assert_ne!(
        back.recovery_sheet.as_ref().expect("the next sheet").code,
        code
    );
    let again = world
        .come_back(Right::RecoveryCode(code.clone()), &key)
        .await
        .expect("again");
    assert_eq!(again, back);
    let mut new = Device::new(&world, key, &back);
    assert_eq!(new.awards(&world).await, 1);
    let gone = old
        .send(&world, old.request(Vec::new()))
        .await
        .expect_err("refused");
    refused(&gone, Code::PermissionDenied, "DEVICE_REVOKED");
    let thief = world.come_back(Right::RecoveryCode(code), &new_key()).await;
    refused(
        &thief.expect_err("refused"),
        Code::FailedPrecondition,
        "INVITATION_USED",
    );
    let next = back.recovery_sheet.expect("the next sheet").code;
    world
        .come_back(Right::RecoveryCode(next), &new_key())
        .await
        .expect("back once more");
}

async fn a_new_sheet_ends_the_one_before(world: World) {
    let phone = world.participant().await;
    let first = sheet(&world, &phone).await;
    sheet(&world, &phone).await;
    let before = world.snapshot().await;
    let refusal = world
        .come_back(Right::RecoveryCode(first), &new_key())
        .await;
    refused(
        &refusal.expect_err("refused"),
        Code::NotFound,
        "INVITATION_UNKNOWN",
    );
    assert_eq!(world.snapshot().await, before);
}

async fn another_device_approves_a_key_for_ten_minutes(world: World) {
    let mut phone = world.participant().await;
    phone.check_in(&world, BASEMENT).await;
    let key = new_key();
    let approve = || v1::ApproveDeviceRequest {
        device_public_key: key.public_key().as_bytes().to_vec(),
        replaced_device_id: Vec::new(),
    };
    let unapproved = world
        .come_back(Right::Approval(v1::DeviceApproval {}), &key)
        .await;
    refused(
        &unapproved.expect_err("refused"),
        Code::NotFound,
        "INVITATION_UNKNOWN",
    );
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    client
        .approve_device(phone.call(approve()))
        .await
        .expect("approved");
    world.set_clock(NOON.saturating_add_ms(10 * MINUTE_MS));
    let late = world
        .come_back(Right::Approval(v1::DeviceApproval {}), &key)
        .await;
    refused(
        &late.expect_err("refused"),
        Code::FailedPrecondition,
        "INVITATION_EXPIRED",
    );
    phone.now = NOON.saturating_add_ms(10 * MINUTE_MS);
    client
        .approve_device(phone.call(approve()))
        .await
        .expect("approved");
    let back = world
        .come_back(Right::Approval(v1::DeviceApproval {}), &key)
        .await;
    let mut second = Device::new(&world, key.clone(), &back.expect("linked"));
    assert_eq!(second.awards(&world).await, 1);
    let told = phone.sync(&world).await;
    assert_eq!(
        told.ops_of(OpKind::DeviceChanged).len(),
        3,
        "approved twice and enrolled"
    );
}

async fn a_device_of_another_participant_can_not_be_replaced_or_revoked(world: World) {
    let mine = world.participant().await;
    let theirs = world.enrolled(Role::Participant, &[]).await;
    let before = world.snapshot().await;
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let request = v1::ApproveDeviceRequest {
        device_public_key: new_key().public_key().as_bytes().to_vec(),
        replaced_device_id: theirs.id.to_vec(),
    };
    let error = client
        .approve_device(mine.call(request))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "DEVICE_NOT_YOURS");
    let request = v1::RevokeOwnDeviceRequest {
        device_id: theirs.id.to_vec(),
    };
    let error = client
        .revoke_own_device(mine.call(request))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "DEVICE_NOT_YOURS");
    assert_eq!(world.snapshot().await, before);
}

/// A participant with alias and picture, and the code of a re-invitation.
pub(crate) async fn re_invited(world: &World) -> (Device, Device, String) {
    let mut phone = world.participant().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let alias = acts::profile(ProfileField::Alias(acts::ALIAS), NOON);
    let picture = acts::profile(ProfileField::Picture(7), NOON);
    phone
        .hand_in(world, &[alias, picture, acts::check_in(BASEMENT, NOON)])
        .await;
    let invited = invite_again(world, &staff, &phone, 7)
        .await
        .expect("re-invited");
    (phone, staff, invited.code)
}

async fn invite_again(
    world: &World,
    staff: &Device,
    phone: &Device,
    seen_picture: u32,
) -> Result<v1::Invitation, tonic::Status> {
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
    client
        .create_invitation(staff.call(request))
        .await
        .map(tonic::Response::into_inner)
}

async fn a_re_invited_device_hands_in_and_reads_nothing_of_before_for_three_days(world: World) {
    let (mut old, _, code) = re_invited(&world).await;
    let key = new_key();
    let back = world
        .come_back(Right::ReInvitationCode(code), &key)
        .await
        .expect("back");
    assert_eq!(back.state(), v1::DeviceState::Probation);
    assert_eq!(back.new_facts_only_until_ms, NOON.as_ms() + 72 * HOUR_MS);
    let mut new = Device::new(&world, key, &back);
    let answer = new.hand_in(&world, &[acts::steps(NOON, 500)]).await;
    assert_eq!(answer.outcome().settled_before, 1);
    assert!(
        answer.ops_of(OpKind::CheckIn).is_empty() && answer.ops_of(OpKind::StepCount).is_empty()
    );
    let picture = acts::profile(ProfileField::Picture(9), NOON);
    let answer = new.hand_in(&world, &[picture]).await;
    assert_eq!(answer.rejection().reason, "NEW_FACTS_ONLY");
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let request = new.call(v1::CreateRecoverySheetRequest {});
    let sheet = client
        .create_recovery_sheet(request)
        .await
        .expect_err("refused");
    refused(&sheet, Code::PermissionDenied, "DEVICE_ON_PROBATION");
    let told = old.sync(&world).await.ops_of(OpKind::DeviceChanged);
    assert_eq!(told.len(), 1, "the device they have is told");
    world.set_clock(NOON.saturating_add_ms(72 * HOUR_MS));
    let answer = new.sync(&world).await;
    assert_eq!(answer.ops_of(OpKind::CheckIn).len(), 1);
    assert_eq!(answer.ops_of(OpKind::StepCount).len(), 1);
}

async fn a_re_invited_device_can_be_refused_while_it_is_on_probation(world: World) {
    let (old, _, code) = re_invited(&world).await;
    let key = new_key();
    let back = world
        .come_back(Right::ReInvitationCode(code), &key)
        .await
        .expect("back");
    let new = Device::new(&world, key, &back);
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let own = v1::RefuseDeviceRequest {
        device_id: old.id.to_vec(),
    };
    let error = client
        .refuse_device(old.call(own))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "DEVICE_NOT_YOURS");
    let request = v1::RefuseDeviceRequest {
        device_id: new.id.to_vec(),
    };
    let ended = client
        .refuse_device(old.call(request))
        .await
        .expect("refused it")
        .into_inner();
    assert_eq!(ended.state(), v1::DeviceState::Revoked);
    let error = new
        .send(&world, new.request(Vec::new()))
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "DEVICE_REVOKED");
}

async fn staff_who_saw_another_picture_invite_nobody(world: World) {
    let (phone, staff, _) = re_invited(&world).await;
    let before = world.snapshot().await;
    let error = invite_again(&world, &staff, &phone, 8)
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "RE_INVITATION_MISMATCH");
    assert_eq!(world.snapshot().await, before);
}

on_both_stores!(
    a_recovery_sheet_brings_everything_back_and_ends_the_old_device,
    a_new_sheet_ends_the_one_before,
    another_device_approves_a_key_for_ten_minutes,
    a_device_of_another_participant_can_not_be_replaced_or_revoked,
    a_re_invited_device_hands_in_and_reads_nothing_of_before_for_three_days,
    a_re_invited_device_can_be_refused_while_it_is_on_probation,
    staff_who_saw_another_picture_invite_nobody,
);
