//! What the journal says of ends: also of one that a server carried out and did not live to note.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, come_back_request::Right,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_store::{Audit, AuditAction, DeviceChange, EnrolmentStore as _};
use askel_sync::{admission::Role, id::DeviceId, time::HOUR_MS};
use tonic::Code;

use crate::{
    coming_back::re_invited,
    device::Device,
    world::{NOON, World, new_key, refused},
};

/// A server carries a revocation out, and is gone before its journal has it.
async fn revoked_by_one_that_died(world: &World, device: DeviceId) {
    let audit = Audit {
        at: NOON,
        actor: None,
        action: AuditAction::DeviceRevoked,
        target: Audit::device_name(device),
    };
    let revoked =
        world
            .memory()
            .change_device(world.tenant.id, device, DeviceChange::REVOKE, &audit);
    revoked.await.expect("memory").expect("a device");
}

async fn is_revoked(world: &World, device: &Device) {
    let call = device.send(world, device.request(Vec::new())).await;
    refused(
        &call.expect_err("refused"),
        Code::PermissionDenied,
        "DEVICE_REVOKED",
    );
}

async fn a_revocation_that_is_asked_for_again_is_in_the_journal(mut world: World) {
    let admin = world.enrolled(Role::Admin, &[]).await;
    let staff = world.enrolled(Role::Staff, &[]).await;
    let backup = world.back_up().await;
    revoked_by_one_that_died(&world, staff.id).await;
    let name = Audit::device_name(staff.id);
    let mut client = AdminServiceClient::new(world.channel.clone());
    let asked = client.revoke_device(admin.call(v1::RevokeDeviceRequest { name }));
    assert_eq!(
        asked.await.expect("revoked").into_inner().state(),
        v1::DeviceState::Revoked
    );
    world.go_back_to(backup).await;
    is_revoked(&world, &staff).await;
}

/// Which of the two ways a participant ends a device of theirs.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Revoked,
    Refused,
}

async fn an_own_end_that_is_asked_for_again(mut world: World, ending: Ending) {
    let (old, _, code) = re_invited(&world).await;
    let key = new_key();
    let back = world.come_back(Right::ReInvitationCode(code), &key).await;
    let new = Device::new(&world, key, &back.expect("back"));
    let backup = world.back_up().await;
    revoked_by_one_that_died(&world, new.id).await;
    let mut client = EnrolmentServiceClient::new(world.channel.clone());
    let device_id = new.id.to_vec();
    let asked = match ending {
        Ending::Revoked => {
            let request = v1::RevokeOwnDeviceRequest { device_id };
            client.revoke_own_device(old.call(request)).await
        }
        Ending::Refused => {
            let request = v1::RefuseDeviceRequest { device_id };
            client.refuse_device(old.call(request)).await
        }
    };
    assert_eq!(
        asked.expect("ended").into_inner().state(),
        v1::DeviceState::Revoked
    );
    world.go_back_to(backup).await;
    is_revoked(&world, &new).await;
}

async fn an_own_revocation_that_is_asked_for_again_is_in_the_journal(world: World) {
    an_own_end_that_is_asked_for_again(world, Ending::Revoked).await;
}

async fn a_refusal_that_is_asked_for_again_is_in_the_journal(world: World) {
    an_own_end_that_is_asked_for_again(world, Ending::Refused).await;
}

async fn whom_a_probation_ended_stays_so_though_the_journal_had_no_room_at_first(mut world: World) {
    let (mut old, _, code) = re_invited(&world).await;
    let key = new_key();
    let back = world.come_back(Right::ReInvitationCode(code), &key).await;
    let mut new = Device::new(&world, key, &back.expect("back"));
    let backup = world.back_up().await;
    let end = NOON.saturating_add_ms(72 * HOUR_MS);
    world.set_clock(end);
    (old.now, new.now) = (end, end);
    world.journal().fill(true);
    let refusal = new.send(&world, new.request(Vec::new())).await;
    refused(
        &refusal.expect_err("no room"),
        Code::ResourceExhausted,
        "STORE_FULL",
    );
    world.journal().fill(false);
    let again = new.send(&world, new.request(Vec::new())).await;
    again.expect("off probation");
    world.go_back_to(backup).await;
    is_revoked(&world, &old).await;
}

on_memory!(
    a_revocation_that_is_asked_for_again_is_in_the_journal,
    an_own_revocation_that_is_asked_for_again_is_in_the_journal,
    a_refusal_that_is_asked_for_again_is_in_the_journal,
    whom_a_probation_ended_stays_so_though_the_journal_had_no_room_at_first,
);
