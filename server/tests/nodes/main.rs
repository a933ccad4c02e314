//! Several nodes on one Redis: hints go from one to the others, and its loss ends nothing.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::{collections::BTreeMap, time::Duration};

use askel_private_services::Redis;
use askel_server::{
    entropy::SystemEntropy,
    fan_out::{FanOut as _, Hint, RedisFanOut, RedisFanOutError},
    limits::HINTS_WAITING_MAX,
};
use askel_sync::id::{DeviceId, StreamId, TenantId};
use tokio::{
    sync::broadcast::{Receiver, error::TryRecvError},
    time::{sleep, timeout},
};

const OULU: TenantId = TenantId::from_bytes([1; 16]);
const HELSINKI: TenantId = TenantId::from_bytes([2; 16]);

/// A node that hears both tenants.
struct Node {
    fan_out: RedisFanOut,
    oulu: Receiver<Hint>,
    helsinki: Receiver<Hint>,
}

impl Node {
    fn start(url: &str) -> Self {
        let channels = [(OULU, "6b1f"), (HELSINKI, "9c0d")];
        let channels = channels.map(|(tenant, name)| (tenant, name.to_owned()));
        let fan_out = RedisFanOut::start(url, BTreeMap::from(channels), &SystemEntropy)
            .expect("a good address");
        Self {
            oulu: fan_out.subscribe(OULU),
            helsinki: fan_out.subscribe(HELSINKI),
            fan_out,
        }
    }

    /// Waits until a hint of Oulu comes.
    async fn hear(&mut self) -> Hint {
        let heard = timeout(Duration::from_secs(20), self.oulu.recv()).await;
        heard.expect("a hint in time").expect("no lag")
    }

    /// Waits until one comes that says more than that something was missed.
    async fn hear_more(&mut self) -> Hint {
        loop {
            let hint = self.hear().await;
            if !matches!(hint, Hint::Missed(_)) {
                return hint;
            }
        }
    }

    /// Waits until every share of the watchers of Oulu has looked again.
    async fn look_again(&mut self) {
        let mut left: Vec<DeviceId> = (0..=255).map(|id| DeviceId::from_bytes([id; 16])).collect();
        while !left.is_empty() {
            if let Hint::Missed(share) = self.hear().await {
                let all = left.len();
                left.retain(|device| !share.has(*device));
                assert!(all - left.len() <= 16, "all at once");
            }
        }
    }

    fn is_quiet(&mut self) -> bool {
        let quiet = |heard| matches!(heard, Err(TryRecvError::Empty));
        quiet(self.oulu.try_recv()) && quiet(self.helsinki.try_recv())
    }
}

fn moved(stream: u8) -> Hint {
    Hint::Moved([StreamId::from_bytes([stream; 16])].into())
}

/// Has two nodes speak until one hears the other: then both are connected.
async fn meet(one: &mut Node, other: &mut Node) {
    for attempt in 0.. {
        one.fan_out.publish(OULU, moved(0));
        other.fan_out.publish(OULU, moved(200));
        sleep(Duration::from_millis(50)).await;
        let heard = |node: &mut Node| {
            let hints = std::iter::from_fn(|| node.oulu.try_recv().ok());
            hints.collect::<Vec<_>>()
        };
        let (here, there) = (heard(one), heard(other));
        if here.contains(&moved(200)) && there.contains(&moved(0)) {
            break;
        }
        assert!(attempt < 400, "they never met");
    }
    sleep(Duration::from_millis(200)).await;
    while one.oulu.try_recv().is_ok() {}
    while other.oulu.try_recv().is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_reaches_every_node_once_and_its_tenant_alone() {
    let redis = Redis::start().expect("a Redis");
    let (mut one, mut other) = (Node::start(&redis.url()), Node::start(&redis.url()));
    meet(&mut one, &mut other).await;
    let device = DeviceId::from_bytes([9; 16]);
    for hint in [moved(1), Hint::Rights(Some(device)), Hint::Rights(None)] {
        one.fan_out.publish(OULU, hint.clone());
        assert_eq!(one.hear().await, hint, "at once");
        assert_eq!(other.hear().await, hint, "by Redis");
    }
    sleep(Duration::from_millis(200)).await;
    assert!(
        one.is_quiet() && other.is_quiet(),
        "told twice, or to others"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_node_tells_its_own_and_afterwards_all_look_again() {
    let mut redis = Redis::start().expect("a Redis");
    let (mut one, mut other) = (Node::start(&redis.url()), Node::start(&redis.url()));
    meet(&mut one, &mut other).await;
    redis.kill();
    one.fan_out.publish(OULU, moved(1));
    assert_eq!(one.hear().await, moved(1));
    sleep(Duration::from_millis(300)).await;
    assert!(other.is_quiet());
    redis.start_again().expect("it starts");
    // What came meanwhile is not known.
    other.look_again().await;
    one.look_again().await;
    meet(&mut one, &mut other).await;
    one.fan_out.publish(OULU, moved(2));
    assert_eq!(other.hear_more().await, moved(2));
}

/// On one thread: nobody takes out of the queue while it is filled.
#[tokio::test]
async fn after_hints_for_which_there_was_no_room_the_others_look_again() {
    let redis = Redis::start().expect("a Redis");
    let (mut one, mut other) = (Node::start(&redis.url()), Node::start(&redis.url()));
    meet(&mut one, &mut other).await;
    for _ in 0..=HINTS_WAITING_MAX {
        one.fan_out.publish(HELSINKI, Hint::Rights(None));
    }
    // In any tenant: which hints were lost is not known any more.
    other.look_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_taken_for_gone() {
    let redis = Redis::start().expect("a Redis");
    let (mut one, mut other) = (Node::start(&redis.url()), Node::start(&redis.url()));
    meet(&mut one, &mut other).await;
    redis.suspend();
    for stream in 1..=9 {
        one.fan_out.publish(OULU, moved(stream));
        assert_eq!(one.hear().await, moved(stream));
    }
    sleep(Duration::from_secs(4)).await;
    redis.resume();
    let mut heard = Vec::new();
    while !matches!(heard.last(), Some(Hint::Missed(_))) {
        heard.push(other.hear().await);
    }
    meet(&mut one, &mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_before_its_redis() {
    let mut redis = Redis::start().expect("a Redis");
    redis.kill();
    let (mut one, mut other) = (Node::start(&redis.url()), Node::start(&redis.url()));
    one.fan_out.publish(OULU, moved(1));
    assert_eq!(one.hear().await, moved(1));
    redis.start_again().expect("it starts");
    meet(&mut one, &mut other).await;
}

#[tokio::test]
async fn an_address_of_something_else_is_refused_and_not_told() {
    let refused = RedisFanOut::start("http://user:secret@host", BTreeMap::new(), &SystemEntropy);
    let Err(error) = refused else {
        panic!("taken");
    };
    assert!(matches!(error, RedisFanOutError::Address));
    assert!(!error.to_string().contains("secret"));
}
