//! The server's own limits: what is taken at each of them, and what one past it gets.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, reading_service_client::ReadingServiceClient,
    stream_selector::Stream, sync_service_client::SyncServiceClient,
};
use askel_server::config::RetentionConfig;
use askel_server::limits::{
    ANSWER_BYTES_MAX, BUSY_RETRY_MS, DEVICE_ANSWERS_MAX, INVITED_PLACES_MAX, LOG_HEADS_MAX,
    OPEN_BODY_BYTES_MAX, PARTICIPANT_INVITATION_MS_MAX, PLACE_DAYS_AWAY_MAX,
    SMALL_REQUEST_BYTES_MAX, SUMMARY_DAYS_MAX,
};
use askel_sync::{
    admission::Role,
    id::StreamId,
    limits::{OPS_PER_BATCH_MAX, PAGE_BYTES_MAX},
    op::{OpKind, Payload},
};
use prost::Message as _;
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    acts,
    catalog::BASEMENT,
    device::{Answer, Device, at},
    world::{Backend, NOON, World, refused},
};

/// 12 April 2016, in days since 1970.
const TODAY: i32 = 16_903;

async fn a_sync_tells_of_so_many_logs(world: World) {
    let phone = world.participant().await;
    let heads = |count: usize| v1::SyncRequest {
        log_heads: (0..count)
            .map(|log| v1::LogHead {
                log_id: vec![u8::try_from(log).expect("few"); 16],
                ..v1::LogHead::default()
            })
            .collect(),
        ..v1::SyncRequest::default()
    };
    let most = phone.send(&world, heads(LOG_HEADS_MAX)).await;
    assert!(most.expect("synced").outcomes.is_empty(), "nothing to tell");
    let one_more = phone.send(&world, heads(LOG_HEADS_MAX + 1)).await;
    let error = one_more.expect_err("refused");
    refused(&error, Code::InvalidArgument, "LIMIT_EXCEEDED");
}

fn page_bytes(answer: &Answer) -> usize {
    answer.pages.iter().map(v1::Page::encoded_len).sum()
}

/// On a connection that takes little before it is read. The store has fewer connections than that.
async fn of_answers_that_a_device_does_not_read_the_first_ends(world: World) {
    let mut phone = world.participant().await;
    for batch in 0..4 {
        let counts = batch * 500 + 1..=batch * 500 + 500;
        let steps: Vec<Payload> = counts.map(|count| acts::steps(NOON, count)).collect();
        phone.hand_in(&world, &steps).await;
    }
    let url = format!("http://{}", world.address);
    let channel = Channel::from_shared(url).expect("a URL");
    let channel = channel.initial_stream_window_size(1_024).connect_lazy();
    let mut client = SyncServiceClient::new(channel);
    let mut answers = Vec::new();
    for _ in 0..=DEVICE_ANSWERS_MAX {
        let request = v1::SyncRequest {
            page_bytes_max: 4_096,
            ..phone.request(Vec::new())
        };
        let answer = client.sync(phone.call(request)).await;
        answers.push(answer.expect("begun").into_inner());
    }
    let mut ends = Vec::new();
    for mut answer in answers {
        ends.push(loop {
            match answer.message().await {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(status) => break Some(status),
            }
        });
    }
    let first = ends.remove(0).expect("ended");
    refused(&first, Code::ResourceExhausted, "SERVER_BUSY");
    assert!(ends.iter().all(Option::is_none), "{ends:?}");
}

