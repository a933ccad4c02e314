//! Invitations, cards, figures, withdrawals, the audit log.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, reading_service_client::ReadingServiceClient,
    report_cell::Cell,
};
use askel_store::{AuditEntry, PageRequest};
use askel_sync::{
    admission::Role,
    id::PassTag,
    op::{OpKind, Payload},
};
use prost::Message as _;
use tonic::Code;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY, TOGETHER},
    device::Device,
    world::{NOON, World, refused},
};

async fn nobody_invites_above_themselves_or_beyond_their_places(world: World) {
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let before = world.snapshot().await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let ask = |role: v1::Role, place_ids: Vec<u32>, valid_for_ms| v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            role: role.into(),
            place_ids,
            ..Default::default()
        }),
        valid_for_ms,
        ..v1::CreateInvitationRequest::default()
    };
    for request in [
        staff.call(ask(v1::Role::Staff, vec![BASEMENT], 0)),
        staff.call(ask(v1::Role::Volunteer, vec![LIBRARY], 0)),
        staff.call(ask(v1::Role::Volunteer, Vec::new(), 0)),
        organiser.call(ask(v1::Role::Organiser, Vec::new(), 0)),
        organiser.call(ask(v1::Role::Unspecified, Vec::new(), 0)),
    ] {
        let error = admin.create_invitation(request).await.expect_err("refused");
        refused(&error, Code::PermissionDenied, "INVITATION_NOT_ALLOWED");
    }
    let day_ms = 24 * 3_600_000;
    let too_long = organiser.call(ask(v1::Role::Staff, Vec::new(), day_ms + 1));
    let error = admin
        .create_invitation(too_long)
        .await
        .expect_err("refused");
    refused(&error, Code::InvalidArgument, "FIELD_INVALID");
    assert_eq!(world.snapshot().await, before);
    let longest = organiser.call(ask(v1::Role::Staff, Vec::new(), day_ms));
    let invited = admin
        .create_invitation(longest)
        .await
        .expect("invited")
        .into_inner();
    let link: askel_sync::invitation::Link = invited.link.parse().expect("a link");
    assert_eq!((link.tenant, &link.code), (world.tenant.id, &invited.code));
    let name = v1::DeleteInvitationRequest { name: invited.name };
    admin
        .delete_invitation(organiser.call(name.clone()))
        .await
        .expect("taken back");
    let error = admin
        .delete_invitation(organiser.call(name))
        .await
        .expect_err("refused");
    refused(&error, Code::NotFound, "NOT_FOUND");
}

async fn a_card_earns_what_a_phone_earns(world: World) {
    world.organised().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let ask = || v1::CreateCardRequest {
        request_id: vec![4; 16],
    };
    let card = admin
        .create_card(staff.call(ask()))
        .await
        .expect("a card")
        .into_inner();
    let again = admin
        .create_card(staff.call(ask()))
        .await
        .expect("a card")
        .into_inner();
    assert_eq!(card, again);
    let pass = v1::Pass::decode(&*card.pass.expect("signed").pass).expect("a pass");
    let tag = PassTag::try_from(&*pass.tag).expect("a tag");
    staff
        .hand_in(&world, &[acts::scan(BASEMENT, tag, NOON)])
        .await;
    let verified = askel_server::verify(&*world.store, world.tenant.id)
        .await
        .expect("verified");
    let [holder] = verified.participants.as_slice() else {
        panic!("one participant")
    };
    assert_eq!(
        (holder.devices, holder.attendances, holder.confirmed.len()),
        (0, 1, 1)
    );
    assert_eq!(holder.awards, holder.confirmed);
}

async fn a_void_takes_the_attendance_and_no_badge(world: World) {
    let mut phone = world.participant().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let scan = acts::scan(BASEMENT, phone.pass.expect("a pass"), NOON);
    let batch = staff.write(&[scan]);
    let request = v1::SyncRequest {
        batches: vec![staff.seal(&batch)],
        ..Default::default()
    };
    staff.send(&world, request).await.expect("synced");
    assert_eq!(phone.awards(&world).await, 1);
    staff
        .hand_in(&world, &[acts::void(batch.ops[0].id(), NOON)])
        .await;
    assert_eq!(phone.awards(&world).await, 1);
    let verified = askel_server::verify(&*world.store, world.tenant.id)
        .await
        .expect("verified");
    assert_eq!((verified.attendances(), verified.rows_agree), (0, true));
    assert_eq!(verified.participants[0].awards.len(), 1);
}

/// Five people and two without a name in the basement, one person in the library.
async fn a_busy_day(world: &World) -> (Device, Device) {
    let organiser = world.organised().await;
    let mut staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    for _ in 0..5 {
        let mut phone = world.enrolled(Role::Participant, &[]).await;
        phone.check_in(world, BASEMENT).await;
    }
    let mut visitor = world.enrolled(Role::Participant, &[]).await;
    visitor.check_in(world, LIBRARY).await;
    let tallies = [
        acts::tally(BASEMENT, 3, NOON),
        acts::tally(BASEMENT, -1, NOON),
    ];
    staff.hand_in(world, &tallies).await;
    (organiser, staff)
}

fn cell(cell: Option<v1::ReportCell>) -> Cell {
    cell.expect("a cell").cell.expect("a figure")
}

async fn staff_read_exact_counts_of_their_own_places(world: World) {
    let (_, staff) = a_busy_day(&world).await;
    let mut reading = ReadingServiceClient::new(world.channel.clone());
    let named = |place: u32| v1::GetPlaceDayRequest {
        name: format!("places/{place}/days/2016-04-12"),
    };
    let day = reading.get_place_day(staff.call(named(BASEMENT))).await;
    let day = day.expect("read").into_inner();
    let [session] = day.sessions.as_slice() else {
        panic!("one session")
    };
    assert_eq!(
        (session.attendances, session.tallies, day.encounters),
        (5, 2, 7)
    );
    let elsewhere = reading.get_place_day(staff.call(named(LIBRARY))).await;
    let error = elsewhere.expect_err("refused");
    refused(&error, Code::PermissionDenied, "PLACE_NOT_YOURS");
}

