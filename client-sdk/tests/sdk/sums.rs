//! A stream whose sum is wrong is pulled again, it alone, and not over and over; a batch that can't be
//! rebuilt is sent as it was signed.

use std::sync::Arc;

use askel_client_sdk::Client;
use askel_proto::v1::{self, stream_selector::Stream};
use askel_sync::{
    stream::StreamKey,
    time::{DAY_MS, HOUR_MS},
};
use prost::Message as _;

use crate::common::{
    BUDGET, Desk, Disturbance, PLACE, assert_all_settled, enrolled, live_five_days,
};

/// From where a request reads a person's own stream and the others, in the long form.
fn positions(request: &v1::SyncRequest) -> (Vec<u64>, Vec<u64>) {
    let is_own = |cursor: &&v1::Cursor| {
        let stream = cursor.selector.and_then(|selector| selector.stream);
        matches!(stream, Some(Stream::Participant(_)))
    };
    let of = |cursors: Vec<&v1::Cursor>| cursors.iter().map(|cursor| cursor.position).collect();
    let (own, others) = request.cursors.iter().partition(is_own);
    (of(own), of(others))
}

fn seen(client: &Client) -> (usize, u64, usize) {
    let steps = client.day_steps(v1::Measure::Steps).values().sum();
    (client.attendances().len(), steps, client.awards().len())
}

#[tokio::test]
async fn a_wrong_sum_makes_that_stream_begin_anew_and_no_other() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    client.sync(BUDGET).await.expect("a sync");
    let before = seen(&client);
    client.check_in(PLACE).expect("already here");
    client.set_picture(2).expect("written");
    // As it is, and again when nothing is left out of the page.
    desk.disturb(Disturbance::WrongSum);
    desk.disturb(Disturbance::WrongSum);
    let asked = desk.requests().len();
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().mismatches, 1);
    let requests = desk.requests();
    let last = requests.last().expect("a request");
    let (own, others) = positions(last);
    assert_eq!(own, [0], "read from the start");
    assert_eq!(
        others,
        [0, 1, 0],
        "device, catalog, challenge: two are empty"
    );
    assert!(requests.len() - asked <= 4, "{}", requests.len() - asked);
    // All of it was there after all: nothing goes back but a word.
    let mut returned = requests.iter().flat_map(|one| &one.returned_pages);
    assert!(returned.all(|page| page.mac.is_empty() && page.columns.is_empty()));
    for client in [&client, &phone.open()] {
        assert_eq!(seen(client), before);
        assert_eq!(client.status().pending, 0);
    }
    assert_all_settled(&desk, &client);
    let quiet = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((quiet.received, client.status().mismatches), (0, 1));
}

#[tokio::test]
async fn a_sum_that_stays_wrong_costs_one_pull_a_day() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    (0..1_000).for_each(|_| desk.disturb(Disturbance::WrongSum));
    for days in 1..=3 {
        for _ in 0..4 {
            client.set_picture(days).expect("written");
            let asked = desk.requests().len();
            client.sync(BUDGET).await.expect("it goes on all the same");
            let asked = desk.requests().len() - asked;
            assert!(asked <= 6, "{asked} requests");
            phone.clock.forward_ms(HOUR_MS);
        }
        assert_eq!(client.status().mismatches, days);
        assert_eq!(
            (client.status().pending, client.attendances().len()),
            (0, 5)
        );
        phone.clock.forward_ms(DAY_MS);
    }
}

/// The sum may be made up; what a stream holds is another matter.
#[tokio::test]
async fn ops_that_a_reader_was_never_told_of_come_when_the_sum_gives_it_away() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    client.sync(BUDGET).await.expect("a sync");
    let person = client.enrolled().and_then(|one| one.participant);
    let stream = StreamKey::Participant(person.expect("a person"));
    desk.change_in_the_past(stream);
    assert_ne!(desk.stream(stream).len(), 0);
    client.set_picture(2).expect("written");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().mismatches, 1);
    assert_all_settled(&desk, &client);
}

/// Nothing new comes, and nothing is written: once a day it is asked all the same.
#[tokio::test]
async fn a_stream_that_is_another_is_found_within_a_day() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    client.sync(BUDGET).await.expect("a sync");
    let tags = |desk: &Desk| -> Vec<u32> {
        let requests = desk.requests();
        let told = requests.iter().map(|request| request.sums_tag);
        told.filter(|tag| *tag != 0).collect()
    };
    assert_eq!(tags(&desk), [], "what is handed in moves the streams");
    for _ in 0..3 {
        client.sync(BUDGET).await.expect("a sync");
        phone.clock.forward_ms(HOUR_MS);
    }
    assert_eq!(tags(&desk).len(), 1, "once a day");
    let person = client.enrolled().and_then(|one| one.participant);
    desk.change_in_the_past(StreamKey::Participant(person.expect("a person")));
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.status().mismatches, tags(&desk).len()), (0, 1));
    phone.clock.forward_ms(DAY_MS);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().mismatches, 1);
    assert_all_settled(&desk, &client);
    let seen = seen(&client);
    let calls = desk.requests().len();
    client.sync(BUDGET).await.expect("a sync");
    assert!(desk.requests().len() <= calls + 1, "it does not go on");
    assert_eq!(self::seen(&client), seen);
}

#[tokio::test]
async fn a_batch_that_the_server_cannot_rebuild_is_sent_as_it_was_signed() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live_five_days(&phone, &client);
    client.sync(BUDGET).await.expect("a sync");
    phone.clock.forward_ms(DAY_MS);
    client.check_in(PLACE).expect("a place that is open");
    desk.disturb(Disturbance::PlainWanted);
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, report.calls), (1, 2));
    let requests = desk.requests();
    let [.., compact, plain] = &requests[..] else {
        panic!("two requests")
    };
    assert_eq!((compact.batches.len(), plain.batches.len()), (1, 1));
    let (compact, plain) = (&compact.batches[0], &plain.batches[0]);
    assert_eq!((compact.encoding, plain.encoding), (1, 0));
    assert_eq!(compact.signature, plain.signature);
    assert!(plain.columns.is_empty());
    v1::Batch::decode(&*plain.batch).expect("as it was signed");
    assert_all_settled(&desk, &client);
    assert_eq!(client.status().healed, 0, "nobody has forgotten anything");
    // The next goes in few bytes again.
    client.set_picture(2).expect("written");
    client.sync(BUDGET).await.expect("a sync");
    let requests = desk.requests();
    let last = requests.last().expect("a request");
    assert!(last.batches.iter().all(|batch| batch.encoding == 1));
}
