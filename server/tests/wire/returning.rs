//! A restored server: readers find themselves ahead of it and hand back what it lost.

use askel_proto::v1;
use askel_sync::{
    admission::Role,
    id::{LogId, OpId, StreamId},
    limits::RETURNED_PAGES_MAX,
    log::Batch,
    op::{Op, OpKind},
    time::ClockSegment,
};
use tonic::Code;

use crate::{
    acts,
    catalog::LIBRARY,
    device::{Answer, Device, at},
    world::{NOON, World, new_key, refused},
};

/// A phone whose check-in the server has lost, with what the phone had read.
struct Lost {
    world: World,
    phone: Device,
    read: Answer,
    own: StreamId,
    last_op: OpId,
}

async fn lost(mut world: World) -> Lost {
    let mut phone = world.participant().await;
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&batch)]);
    phone.send(&world, request).await.expect("synced");
    let backup = world.back_up().await;
    let check_in = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&check_in)]);
    let read = phone.send(&world, request).await.expect("synced");
    let told = read.stream(&acts::own_stream());
    let own = StreamId::try_from(&*told.stream_id).expect("an id");
    world.go_back_to(backup).await;
    Lost {
        world,
        phone,
        read,
        own,
        last_op: check_in.ops[0].id(),
    }
}

impl Lost {
    /// A request in long form by someone who has read it all.
    fn request(&self) -> v1::SyncRequest {
        let head = self.read.stream(&acts::own_stream()).head;
        v1::SyncRequest {
            cursors: vec![at(acts::own_stream(), self.own, head)],
            log_heads: vec![v1::LogHead {
                log_id: self.phone.log.to_vec(),
                next_sequence: self.phone.next,
                last_op_id_prefix: self.last_op.as_bytes()[..8].to_vec(),
                ..v1::LogHead::default()
            }],
            ..v1::SyncRequest::default()
        }
    }

    fn pages(&self) -> Vec<v1::Page> {
        let pages = self.read.pages.iter();
        let own = pages.filter(|page| page.stream_id == self.own.to_vec());
        own.cloned().collect()
    }

    async fn hand_back(&self, pages: Vec<v1::Page>) {
        let request = v1::SyncRequest {
            returned_pages: pages,
            ..v1::SyncRequest::default()
        };
        self.phone.send(&self.world, request).await.expect("synced");
    }

    /// What came back, and what is known to be missing.
    async fn healing(&self) -> (u64, u64) {
        let told = self.world.store.count_healing(self.world.tenant.id).await;
        let told = told.expect("counted");
        (told.healed, told.missing)
    }

    async fn check_ins(&mut self) -> usize {
        self.phone
            .sync(&self.world)
            .await
            .ops_of(OpKind::CheckIn)
            .len()
    }
}

async fn a_reader_is_told_the_parent_and_what_its_log_lacks(world: World) {
    let lost = lost(world).await;
    let answer = lost.phone.send(&lost.world, lost.request()).await;
    let answer = answer.expect("synced");
    let info = answer.stream(&acts::own_stream());
    assert_ne!(info.stream_id, lost.own.to_vec());
    assert!(info.parent_as_asked);
    assert_eq!((info.parent_head, info.healed_to), (1, 1));
    assert!(answer.gone.is_empty());
    assert_eq!(answer.outcome().settled_before, 1, "the favourite");
    assert_eq!(answer.outcome().conflict, None);
    let claimed = lost.read.stream(&acts::own_stream()).head - 1;
    assert_eq!(lost.healing().await, (0, claimed));
}

async fn pages_handed_back_heal_once(world: World) {
    let mut lost = lost(world).await;
    lost.phone
        .send(&lost.world, lost.request())
        .await
        .expect("synced");
    assert_eq!(lost.check_ins().await, 0);
    for _ in 0..2 {
        lost.hand_back(lost.pages()).await;
        assert_eq!(lost.check_ins().await, 1);
        let back = lost.read.stream(&acts::own_stream()).head - 1;
        assert_eq!(lost.healing().await, (back, 0));
    }
}

