//! The short form of a Sync: a few bytes where both sides know all else, and the long form where not.

use askel_proto::v1::{self, frame_outcome::Result as Became};
use askel_server::limits::CLOCK_TOLD_MS;
use askel_sync::{
    admission::Role,
    id::{OpId, StreamId},
    limits::CURSORS_MAX,
    op::{Op, OpKind},
    page::{PageSpan, digest},
    stream::{
        StreamSum,
        short::{SealedHead, state_tag, sums_tag},
    },
};
use prost::Message as _;
use tonic::Code;

use crate::{
    acts,
    carrying::{carry, frame},
    catalog::{LIBRARY, TOGETHER},
    device::{Answer, Device, from_beginning},
    world::{NOON, World, refused},
};

/// What a device has to know for a short form.
struct Known {
    handles: Vec<StreamId>,
    positions: Vec<u64>,
    limits_revision: u32,
    head: Option<SealedHead>,
}

impl Known {
    /// After an answer in long form.
    fn of(answer: &Answer, last_op: Option<OpId>, device: &Device) -> Self {
        let streams = &answer.opening.streams;
        let id = |info: &v1::StreamInfo| StreamId::try_from(&*info.stream_id).expect("an id");
        Self {
            handles: streams.iter().map(id).collect(),
            positions: streams.iter().map(|info| info.head).collect(),
            limits_revision: answer.opening.limits.expect("told").revision,
            head: last_op.map(|last_op| SealedHead {
                log: device.log,
                next_sequence: device.next,
                last_op,
            }),
        }
    }

    fn request(&self, batches: Vec<v1::SealedBatch>) -> v1::SyncRequest {
        v1::SyncRequest {
            batches,
            positions: self.positions.clone(),
            state_tag: state_tag(&self.handles, self.head.as_ref(), self.limits_revision),
            ..v1::SyncRequest::default()
        }
    }
}

/// Everything, in long form.
async fn read_all(world: &World, device: &Device) -> Answer {
    let mut request = device.request(Vec::new());
    let together = acts::challenge_stream(TOGETHER);
    request.cursors.push(from_beginning(together));
    device.send(world, request).await.expect("synced")
}

/// A phone that has checked in once and read everything.
async fn known(world: &World) -> (Device, Known) {
    let mut phone = world.participant().await;
    let op = phone
        .clone()
        .write(&[acts::check_in(LIBRARY, NOON)])
        .ops
        .remove(0);
    phone.check_in(world, LIBRARY).await;
    let known = Known::of(&read_all(world, &phone).await, Some(op.id()), &phone);
    (phone, known)
}

async fn nothing_new_is_one_message_of_next_to_nothing(world: World) {
    let (phone, known) = known(&world).await;
    let request = known.request(Vec::new());
    let asked = request.encoded_len();
    let answer = phone.send(&world, request).await.expect("synced");
    assert_eq!(answer.parts, 1, "{answer:?}");
    assert_eq!(answer.closing, v1::SyncClosing::default());
    assert!(asked + answer.bytes <= 24, "{asked} and {}", answer.bytes);
}

async fn a_check_in_is_settled_in_few_bytes_and_read_back(world: World) {
    let (mut phone, mut known) = known(&world).await;
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    known.head = Some(SealedHead {
        log: phone.log,
        next_sequence: phone.next,
        last_op: batch.ops[0].id(),
    });
    let request = known.request(vec![phone.seal(&batch)]);
    let answer = phone.send(&world, request).await.expect("synced");
    // That it is accepted goes without saying.
    assert_eq!(answer.outcomes, []);
    let [page] = answer.pages.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!((page.stream_id.len(), page.stream_index), (0, 1));
    // The one after what was asked from, densely.
    assert_eq!((page.first_position, page.next_position), (0, 0));
    assert_eq!(answer.ops_of(OpKind::FavouriteAdded).len(), 1);
    assert_eq!(answer.opening, v1::SyncOpening::default());
}