async fn what_one_answer_does_not_carry_the_next_one_does(world: World) {
    let mut phone = world.participant().await;
    let steps: Vec<Payload> = (1..=500).map(|count| acts::steps(NOON, count)).collect();
    assert_eq!(steps.len(), OPS_PER_BATCH_MAX);
    let few = phone.hand_in(&world, &steps).await;
    assert!(!few.closing.more && page_bytes(&few) < ANSWER_BYTES_MAX);
    let stored = page_bytes(&few) / steps.len();
    let batches = ANSWER_BYTES_MAX / stored / steps.len() + 1;
    let batches = (0..batches)
        .map(|_| phone.write(&steps))
        .collect::<Vec<_>>();
    for some in batches.chunks(8) {
        let request = v1::SyncRequest {
            batches: some.iter().map(|batch| phone.seal(batch)).collect(),
            ..v1::SyncRequest::default()
        };
        phone.send(&world, request).await.expect("synced");
    }
    let own = few.stream(&acts::own_stream()).stream_id.clone();
    let own = StreamId::try_from(&*own).expect("an id");
    let (mut position, mut answers, mut read) = (0, 0, 0);
    loop {
        let request = v1::SyncRequest {
            cursors: vec![at(acts::own_stream(), own, position)],
            ..v1::SyncRequest::default()
        };
        let answer = phone.send(&world, request).await.expect("synced");
        for page in &answer.pages {
            assert_eq!(page.first_position, position + 1);
            position = page.next_position;
            read += page.ops.len();
        }
        answers += 1;
        let bytes = page_bytes(&answer);
        assert!(bytes < ANSWER_BYTES_MAX + PAGE_BYTES_MAX, "{bytes}");
        assert_eq!(answer.closing.more, bytes >= ANSWER_BYTES_MAX);
        if !answer.closing.more {
            assert_eq!(position, answer.stream(&acts::own_stream()).head);
            break;
        }
    }
    assert_eq!(answers, 2);
    assert!(read >= steps.len() * (batches.len() + 1), "{read}");
}

async fn a_small_request_is_small(world: World) {
    let sized = |code: usize| v1::EnrolRequest {
        invitation_code: "0".repeat(code),
        ..v1::EnrolRequest::default()
    };
    let envelope = sized(SMALL_REQUEST_BYTES_MAX).encoded_len() - SMALL_REQUEST_BYTES_MAX;
    let most = SMALL_REQUEST_BYTES_MAX - envelope;
    for (code, reason) in [
        (most, "FIELD_INVALID"),
        (most + 1, "MESSAGE_TOO_LARGE"),
        (2 * OPEN_BODY_BYTES_MAX, "MESSAGE_TOO_LARGE"),
    ] {
        let error = world.enrol_with(sized(code)).await.expect_err("refused");
        refused(&error, Code::InvalidArgument, reason);
    }
}

async fn an_invitation_names_so_many_places_and_is_good_for_so_long(world: World) {
    let organiser = world.organised().await;
    let ask = |role: v1::Role, places: usize, valid_for_ms: i64| v1::CreateInvitationRequest {
        invitation: Some(v1::Invitation {
            role: role.into(),
            place_ids: (1..).take(places).collect(),
            ..v1::Invitation::default()
        }),
        valid_for_ms: u64::try_from(valid_for_ms).expect("positive"),
        ..v1::CreateInvitationRequest::default()
    };
    let (staff, participant) = (v1::Role::Staff, v1::Role::Participant);
    let longest = PARTICIPANT_INVITATION_MS_MAX;
    let mut admin = AdminServiceClient::new(world.channel.clone());
    for most in [
        ask(staff, INVITED_PLACES_MAX, 0),
        ask(participant, 0, longest),
    ] {
        let invited = admin.create_invitation(organiser.call(most)).await;
        invited.expect("invited");
    }
    for one_more in [
        ask(staff, INVITED_PLACES_MAX + 1, 0),
        ask(participant, 0, longest + 1),
    ] {
        let error = admin.create_invitation(organiser.call(one_more)).await;
        let error = error.expect_err("refused");
        refused(&error, Code::InvalidArgument, "FIELD_INVALID");
    }
}