async fn a_readers_word_that_others_brought_it_back_is_counted_and_no_more(world: World) {
    let lost = lost(world).await;
    let first = lost.phone.send(&lost.world, lost.request()).await;
    first.expect("synced");
    let head = lost.read.stream(&acts::own_stream()).head;
    let telling = |stream: Vec<u8>| v1::Page {
        stream_id: stream,
        first_position: 2,
        next_position: head,
        ..v1::Page::default()
    };
    let stranger = lost.world.enrolled(Role::Participant, &[]).await;
    let request = v1::SyncRequest {
        returned_pages: vec![telling(lost.own.to_vec())],
        ..v1::SyncRequest::default()
    };
    let passed_over = stranger.send(&lost.world, request).await;
    passed_over.expect("synced");
    assert_eq!(lost.healing().await, (0, head - 1), "not its stream");
    lost.hand_back(vec![telling(lost.own.to_vec())]).await;
    assert_eq!(lost.healing().await, (head - 1, 0));
    let told = lost.phone.send(&lost.world, lost.request()).await;
    let told = told.expect("synced");
    assert_eq!(
        told.stream(&acts::own_stream()).healed_to,
        1,
        "others still keep what they hold"
    );
}

async fn a_page_that_was_never_handed_out_is_passed_over(world: World) {
    let mut lost = lost(world).await;
    for change in [
        |page: &mut v1::Page| page.mac[0] ^= 1,
        |page: &mut v1::Page| page.mac.clear(),
        |page: &mut v1::Page| page.next_position += 1,
        |page: &mut v1::Page| page.ops[0].kind += 1,
        |page: &mut v1::Page| page.stream_id = vec![8; 16],
        |page: &mut v1::Page| page.stream_id.clear(),
    ] {
        let mut pages = lost.pages();
        pages.iter_mut().for_each(change);
        lost.hand_back(pages).await;
        assert_eq!(lost.check_ins().await, 0);
    }
    assert_eq!(lost.healing().await, (0, 0));
}

/// Whoever says so is mistaken, or lies: nobody else is to pay for it, and nothing of it is kept.
async fn what_can_not_have_been_is_passed_over(world: World) {
    let lost = lost(world).await;
    let mut other = lost.world.enrolled(Role::Participant, &[]).await;
    let told = |first_position, next_position| v1::Page {
        stream_id: lost.own.to_vec(),
        first_position,
        next_position,
        ..v1::Page::default()
    };
    for _ in 0..8 {
        let words = v1::SyncRequest {
            returned_pages: vec![told(2, u64::MAX), told(u64::MAX, u64::MAX)],
            ..v1::SyncRequest::default()
        };
        let batch = other.write(&[acts::steps(NOON, 5)]);
        let request = other.request(vec![other.seal(&batch)]);
        let (hostile, honest) = tokio::join!(
            lost.phone.send(&lost.world, words),
            other.send(&lost.world, request)
        );
        hostile.expect("passed over");
        honest.expect("synced");
    }
    for position in [1 << 62, u64::MAX] {
        let stranger = LogId::from_bytes([0x77; 16]);
        let head = |log: LogId| v1::LogHead {
            log_id: log.to_vec(),
            next_sequence: 1 << 40,
            ..v1::LogHead::default()
        };
        let request = v1::SyncRequest {
            cursors: vec![at(acts::own_stream(), lost.own, position)],
            log_heads: vec![head(stranger), head(lost.phone.log)],
            ..v1::SyncRequest::default()
        };
        lost.phone.send(&lost.world, request).await.expect("synced");
    }
    let told = lost.world.store.count_healing(lost.world.tenant.id).await;
    assert_eq!(told.expect("counted"), askel_store::Healing::default());
}

async fn so_many_pages_and_no_more(world: World) {
    let lost = lost(world).await;
    let ask = |count: usize| v1::SyncRequest {
        returned_pages: vec![v1::Page::default(); count],
        ..v1::SyncRequest::default()
    };
    let most = lost.phone.send(&lost.world, ask(RETURNED_PAGES_MAX)).await;
    most.expect("synced");
    let one_more = lost
        .phone
        .send(&lost.world, ask(RETURNED_PAGES_MAX + 1))
        .await;
    let error = one_more.expect_err("refused");
    refused(&error, Code::InvalidArgument, "LIMIT_EXCEEDED");
}

/// Ops as they were written, in a log that someone else has opened.
fn taken_over(device: &mut Device, ops: &[Op]) -> Batch {
    let mut log = [0; 16];
    log[..8].copy_from_slice(&device.id.as_bytes()[..8]);
    Batch {
        log: LogId::from_bytes(log),
        first_sequence: 0,
        device: device.id,
        clock_segment: ClockSegment::default(),
        later_segments: Vec::new(),
        ops: ops.to_vec(),
    }
}