/// More than the short form is compared with. Each is in a log of its own, of which the phone knows nothing.
async fn frames_that_lie_aside_make_no_form_longer(world: World) {
    let (mut phone, _) = known(&world).await;
    let friend = world.enrolled(Role::Participant, &[]).await;
    let mut before = phone.clone();
    let act = || acts::favourite_added(LIBRARY, NOON);
    let batch = phone.write(&vec![act(); 17]);
    let request = phone.request(vec![phone.seal(&batch)]);
    phone.send(&world, request).await.expect("synced");
    world.clock.set(Some(NOON.saturating_add_ms(1_000)));
    for _ in 0..17 {
        let given = before.write(&[acts::check_in(LIBRARY, NOON)]);
        let parcel = frame(&world, &before, vec![before.seal(&given)]);
        assert_eq!(carry(&world, &friend, vec![parcel]).await, [Became::Taken]);
    }
    let last = batch.ops.last().map(Op::id);
    let known = Known::of(&read_all(&world, &phone).await, last, &phone);
    let request = known.request(Vec::new());
    let answer = phone.send(&world, request).await.expect("synced");
    assert!(!answer.closing.long_form_wanted, "{answer:?}");
}

async fn whatever_does_not_fit_is_asked_for_in_full_and_settled_all_the_same(world: World) {
    let (mut phone, known) = known(&world).await;
    let other = |change: fn(&mut v1::SyncRequest)| {
        let mut request = known.request(Vec::new());
        change(&mut request);
        request
    };
    for request in [
        other(|request| request.state_tag ^= 1),
        other(|request| request.positions.truncate(1)),
        other(|request| request.positions.push(0)),
        other(|request| request.positions[0] += 100),
    ] {
        let answer = phone.send(&world, request).await.expect("synced");
        assert!(answer.closing.long_form_wanted, "{answer:?}");
        assert_eq!(answer.parts, 1);
    }
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    // The tag is of the log as it was before the batch.
    let request = known.request(vec![phone.seal(&batch)]);
    let answer = phone.send(&world, request).await.expect("synced");
    assert!(answer.closing.long_form_wanted);
    assert_eq!(answer.outcome().log_id, phone.log.to_vec());
    assert_eq!(answer.outcome().settled_before, phone.next);
    assert!(answer.pages.is_empty());
}

async fn a_log_that_nothing_was_sealed_in_is_as_none(world: World) {
    let phone = world.participant().await;
    let known = Known::of(&read_all(&world, &phone).await, None, &phone);
    let answer = phone
        .send(&world, known.request(Vec::new()))
        .await
        .expect("synced");
    assert_eq!((answer.parts, answer.closing.long_form_wanted), (1, false));
}

/// It claims no log while there is one: it was put back to before its first op. One that says which log it
/// gave up knows of it, and of its newest only.
async fn who_forgot_its_only_log_is_asked_in_full(world: World) {
    let (mut phone, mut known) = known(&world).await;
    let nothing = |known: &Known, head| {
        let tag = state_tag(&known.handles, head, known.limits_revision);
        v1::SyncRequest {
            state_tag: tag,
            ..known.request(Vec::new())
        }
    };
    let asked = nothing(&known, None);
    let answer = phone.send(&world, asked.clone()).await.expect("synced");
    assert!(answer.closing.long_form_wanted, "{answer:?}");
    let in_full = v1::SyncRequest {
        log_heads: vec![v1::LogHead {
            log_id: phone.log.to_vec(),
            ..v1::LogHead::default()
        }],
        ..phone.request(Vec::new())
    };
    let answer = phone.send(&world, in_full).await.expect("synced");
    assert!(answer.outcome().conflict.is_some(), "{answer:?}");
    let given_up = SealedHead::given_up(phone.log);
    let asked = nothing(&known, Some(&given_up));
    let bytes = asked.encoded_len();
    let answer = phone.send(&world, asked.clone()).await.expect("synced");
    assert_eq!(answer.closing, v1::SyncClosing::default());
    assert!(bytes + answer.bytes <= 24, "{bytes} and {}", answer.bytes);
    phone.log = askel_sync::id::LogId::from_bytes([0x77; 16]);
    phone.next = 0;
    world.set_clock(NOON.saturating_add_ms(1_000));
    phone.check_in(&world, LIBRARY).await;
    known = Known::of(&read_all(&world, &phone).await, None, &phone);
    let asked = nothing(&known, Some(&given_up));
    let answer = phone.send(&world, asked).await.expect("synced");
    assert!(answer.closing.long_form_wanted, "{answer:?}");
}

