//! A restored server: readers find themselves ahead of it and hand back what it lost.

use std::sync::Arc;

use askel_proto::v1;
use askel_store::memory::MemoryStore;
use askel_sync::{
    id::{OpId, StreamId},
    limits::RETURNED_PAGES_MAX,
    op::OpKind,
};
use tonic::Code;

use crate::{
    acts,
    catalog::LIBRARY,
    device::{Answer, Device, at},
    world::{Backend, NOON, World, refused},
};

/// A phone whose check-in the server has lost, with what the phone had read.
struct Lost {
    world: World,
    phone: Device,
    read: Answer,
    own: StreamId,
    last_op: OpId,
}

async fn lost() -> Lost {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::start_on(Backend::Memory, Some(Arc::clone(&store))).await;
    let mut phone = world.participant().await;
    let batch = phone.write(&[acts::favourite_added(LIBRARY, NOON)]);
    let request = phone.request(vec![phone.seal(&batch)]);
    phone.send(&world, request).await.expect("synced");
    let backup = store.snapshot();
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

#[tokio::test]
async fn a_reader_is_told_the_parent_and_what_its_log_lacks() {
    let lost = lost().await;
    let answer = lost.phone.send(&lost.world, lost.request()).await;
    let answer = answer.expect("synced");
    let info = answer.stream(&acts::own_stream());
    assert_ne!(info.stream_id, lost.own.to_vec());
    assert_eq!(info.parent_stream_id, lost.own.to_vec());
    assert_eq!((info.parent_head, info.healed_to), (1, 1));
    assert!(answer.gone.is_empty());
    assert_eq!(answer.outcome().settled_before, 1, "the favourite");
    assert_eq!(answer.outcome().conflict, None);
    let claimed = lost.read.stream(&acts::own_stream()).head - 1;
    assert_eq!(lost.healing().await, (0, claimed));
}

#[tokio::test]
async fn pages_handed_back_heal_once() {
    let mut lost = lost().await;
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

#[tokio::test]
async fn a_page_that_was_never_handed_out_is_passed_over() {
    let mut lost = lost().await;
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

#[tokio::test]
async fn so_many_pages_and_no_more() {
    let lost = lost().await;
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
