//! Enrolling and coming back.

use std::sync::Arc;

use askel_client_sdk::{Advice, ComeBack, Presence};
use askel_proto::v1::Role;
use askel_sync::{
    invitation::{Link, LinkKind, long_code},
    key::KeyPair,
};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, World, enrolled};

#[tokio::test]
async fn the_same_link_again_after_a_lost_answer_enrols() {
    let desk = Arc::new(Desk::new());
    let phone = Phone::new(&desk, 1);
    let client = phone.open();
    desk.disturb(Disturbance::RequestLost);
    let lost = client
        .enrol(&desk.world.invitation())
        .await
        .expect_err("lost");
    assert_eq!(lost.advice(), Advice::RetryLater);
    let enrolled = phone
        .open()
        .enrol(&desk.world.invitation())
        .await
        .expect("enrolled");
    assert_eq!(enrolled.role, Role::Participant);
    assert_eq!(phone.open().enrolled(), Some(enrolled));
    let again = phone
        .open()
        .enrol(&desk.world.invitation())
        .await
        .expect_err("once only");
    assert_eq!(again.advice(), Advice::FixInput);
}

#[tokio::test]
async fn a_link_that_is_none_or_of_another_kind_is_refused() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
    let sheet = desk.world.link(LinkKind::RecoverySheet, long_code([1; 16]));
    for text in ["", "https://example.org", &sheet] {
        let refused = client.enrol(text).await.expect_err("no invitation");
        assert_eq!(refused.advice(), Advice::FixInput);
    }
    let right = ComeBack::RecoverySheet(desk.world.invitation());
    assert_eq!(
        client
            .come_back(right)
            .await
            .expect_err("no sheet")
            .advice(),
        Advice::FixInput
    );
}

#[tokio::test]
async fn a_server_of_another_root_is_not_trusted() {
    let desk = Arc::new(Desk::new());
    let client = Phone::new(&desk, 1).open();
    let foreign = World {
        root: KeyPair::from_seed(&[9; 32]),
        ..World::new()
    };
    let refused = client
        .enrol(&foreign.invitation())
        .await
        .expect_err("another root");
    assert_eq!(refused.advice(), Advice::RetryLater);
    assert_eq!(client.enrolled(), None);
}

#[tokio::test]
async fn a_lost_phone_comes_back_with_a_sheet_and_everything_that_was_synced() {
    let desk = Arc::new(Desk::new());
    let (_, lost) = enrolled(&desk, 1).await;
    lost.check_in(PLACE).expect("a place that is open");
    lost.sync(BUDGET).await.expect("a sync");
    let sheet = lost.create_recovery_sheet().await.expect("a sheet");
    let link: Link = sheet.text.parse().expect("a link");
    assert_eq!(link.kind, LinkKind::RecoverySheet);

    let new = Phone::new(&desk, 2).open();
    assert_ne!(
        new.device_public_key().as_bytes(),
        lost.device_public_key().as_bytes()
    );
    let back = new
        .come_back(ComeBack::RecoverySheet(sheet.text))
        .await
        .expect("back");
    assert_eq!(
        back.participant,
        lost.enrolled().and_then(|enrolled| enrolled.participant)
    );
    assert!(
        back.recovery_sheet
            .is_some_and(|next| next.text.parse::<Link>().is_ok())
    );
    new.sync(BUDGET).await.expect("a sync");
    assert_eq!(new.awards(), lost.awards());
    assert_eq!(
        new.check_in(PLACE).expect("here").presence,
        Presence::AlreadyHere
    );
}

#[tokio::test]
async fn after_an_approval_any_link_of_the_tenant_says_where_to_go() {
    let desk = Arc::new(Desk::new());
    let (_, old) = enrolled(&desk, 1).await;
    let new = Phone::new(&desk, 2).open();
    old.approve_device(&new.device_public_key(), None)
        .await
        .expect("approved");
    let right = ComeBack::Approved(desk.world.invitation());
    let back = new.come_back(right).await.expect("back");
    assert_eq!(back.recovery_sheet, None);
    new.sync(BUDGET).await.expect("a sync");
}

#[tokio::test]
async fn own_devices_are_listed_and_one_is_revoked() {
    let desk = Arc::new(Desk::new());
    let (_, lost) = enrolled(&desk, 1).await;
    let (_, phone) = enrolled(&desk, 2).await;
    let lost = lost.enrolled().expect("enrolled").device;
    let listed = phone.own_devices().await.expect("listed");
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|one| one.current != (one.device == lost)));
    phone.revoke_own_device(lost).await.expect("revoked");
    let left = phone.own_devices().await.expect("listed");
    assert!(left.iter().all(|one| one.device != lost));
}
