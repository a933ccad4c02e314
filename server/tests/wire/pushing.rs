//! Who is woken and when, from the fact to FCM: a service on this machine that answers as FCM does.

use std::{sync::Arc, time::Duration};

use askel_fcm::{
    Messenger, ServiceAccount,
    fake::{Fake, Fault, Taken},
};
use askel_proto::v1::{self, push_service_client::PushServiceClient};
use askel_server::{
    limits::{PUSH_DELAY_MS_MAX, PUSH_LEASE_MS},
    push::{Attempt, FcmPush, Push, Woken},
};
use askel_store::{Append, DeviceChange, PushToken, Whom};
use askel_sync::{
    admission::Role,
    id::DeviceId,
    time::{MINUTE_MS, Timestamp},
};
use async_trait::async_trait;
use tonic::{Code, Status};

use crate::{
    acts,
    catalog::BASEMENT,
    device::Device,
    world::{Backend, NOON, World, refused},
};

/// Runs a fact, an `async fn(Backend)`, on a server over each store, the one of many nodes too.
macro_rules! on_all_stores {
    ($($fact:ident),+ $(,)?) => {
        $(
            mod $fact {
                use crate::world::Backend;

                #[tokio::test]
                async fn on_memory() {
                    super::$fact(Backend::Memory).await;
                }

                #[tokio::test]
                async fn on_sqlite() {
                    super::$fact(Backend::Sqlite).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    super::$fact(Backend::Postgres).await;
                }
            }
        )+
    };
}

/// A tenant whose server wakes phones, a phone that wants to be woken, and a tablet that scans.
struct Waking {
    fake: Fake,
    world: World,
    phone: Device,
    tablet: Device,
    /// Of somebody else, who is woken to see how far the server has come.
    bell: Device,
}

impl Waking {
    async fn start(backend: Backend) -> Self {
        let fake = Fake::start(NOON).await;
        let world = World::start_with(backend, Arc::new(fcm(&fake))).await;
        let phone = world.participant().await;
        let tablet = world.enrolled(Role::Staff, &[BASEMENT]).await;
        let bell = world.enrolled(Role::Participant, &[]).await;
        let waking = Self {
            fake,
            world,
            phone,
            tablet,
            bell,
        };
        for (device, token) in [(&waking.phone, "phone"), (&waking.bell, "bell")] {
            waking.register(device, wish(token)).await.expect("taken");
        }
        waking
    }

    async fn register(
        &self,
        device: &Device,
        wish: v1::PushRegistration,
    ) -> Result<v1::PushRegistration, Status> {
        let request = v1::UpdatePushRegistrationRequest {
            push_registration: Some(wish),
        };
        PushServiceClient::new(self.world.channel.clone())
            .update_push_registration(device.call(request))
            .await
            .map(tonic::Response::into_inner)
    }

    /// Staff see the phone's owner.
    async fn scan(&mut self, at: Timestamp) {
        let pass = self.phone.pass.expect("a pass");
        let scan = [acts::scan(BASEMENT, pass, at)];
        let answer = self.tablet.hand_in(&self.world, &scan).await;
        assert_eq!(answer.outcome().exceptions, []);
    }

    /// It is so many minutes after noon, everywhere.
    fn set_clock(&mut self, minutes: i64) {
        let now = after(minutes);
        self.fake.set_now(now);
        self.world.set_clock(now);
        for device in [&mut self.phone, &mut self.tablet, &mut self.bell] {
            device.now = now;
        }
    }

    /// How often a token was woken.
    fn woken(&self, token: &str) -> usize {
        let messages = self.fake.taken();
        let to = |message: &&Taken| message.token == token;
        messages.iter().filter(to).count()
    }

    /// Waits until all that is due by now was sent: who is woken after it twice, is woken after it.
    async fn settle(&self) {
        for _ in 0..2 {
            let before = self.woken("bell");
            let now = self.phone.now;
            let append = Append {
                pushes: [(Whom::Device(self.bell.id), now)].into(),
                ..Append::default()
            };
            let store = &self.world.store;
            let reason = store.append(self.world.tenant.id, &append, now).await;
            reason.expect("appended");
            until(|| self.woken("bell") > before).await;
        }
    }

    async fn is_registered(&self, device: DeviceId) -> bool {
        let held = self.world.store.lookup_push(self.world.tenant.id, device);
        held.await.expect("looked up").is_some()
    }
}

