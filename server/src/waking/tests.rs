#![expect(
    clippy::arithmetic_side_effects,
    reason = "numbers of a test are small"
)]

use std::sync::Mutex;

use askel_store::{
    Append, OpStore as _, PushStore as _, PushToken, Store, Tenant, TenantStore as _, Whom,
    conformance::canary, memory::MemoryStore,
};
use askel_sync::{
    id::DeviceId,
    key::{KeyPair, device_id},
    time::MINUTE_MS,
};
use async_trait::async_trait;

use super::*;
use crate::{clock::RehearsalClock, entropy::SystemEntropy, fan_out::InProcess, push::Push};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOON: Timestamp = Timestamp::from_ms(1_460_451_600_000);

/// Answers the same each time, and counts.
struct Answering {
    with: Mutex<Woken>,
    asked: Mutex<u32>,
}

#[async_trait]
impl Push for Answering {
    async fn wake(&self, _token: &PushToken, _attempt: Attempt) -> Woken {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        *self.with.lock().unwrap()
    }
}

/// Two devices that want to be woken, each with a reason since noon.
struct Desk {
    store: Arc<MemoryStore>,
    clock: Arc<RehearsalClock>,
    push: Arc<Answering>,
    sender: Sender,
    patient_until: Timestamp,
}

fn device(n: u8) -> DeviceId {
    device_id(TENANT, &KeyPair::from_seed(&[n; 32]).public_key())
}

impl Desk {
    async fn start(with: Woken) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(RehearsalClock::start());
        let push = Arc::new(Answering {
            with: Mutex::new(with),
            asked: Mutex::default(),
        });
        clock.set(Some(NOON));
        canary::live(&*store, 10).await;
        let append = Append {
            pushes: [1, 2].map(|n| (Whom::Device(device(n)), NOON)).into(),
            ..Append::default()
        };
        store.append(TENANT, &append, NOON).await.unwrap();
        let components = Components {
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SystemEntropy),
            store: Arc::clone(&store) as Arc<dyn Store>,
            fan_out: Arc::new(InProcess::default()),
            push: Arc::clone(&push) as _,
            node: None,
        };
        let catalogs = Catalogs::new(Arc::clone(&components.store), Arc::clone(&components.clock));
        let sender = Sender::new(components, Arc::new(catalogs), &PushConfig::default());
        Self {
            store,
            clock,
            push,
            sender,
            patient_until: Timestamp::from_ms(0),
        }
    }

    /// What a share at a time asks of the push service.
    async fn share(&self, minutes: i64) -> (Share, u32) {
        self.clock
            .set(Some(NOON.saturating_add_ms(minutes * MINUTE_MS)));
        let share = self.sender.share(TENANT).await.unwrap();
        (share, std::mem::take(&mut *self.push.asked.lock().unwrap()))
    }

    async fn is_registered(&self, n: u8) -> bool {
        let held = self.store.lookup_push(TENANT, device(n)).await;
        held.unwrap().is_some()
    }
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again() {
    let desk = Desk::start(Woken::Sent).await;
    assert_eq!(desk.share(0).await, (Share::All, 2));
    assert_eq!(desk.share(600).await, (Share::All, 0));
}

#[tokio::test]
async fn what_fails_is_given_up_in_the_end() {
    let wait = Duration::from_mins(1);
    let desk = Desk::start(Woken::Later(wait)).await;
    for failure in 0..i64::from(PUSH_FAILURES_MAX) {
        let share = desk.share(failure).await;
        assert_eq!(share, (Share::PutOff(wait), 2), "{failure}");
    }
    assert_eq!(desk.share(600).await, (Share::All, 0));
    assert!(
        desk.is_registered(1).await,
        "the next reason is another push"
    );
}

#[tokio::test]
async fn a_fault_of_ours_costs_no_token() {
    let desk = Desk::start(Woken::Refused).await;
    let hour = Duration::from_hours(1);
    assert_eq!(desk.share(0).await, (Share::PutOff(hour), 2));
    assert_eq!(desk.share(59).await, (Share::All, 0));
    *desk.push.with.lock().unwrap() = Woken::Sent;
    assert_eq!(desk.share(60).await, (Share::All, 2));
    assert!(desk.is_registered(1).await);
}

#[tokio::test]
async fn only_what_is_unregistered_goes() {
    let desk = Desk::start(Woken::Unregistered).await;
    assert!(desk.is_registered(1).await);
    assert_eq!(desk.share(0).await, (Share::All, 2));
    assert!(!desk.is_registered(1).await);
}

#[tokio::test]
async fn nobody_is_asked_while_patience_was_asked_for() {
    let mut desk = Desk::start(Woken::Sent).await;
    desk.patient_until = NOON.saturating_add_ms(MINUTE_MS);
    let tenant = Tenant {
        id: TENANT,
        root_hash: [0; 32],
        signed_key_list: Vec::new(),
        key_list_version: 1,
        created_at: NOON,
    };
    desk.store.record_tenant(&tenant).await.unwrap();
    for (minutes, asked) in [(0, 0), (1, 2)] {
        desk.clock
            .set(Some(NOON.saturating_add_ms(minutes * MINUTE_MS)));
        desk.sender.round(&mut desk.patient_until).await;
        assert_eq!(*desk.push.asked.lock().unwrap(), asked);
    }
}

#[tokio::test]
async fn each_attempt_is_counted_for_what_became_of_it() {
    let desk = Desk::start(Woken::Sent).await;
    let leased = desk
        .store
        .lease_pushes(TENANT, NOON, NOON.saturating_add_ms(MINUTE_MS), 10);
    let mut push = leased.await.unwrap().swap_remove(0);
    let later = Woken::Later(Duration::from_secs(1));
    let check = |push: &LeasedPush, woken: Woken, expected: PushOutcome| {
        assert_eq!(ending(push, NOON, woken).2, expected, "{woken:?}");
    };
    check(&push, Woken::Sent, PushOutcome::Sent);
    check(&push, Woken::Unregistered, PushOutcome::Unregistered);
    check(&push, later, PushOutcome::Later);
    check(&push, Woken::Refused, PushOutcome::Refused);
    push.failures = PUSH_FAILURES_MAX - 2;
    check(&push, later, PushOutcome::Later);
    push.failures = PUSH_FAILURES_MAX - 1;
    check(&push, later, PushOutcome::GivenUp);
    check(&push, Woken::Refused, PushOutcome::GivenUp);
    check(&push, Woken::Sent, PushOutcome::Sent);
}