/// Its log is lost, and it holds nothing any more that it could offer again: it says which log it gave up.
/// One that was put back to before its first op, as the server was, has forgotten nothing that is here.
async fn who_gave_up_a_log_that_a_restore_lost_asks_in_short(mut world: World) {
    let mut phone = world.participant().await;
    let backup = world.back_up().await;
    phone.check_in(&world, LIBRARY).await;
    world.go_back_to(backup).await;
    let known = Known::of(&read_all(&world, &phone).await, None, &phone);
    let asked = |head: Option<SealedHead>| v1::SyncRequest {
        state_tag: state_tag(&known.handles, head.as_ref(), known.limits_revision),
        ..known.request(Vec::new())
    };
    for head in [Some(SealedHead::given_up(phone.log)), None] {
        let answer = phone.send(&world, asked(head)).await.expect("synced");
        assert_eq!(answer.closing, v1::SyncClosing::default(), "{head:?}");
    }
    let another = askel_sync::id::LogId::from_bytes([0x77; 16]);
    let another = asked(Some(SealedHead::given_up(another)));
    let answer = phone.send(&world, another).await.expect("synced");
    assert!(answer.closing.long_form_wanted, "{answer:?}");
}

async fn so_many_positions_and_no_more(world: World) {
    let phone = world.participant().await;
    let ask = |count: usize| v1::SyncRequest {
        positions: vec![0; count],
        ..v1::SyncRequest::default()
    };
    let most = phone.send(&world, ask(CURSORS_MAX)).await.expect("synced");
    assert!(most.closing.long_form_wanted);
    let error = phone.send(&world, ask(CURSORS_MAX + 1)).await;
    let error = error.expect_err("refused");
    refused(&error, Code::InvalidArgument, "LIMIT_EXCEEDED");
}

async fn the_servers_time_is_told_to_whose_clock_is_off(world: World) {
    let (phone, known) = known(&world).await;
    for (off, told) in [
        (CLOCK_TOLD_MS, 0),
        (CLOCK_TOLD_MS + 1, NOON.as_ms()),
        (-CLOCK_TOLD_MS, 0),
        (-CLOCK_TOLD_MS - 1, NOON.as_ms()),
    ] {
        let mut request = known.request(Vec::new());
        request.client_clock = Some(v1::ClientClock {
            wall_ms: NOON.as_ms() + off,
            segment: None,
        });
        let answer = phone.send(&world, request).await.expect("synced");
        assert_eq!(answer.opening.server_time_ms, told, "{off}");
        assert!(!answer.closing.long_form_wanted);
    }
}

/// The sums of the streams at their heads, as the long form tells them.
async fn sums(world: &World, phone: &Device) -> Vec<StreamSum> {
    let answer = read_all(world, phone).await;
    let sum = |info: &v1::StreamInfo| {
        let of_stream = |page: &&v1::Page| page.stream_id == info.stream_id && page.sum != 0;
        let last = answer.pages.iter().rfind(of_stream);
        StreamSum::from_bits(last.map_or(0, |page| page.sum))
    };
    answer.opening.streams.iter().map(sum).collect()
}