async fn a_days_stream_comes_into_being_near_today_only(world: World) {
    world.organised().await;
    let staff = world.enrolled(Role::Staff, &[BASEMENT]).await;
    // Days of before, no further back than they are kept.
    let kept = RetentionConfig::default().place_day_days;
    for (date, told) in [
        (TODAY + PLACE_DAYS_AWAY_MAX, 1),
        (TODAY + PLACE_DAYS_AWAY_MAX + 1, 0),
        (TODAY - kept, 1),
        (TODAY - kept - 1, 0),
    ] {
        let day = v1::StreamSelector {
            stream: Some(Stream::PlaceDay(v1::PlaceDayStream {
                place_id: BASEMENT,
                date,
            })),
        };
        let request = v1::SyncRequest {
            cursors: vec![crate::device::from_beginning(day)],
            ..v1::SyncRequest::default()
        };
        let answer = staff.send(&world, request).await.expect("synced");
        assert_eq!(answer.opening.streams.len(), told, "{date}");
    }
}

async fn a_summary_covers_so_many_days(world: World) {
    let organiser = world.organised().await;
    let mut reading = ReadingServiceClient::new(world.channel.clone());
    let days = |count: i32| v1::GetEncounterSummaryRequest {
        first_date: TODAY - count + 1,
        last_date: TODAY,
    };
    let most = organiser.call(days(SUMMARY_DAYS_MAX));
    reading.get_encounter_summary(most).await.expect("read");
    let one_more = organiser.call(days(SUMMARY_DAYS_MAX + 1));
    let error = reading.get_encounter_summary(one_more).await;
    let error = error.expect_err("refused");
    refused(&error, Code::InvalidArgument, "FIELD_INVALID");
}

/// Sends until there is room: of the answer before, the server may still be letting go.
async fn patiently(phone: &Device, world: &World, request: v1::SyncRequest) -> Answer {
    loop {
        match phone.send(world, request.clone()).await {
            Ok(answer) => return answer,
            Err(status) => refused(&status, Code::ResourceExhausted, "SERVER_OVERLOADED"),
        }
        tokio::task::yield_now().await;
    }
}

/// Each of many devices hands in at once, at a server that does one thing at a time and has no line.
#[tokio::test(flavor = "multi_thread")]
async fn beyond_what_the_server_takes_on_a_call_is_told_when_to_come_again() {
    let world = World::configured(Backend::Sqlite, |config| {
        config.server.calls_max = 1;
        config.server.calls_waiting_max = 0;
    })
    .await;
    world.organised().await;
    let mut phones = Vec::new();
    for _ in 0..40 {
        phones.push(world.enrolled(Role::Participant, &[]).await);
    }
    let calls = phones.iter_mut().map(|phone| {
        let batch = phone.write(&[acts::check_in(BASEMENT, NOON)]);
        let request = phone.request(vec![phone.seal(&batch)]);
        let (world, phone) = (&world, &*phone);
        async move { (phone.send(world, request.clone()).await, request) }
    });
    let answers = futures::future::join_all(calls).await;
    let mut turned_away = 0;
    for (phone, (answer, request)) in phones.iter().zip(answers) {
        let Err(status) = answer else { continue };
        refused(&status, Code::ResourceExhausted, "SERVER_OVERLOADED");
        let wait = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        assert!(wait.is_some_and(|wait| wait.as_millis() >= BUSY_RETRY_MS.into()));
        turned_away += 1;
        let again = patiently(phone, &world, request).await;
        assert_eq!(again.outcome().settled_before, 1);
    }
    assert!(turned_away > 0, "nobody was turned away");
    for phone in &phones {
        let read = patiently(phone, &world, phone.request(Vec::new())).await;
        assert_eq!(read.ops_of(OpKind::CheckIn).len(), 1);
    }
}

on_both_stores!(
    a_sync_tells_of_so_many_logs,
    of_answers_that_a_device_does_not_read_the_first_ends,
    what_one_answer_does_not_carry_the_next_one_does,
    a_small_request_is_small,
    an_invitation_names_so_many_places_and_is_good_for_so_long,
    a_days_stream_comes_into_being_near_today_only,
    a_summary_covers_so_many_days,
);