async fn ops_of_a_log_that_was_lost_are_its_writers_still(mut world: World) {
    let mut phone = world.participant().await;
    let mut thief = world.enrolled(Role::Participant, &[]).await;
    let backup = world.back_up().await;
    let written = phone.write(&[acts::check_in(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&written)]);
    phone.send(&world, request).await.expect("synced");
    world.go_back_to(backup).await;
    let stolen = taken_over(&mut thief, &written.ops);
    let request = thief.request(vec![thief.seal(&stolen)]);
    let refused = thief.send(&world, request).await.expect("synced");
    assert_eq!(
        refused.rejection().reason,
        "ORIGIN_NOT_YOURS",
        "{refused:?}"
    );
    let again = taken_over(&mut phone, &written.ops);
    let request = phone.request(vec![phone.seal(&again)]);
    let taken = phone.send(&world, request).await.expect("synced");
    assert!(taken.outcome().exceptions.is_empty(), "{taken:?}");
    assert_eq!(taken.ops_of(OpKind::CheckIn).len(), 1);
}

/// A phone was copied before what was lost, and the copy wrote at the same place of the log.
async fn a_log_that_was_forked_by_a_restore_is_told_by_its_last_accepted_op(world: World) {
    let mut lost = lost(world).await;
    let mut copy = lost.phone.clone();
    copy.next -= 1;
    copy.hand_in(&lost.world, &[acts::steps(NOON, 7)]).await;
    let pending = lost.phone.write(&[acts::steps(NOON, 9)]);
    let prefix = |op: OpId| op.as_bytes()[..8].to_vec();
    let head = v1::LogHead {
        log_id: lost.phone.log.to_vec(),
        next_sequence: lost.phone.next,
        last_op_id_prefix: prefix(pending.ops[0].id()),
        settled_before: lost.phone.next - 1,
        settled_op_id_prefix: prefix(lost.last_op),
    };
    let untold = v1::LogHead {
        settled_before: 0,
        settled_op_id_prefix: Vec::new(),
        ..head.clone()
    };
    let conflict = async |head| {
        let request = v1::SyncRequest {
            log_heads: vec![head],
            ..v1::SyncRequest::default()
        };
        let answer = lost.phone.send(&lost.world, request).await.expect("synced");
        let conflict = answer.outcome().conflict.map(|conflict| conflict.cause());
        (conflict, answer.outcome().settled_before)
    };
    assert_eq!(conflict(untold).await, (None, lost.phone.next - 1));
    let taken = v1::log_conflict::Cause::SequenceTaken;
    assert_eq!(conflict(head).await, (Some(taken), lost.phone.next - 1));
}

async fn what_was_used_before_a_restore_is_used(mut world: World) {
    world.organised().await;
    let code = world.invite(Role::Participant, &[]).await;
    let backup = world.back_up().await;
    let later = world.invite(Role::Participant, &[]).await;
    let key = new_key();
    let enrolled = world.enrol(&code, &key).await.expect("enrolled");
    world.go_back_to(backup).await;
    let again = world.enrol(&code, &key).await.expect("the same answer");
    assert_eq!(again.device_id, enrolled.device_id);
    assert_eq!(again.pass, enrolled.pass);
    let other = world.enrol(&code, &new_key()).await.expect_err("refused");
    refused(&other, Code::FailedPrecondition, "INVITATION_USED");
    let mut phone = Device::new(&world, key, &enrolled);
    phone.check_in(&world, LIBRARY).await;
    let made_since = world.enrol(&later, &new_key()).await;
    made_since.expect("an invitation of after the backup is good");
}

on_both_stores!(
    a_reader_is_told_the_parent_and_what_its_log_lacks,
    pages_handed_back_heal_once,
    a_readers_word_that_others_brought_it_back_is_counted_and_no_more,
    a_page_that_was_never_handed_out_is_passed_over,
    what_can_not_have_been_is_passed_over,
    so_many_pages_and_no_more,
    ops_of_a_log_that_was_lost_are_its_writers_still,
    a_log_that_was_forked_by_a_restore_is_told_by_its_last_accepted_op,
    what_was_used_before_a_restore_is_used,
);