async fn sums_that_differ_are_answered_one_by_one_and_equal_ones_not_at_all(world: World) {
    let (mut phone, mut known) = known(&world).await;
    let held = sums(&world, &phone).await;
    assert!(held.iter().any(|sum| *sum != StreamSum::default()));
    let quiet = known.request(Vec::new());
    let told = |tag: u32| v1::SyncRequest {
        sums_tag: tag,
        ..quiet.clone()
    };
    let tag = sums_tag(held.iter().copied());
    let equal = phone.send(&world, told(tag)).await.expect("synced");
    assert_eq!(equal.parts, 1, "{equal:?}");
    let other = phone.send(&world, told(tag ^ 1)).await.expect("synced");
    let pages = other.pages.iter().map(|page| {
        assert!(page.ops.is_empty() && page.columns.is_empty() && page.encoding == 0);
        assert_eq!(page.first_position, page.next_position + 1);
        (page.stream_index, page.next_position, page.sum)
    });
    let streams = known.positions.iter().zip(&held);
    let expected = (1..)
        .zip(streams)
        .map(|(index, (position, sum))| (index, *position, sum.bits()));
    assert_eq!(pages.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    // Where a stream goes on nothing is compared: its sum comes with what is new.
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    known.head = Some(SealedHead {
        log: phone.log,
        next_sequence: phone.next,
        last_op: batch.ops[0].id(),
    });
    let request = v1::SyncRequest {
        sums_tag: tag ^ 1,
        ..known.request(vec![phone.seal(&batch)])
    };
    let answer = phone.send(&world, request).await.expect("synced");
    assert!(!answer.closing.long_form_wanted, "{answer:?}");
    let ops: Vec<usize> = answer.pages.iter().map(|page| page.ops.len()).collect();
    assert_eq!(ops, [1]);
}

async fn staff_ask_for_their_days_beside_the_short_form(world: World) {
    world.organised().await;
    let mut staff = world.enrolled(Role::Staff, &[LIBRARY]).await;
    let read = staff.sync(&world).await;
    let mut request = Known::of(&read, None, &staff).request(Vec::new());
    request
        .cursors
        .push(from_beginning(acts::place_day(LIBRARY)));
    let answer = staff.send(&world, request).await.expect("synced");
    assert!(!answer.closing.long_form_wanted, "{answer:?}");
    assert_eq!(answer.opening.streams.len(), 1, "the day's handle");
}

async fn every_page_carries_its_mac(world: World) {
    let (mut phone, _) = known(&world).await;
    let read = phone.sync(&world).await;
    assert!(!read.pages.is_empty());
    for page in &read.pages {
        let ops: Vec<_> = page
            .ops
            .iter()
            .map(|op| askel_sync::admission::AdmittedOp::from_proto(op.clone()).expect("an op"))
            .collect();
        let span = PageSpan {
            stream: StreamId::try_from(&*page.stream_id).expect("an id"),
            first_position: page.first_position,
            next_position: page.next_position,
        };
        let digest = digest(world.tenant.id, &span, &ops);
        assert!(world.tenant.server.page_mac().verifies(&digest, &page.mac));
    }
}

on_both_stores!(
    nothing_new_is_one_message_of_next_to_nothing,
    frames_that_lie_aside_make_no_form_longer,
    a_check_in_is_settled_in_few_bytes_and_read_back,
    whatever_does_not_fit_is_asked_for_in_full_and_settled_all_the_same,
    a_log_that_nothing_was_sealed_in_is_as_none,
    who_forgot_its_only_log_is_asked_in_full,
    who_gave_up_a_log_that_a_restore_lost_asks_in_short,
    so_many_positions_and_no_more,
    the_servers_time_is_told_to_whose_clock_is_off,
    sums_that_differ_are_answered_one_by_one_and_equal_ones_not_at_all,
    staff_ask_for_their_days_beside_the_short_form,
    every_page_carries_its_mac,
);