async fn organisers_read_sums_that_are_silent_about_few_people(world: World) {
    let (organiser, _) = a_busy_day(&world).await;
    let mut reading = ReadingServiceClient::new(world.channel.clone());
    let dates = v1::GetEncounterSummaryRequest {
        first_date: 16_903,
        last_date: 16_903,
    };
    let summary = reading.get_encounter_summary(organiser.call(dates)).await;
    let summary = summary.expect("read").into_inner();
    assert_eq!(
        (summary.attendances, summary.tallies, summary.encounters),
        (6, 2, 8)
    );
    assert_eq!(cell(summary.participants), Cell::Value(6));
    let places: Vec<Cell> = summary
        .places
        .iter()
        .map(|place| cell(place.participants))
        .collect();
    let hidden = Cell::Suppressed(v1::Suppressed {});
    assert_eq!(
        places,
        [hidden, hidden],
        "one person, and the five that would give it away"
    );
    let backwards = v1::GetEncounterSummaryRequest {
        first_date: 16_903,
        last_date: 16_902,
    };
    let error = reading
        .get_encounter_summary(organiser.call(backwards))
        .await;
    refused(
        &error.expect_err("refused"),
        Code::InvalidArgument,
        "FIELD_INVALID",
    );
}

async fn everyone_reads_a_challenge_as_it_was_told(world: World) {
    let organiser = world.organised().await;
    let mut reading = ReadingServiceClient::new(world.channel.clone());
    let named = || v1::GetChallengeRequest {
        name: format!("challenges/{TOGETHER}"),
    };
    let none = reading
        .get_challenge(organiser.call(named()))
        .await
        .expect("read")
        .into_inner();
    assert_eq!(cell(none.total), Cell::NotRecorded(v1::NotRecorded {}));
    for _ in 0..5 {
        let mut phone = world.enrolled(Role::Participant, &[]).await;
        phone.check_in(&world, BASEMENT).await;
    }
    let told = reading
        .get_challenge(organiser.call(named()))
        .await
        .expect("read")
        .into_inner();
    assert_eq!(
        (cell(told.total), cell(told.people)),
        (Cell::Value(10), Cell::Value(5))
    );
    assert_eq!(told.target, 10);
}

async fn an_award_is_withdrawn_once_with_the_person_present(world: World) {
    let mut phone = world.participant().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    let confirmed = phone
        .check_in(&world, BASEMENT)
        .await
        .ops_of(OpKind::AwardConfirmed);
    let Ok(Some(Payload::AwardConfirmed(confirmed))) = confirmed[0].op.parse() else {
        panic!("not a confirmation")
    };
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let ask = |award_id| v1::WithdrawAwardRequest {
        pass_tag: phone.pass.expect("a pass").to_vec(),
        award_id,
        reason: v1::WithdrawalReason::GrantedByMistake.into(),
    };
    let error = admin
        .withdraw_award(staff.call(ask(vec![1; 16])))
        .await
        .expect_err("refused");
    refused(&error, Code::NotFound, "NOT_FOUND");
    for _ in 0..2 {
        admin
            .withdraw_award(staff.call(ask(confirmed.award.to_vec())))
            .await
            .expect("withdrawn");
    }
    assert_eq!(
        phone
            .sync(&world)
            .await
            .ops_of(OpKind::AwardWithdrawn)
            .len(),
        1
    );
    let verified = askel_server::verify(&*world.store, world.tenant.id)
        .await
        .expect("verified");
    assert!(verified.participants[0].awards.is_empty());
}

async fn the_audit_log_is_a_chain_that_admins_read(world: World) {
    let admin_device = world.enrolled(Role::Admin, &[]).await;
    world.participant().await;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    let ask = v1::ListAuditEntriesRequest {
        page_size: 3,
        page_token: String::new(),
    };
    let page = admin
        .list_audit_entries(admin_device.call(ask))
        .await
        .expect("read")
        .into_inner();
    assert_eq!(page.audit_entries.len(), 3);
    assert!(!page.next_page_token.is_empty());
    let next = v1::ListAuditEntriesRequest {
        page_size: 3,
        page_token: page.next_page_token,
    };
    let next = admin
        .list_audit_entries(admin_device.call(next))
        .await
        .expect("read")
        .into_inner();
    assert_eq!(
        next.audit_entries[0].previous_hash,
        page.audit_entries[2].hash
    );
    let all = PageRequest {
        size: 1_000,
        after: Vec::new(),
    };
    let entries = world
        .store
        .list_audit(world.tenant.id, &all)
        .await
        .expect("read")
        .items;
    let mut previous: Option<AuditEntry> = None;
    for entry in entries {
        let expected =
            AuditEntry::following(previous.as_ref(), world.tenant.id, entry.audit.clone());
        assert_eq!(entry, expected);
        previous = Some(entry);
    }
}

on_both_stores!(
    nobody_invites_above_themselves_or_beyond_their_places,
    a_card_earns_what_a_phone_earns,
    a_void_takes_the_attendance_and_no_badge,
    staff_read_exact_counts_of_their_own_places,
    organisers_read_sums_that_are_silent_about_few_people,
    everyone_reads_a_challenge_as_it_was_told,
    an_award_is_withdrawn_once_with_the_person_present,
    the_audit_log_is_a_chain_that_admins_read,
);