fn fcm(fake: &Fake) -> FcmPush {
    let account = ServiceAccount::parse(&fake.account_json()).expect("an account");
    FcmPush::new(Messenger::new(account, &fake.options()).expect("options"))
}

fn wish(token: &str) -> v1::PushRegistration {
    v1::PushRegistration {
        token: token.to_owned(),
        ..v1::PushRegistration::default()
    }
}

fn after(minutes: i64) -> Timestamp {
    NOON.saturating_add_ms(minutes * MINUTE_MS)
}

/// All of the delay.
const LATER: i64 = PUSH_DELAY_MS_MAX / MINUTE_MS;

async fn until(mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking)
        .await
        .expect("in time");
}

async fn scans_wake_once_after_the_delay(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    waking.scan(NOON).await;
    waking.scan(after(-40)).await;
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 0, "none so soon");
    waking.set_clock(LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 1);
    waking.set_clock(3 * LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 1);
    waking.scan(after(3 * LATER)).await;
    waking.set_clock(4 * LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 2);
    // Whoever it is for, and why: FCM sees one message.
    let bodies = waking.fake.taken().into_iter().map(|taken| {
        let body = String::from_utf8(taken.body.to_vec()).expect("text");
        body.replace(&format!("\"{}\"", taken.token), "")
    });
    let bodies: std::collections::BTreeSet<String> = bodies.collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

async fn ones_own_check_in_and_its_award_wake_nobody(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    waking.phone.check_in(&waking.world, BASEMENT).await;
    assert_eq!(waking.phone.awards(&waking.world).await, 1);
    waking.set_clock(2 * LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 0);
}

async fn nobody_is_woken_in_their_quiet_hours(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    // From noon to half past one, by the clock on the wall.
    let quiet = v1::PushRegistration {
        quiet_hours: Some(v1::QuietHours {
            from_minute: 12 * 60,
            until_minute: 13 * 60 + 30,
        }),
        time_zone_id: 1,
        ..wish("phone")
    };
    let told = waking.register(&waking.phone, quiet.clone()).await;
    let silent = v1::PushRegistration {
        token: String::new(),
        ..quiet
    };
    assert_eq!(told.expect("taken"), silent, "and nothing of the token");
    waking.scan(NOON).await;
    for minutes in [LATER, 60, 89] {
        waking.set_clock(minutes);
        waking.settle().await;
        assert_eq!(waking.woken("phone"), 0, "{minutes} minutes past noon");
    }
    waking.set_clock(90 + LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 1);
}

async fn a_token_that_is_none_any_more_goes(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    waking.fake.unregister("phone");
    waking.scan(NOON).await;
    waking.set_clock(LATER);
    waking.settle().await;
    assert!(!waking.is_registered(waking.phone.id).await);
    assert!(waking.is_registered(waking.bell.id).await);
    let asked = waking.fake.asked();
    waking.scan(after(LATER)).await;
    waking.set_clock(2 * LATER);
    waking.settle().await;
    // The bell's two, and none for the phone.
    assert_eq!(waking.fake.asked(), asked + 2);
}

async fn when_fcm_asks_for_patience_it_gets_it(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    waking.scan(NOON).await;
    let told = Fault::QuotaExceeded(Some("120".to_owned()));
    waking.fake.fail_next_message(told);
    waking.set_clock(LATER);
    until(|| waking.fake.asked() == 1).await;
    waking.set_clock(LATER + 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(waking.fake.asked(), 1, "after one minute of the two");
    waking.set_clock(LATER + 3);
    until(|| waking.woken("phone") == 1).await;
}

/// Sends, and never gets around to saying so.
struct Stuck(FcmPush);

#[async_trait]
impl Push for Stuck {
    async fn wake(&self, token: &PushToken, attempt: Attempt) -> Woken {
        self.0.wake(token, attempt).await;
        std::future::pending().await
    }
}

async fn a_server_that_ends_after_sending_sends_once_more(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    let stuck = Arc::new(Stuck(fcm(&waking.fake)));
    waking.world.end_and_start(stuck).await;
    waking.scan(NOON).await;
    waking.set_clock(LATER);
    until(|| waking.woken("phone") == 1).await;
    let fcm = Arc::new(fcm(&waking.fake));
    waking.world.end_and_start(fcm).await;
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 1, "it may still be under way");
    waking.set_clock(LATER + PUSH_LEASE_MS / MINUTE_MS);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 2);
    waking.set_clock(3 * LATER);
    waking.settle().await;
    assert_eq!(waking.woken("phone"), 2);
}

async fn who_does_not_want_it_is_not_woken(backend: Backend) {
    let mut waking = Waking::start(backend).await;
    let other = waking.world.enrolled(Role::Participant, &[]).await;
    waking.register(&other, wish("other")).await.expect("taken");
    let pass = other.pass.expect("a pass");
    let scans = [acts::scan(BASEMENT, pass, NOON)];
    waking.tablet.hand_in(&waking.world, &scans).await;
    waking.scan(NOON).await;
    for _ in 0..2 {
        let request = waking.phone.call(v1::DeletePushRegistrationRequest {});
        let deleted = PushServiceClient::new(waking.world.channel.clone())
            .delete_push_registration(request)
            .await;
        deleted.expect("deleted");
    }
    // Nor who is no more.
    let (tenant, store) = (waking.world.tenant.id, &waking.world.store);
    let audit = askel_store::Audit {
        at: NOON,
        actor: None,
        action: askel_store::AuditAction::DeviceRevoked,
        target: askel_store::Audit::device_name(other.id),
    };
    let revoked = store.change_device(tenant, other.id, DeviceChange::REVOKE, &audit);
    revoked.await.expect("revoked");
    for device in [&waking.phone, &other] {
        assert!(!waking.is_registered(device.id).await);
    }
    waking.set_clock(2 * LATER);
    waking.settle().await;
    assert_eq!((waking.woken("phone"), waking.woken("other")), (0, 0));
}

on_all_stores!(
    scans_wake_once_after_the_delay,
    ones_own_check_in_and_its_award_wake_nobody,
    nobody_is_woken_in_their_quiet_hours,
    a_token_that_is_none_any_more_goes,
    when_fcm_asks_for_patience_it_gets_it,
    a_server_that_ends_after_sending_sends_once_more,
    who_does_not_want_it_is_not_woken,
);

#[tokio::test]
async fn of_several_servers_one_wakes() {
    let mut waking = Waking::start(Backend::Postgres).await;
    waking.world.stop().await;
    let nodes = [waking.world.join().await, waking.world.join().await];
    waking.world.turn_to(&nodes[0]);
    let mut scans = Vec::new();
    for n in 0..20 {
        let phone = waking.world.enrolled(Role::Participant, &[]).await;
        let token = format!("phone-{n}");
        waking.register(&phone, wish(&token)).await.expect("taken");
        let pass = phone.pass.expect("a pass");
        scans.push(acts::scan(BASEMENT, pass, NOON));
    }
    waking.tablet.hand_in(&waking.world, &scans).await;
    waking.set_clock(LATER);
    let woken = || {
        let taken = waking.fake.taken().into_iter();
        let tokens = taken.map(|taken| taken.token);
        tokens.filter(|token| token != "bell").collect::<Vec<_>>()
    };
    until(|| woken().len() >= 20).await;
    waking.settle().await;
    let each: std::collections::BTreeSet<_> = woken().into_iter().collect();
    assert_eq!((woken().len(), each.len()), (20, 20));
}

#[tokio::test]
async fn a_registration_out_of_bounds_is_refused() {
    let waking = Waking::start(Backend::Memory).await;
    let quiet = |from_minute, until_minute| v1::PushRegistration {
        quiet_hours: Some(v1::QuietHours {
            from_minute,
            until_minute,
        }),
        ..wish("phone")
    };
    let check = async |wish: v1::PushRegistration, field: Option<&str>| {
        let answer = waking.register(&waking.phone, wish).await;
        let Some(field) = field else {
            answer.expect("taken");
            return;
        };
        let status = answer.expect_err("refused");
        refused(&status, Code::InvalidArgument, "FIELD_INVALID");
        let told = tonic_types::StatusExt::get_details_bad_request(&status);
        assert_eq!(told.expect("told").field_violations[0].field, field);
    };
    let token = Some("push_registration.token");
    let hours = Some("push_registration.quiet_hours");
    check(wish(&"t".repeat(4_096)), None).await;
    check(wish(&"t".repeat(4_097)), token).await;
    check(wish(""), token).await;
    check(wish("a b"), token).await;
    check(quiet(0, 1_380), None).await;
    check(quiet(0, 1_381), hours).await;
    check(quiet(60, 60), hours).await;
    check(quiet(1_440, 60), hours).await;
}
