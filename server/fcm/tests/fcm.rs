//! The client against a local service that speaks as FCM and Google's token exchange do.

#![expect(clippy::expect_used, reason = "a test that can't go on fails")]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use askel_fcm::{
    AccountError, Attempt, Messenger, Options, Outcome, Refusal, Roots, ServiceAccount,
    fake::{Fake, Fault},
    limits::{
        ACCESS_TOKEN_BYTES_MAX, ACCOUNT_BYTES_MAX, BACKOFF_FIRST, QUOTA_WAIT_MIN,
        REFUSED_EXCHANGE_WAIT, STATED_WAIT_MAX, WAIT_MIN,
    },
};
use askel_sync::time::Timestamp;
use futures::future::join_all;

/// 2023-11-14T22:13:20Z.
const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// No wait beyond what was asked for.
const CALM: Attempt = Attempt {
    now: NOW,
    failures: 0,
    random: 0,
};

struct World {
    fake: Fake,
    messenger: Messenger,
}

impl World {
    async fn start() -> Self {
        Self::with(|options| options).await
    }

    async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let fake = Fake::start(NOW).await;
        let account = ServiceAccount::parse(&fake.account_json()).expect("an account");
        let options = change(fake.options());
        let messenger = Messenger::new(account, &options).expect("a messenger");
        Self { fake, messenger }
    }

    async fn send(&self) -> Outcome {
        self.messenger.send("a-token", CALM).await
    }

    async fn send_into(&self, fault: Fault) -> Outcome {
        self.fake.fail_next_message(fault);
        self.send().await
    }
}

fn seconds(seconds: u64) -> Outcome {
    Outcome::RetryAfter(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_message_says_the_same_whoever_gets_it() {
    let world = World::start().await;
    assert_eq!(world.messenger.send("one", CALM).await, Outcome::Sent);
    assert_eq!(world.messenger.send("two", CALM).await, Outcome::Sent);
    let bodies: HashSet<String> = world
        .fake
        .taken()
        .iter()
        .map(|taken| {
            let body = String::from_utf8(taken.body.to_vec()).expect("text");
            body.replace(&format!("\"{}\"", taken.token), "\"T\"")
        })
        .collect();
    // The fake takes nothing else; here is what that is, for whoever reads.
    assert_eq!(
        bodies.into_iter().collect::<Vec<_>>(),
        [concat!(
            r#"{"message":{"token":"T","data":{"body":"sync"},"#,
            r#""android":{"collapse_key":"sync","priority":"NORMAL","ttl":"86400s"},"#,
            r#""apns":{"headers":{"apns-push-type":"background","apns-priority":"5","#,
            r#""apns-collapse-id":"sync"},"payload":{"aps":{"content-available":1}}}}}"#
        )]
    );
}

#[tokio::test]
async fn many_messages_share_one_exchange_and_one_connection() {
    let world = World::start().await;
    let sends = (0..100).map(|_| world.send());
    let outcomes = join_all(sends).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Sent));
    assert_eq!(world.fake.taken().len(), 100);
    assert_eq!(world.fake.exchanges(), 1);
    assert_eq!(world.fake.connections(), 1);
}

#[tokio::test]
async fn no_more_messages_are_under_way_than_configured() {
    let world = World::with(|options| Options {
        sends_max: 3,
        ..options
    });
    let world = Arc::new(world.await);
    world.fake.hold();
    let sends: Vec<_> = (0..10)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.send().await })
        })
        .collect();
    let full = async {
        while world.fake.held() < 3 {
            tokio::task::yield_now().await;
        }
    };
    let full = tokio::time::timeout(Duration::from_secs(20), full).await;
    full.expect("as many as may be under way are");
    assert_eq!(world.fake.asked(), 3);
    world.fake.release();
    for send in sends {
        assert_eq!(send.await.expect("done"), Outcome::Sent);
    }
    assert_eq!(world.fake.asked(), 10);
}

#[tokio::test]
async fn an_access_token_is_used_until_shortly_before_its_end() {
    let world = World::start().await;
    let at = |seconds: i64| Attempt {
        now: NOW.saturating_add_ms(seconds * 1_000),
        ..CALM
    };
    world.fake.set_access_good(Duration::from_mins(10));
    for (seconds, exchanges) in [(0, 1), (539, 1), (540, 2), (1_079, 2), (1_080, 3)] {
        world.fake.set_now(at(seconds).now);
        let outcome = world.messenger.send("a-token", at(seconds)).await;
        assert_eq!(outcome, Outcome::Sent);
        assert_eq!(world.fake.exchanges(), exchanges, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_revoked_access_token_is_exchanged_anew_once() {
    let world = World::start().await;
    assert_eq!(world.send().await, Outcome::Sent);
    world.fake.revoke_access();
    assert_eq!(world.send().await, Outcome::Sent);
    assert_eq!(world.fake.exchanges(), 2);
}

#[tokio::test]
async fn an_account_that_is_never_believed_is_refused_after_a_second_look() {
    let world = World::start().await;
    world.fake.fail_next_message(Fault::Unauthenticated);
    let outcome = world.send_into(Fault::Unauthenticated).await;
    assert_eq!(outcome, Outcome::Refused(Refusal::Credential));
    assert_eq!(world.fake.exchanges(), 2);
    assert_eq!(world.fake.asked(), 2);
}

#[tokio::test]
async fn a_token_that_nobody_is_behind_is_told() {
    let world = World::start().await;
    world.fake.unregister("a-token");
    assert_eq!(world.send().await, Outcome::Unregistered);
    let world = World::start().await;
    for fault in [Fault::InvalidToken, Fault::InvalidTokenInWords] {
        assert_eq!(world.send_into(fault).await, Outcome::Unregistered);
    }
}

#[tokio::test]
async fn a_fault_of_ours_drops_no_token() {
    let world = World::start().await;
    for (fault, refusal) in [
        (Fault::InvalidMessage, Refusal::Message),
        (Fault::SenderIdMismatch, Refusal::WrongSender),
        (Fault::PermissionDenied, Refusal::Permission),
        (Fault::ThirdPartyAuth, Refusal::ApplePushKey),
        (Fault::NoSuchProject, Refusal::Project),
        // It says that the token is gone, but only after more than we read.
        (Fault::Endless, Refusal::Project),
    ] {
        let outcome = world.send_into(fault).await;
        assert_eq!(outcome, Outcome::Refused(refusal));
    }
    assert_eq!(world.fake.exchanges(), 1);
}

#[tokio::test]
async fn who_is_asked_to_wait_waits() {
    let world = World::start().await;
    let asked = |value: &str| Some(value.to_owned());
    let date = asked("Tue, 14 Nov 2023 22:15:20 GMT");
    let far = STATED_WAIT_MAX.as_secs();
    for (fault, wait) in [
        (Fault::QuotaExceeded(asked("7")), 7),
        (Fault::QuotaExceeded(None), QUOTA_WAIT_MIN.as_secs()),
        (Fault::QuotaExceeded(date.clone()), 120),
        (Fault::Unavailable(asked("30")), 30),
        (Fault::Unavailable(date), 120),
        (Fault::Unavailable(asked("99999999")), far),
        (Fault::Unavailable(None), WAIT_MIN.as_secs()),
        (Fault::Internal, WAIT_MIN.as_secs()),
    ] {
        assert_eq!(
            world.send_into(fault.clone()).await,
            seconds(wait),
            "{fault:?}"
        );
    }
    assert_eq!(world.send().await, Outcome::Sent);
}

#[tokio::test]
async fn who_failed_before_waits_longer_and_not_with_the_others() {
    let world = World::start().await;
    let attempt = Attempt {
        failures: 3,
        random: 75_000,
        ..CALM
    };
    world
        .fake
        .fail_next_message(Fault::Unavailable(Some("30".to_owned())));
    assert_eq!(world.messenger.send("a-token", attempt).await, seconds(105));
    world.fake.fail_next_message(Fault::Internal);
    assert_eq!(world.messenger.send("a-token", attempt).await, seconds(75));
}

#[tokio::test]
async fn silence_and_a_broken_connection_are_tried_again() {
    let world = World::with(|options| Options {
        timeout: Duration::from_millis(500),
        ..options
    })
    .await;
    // What the exchange takes is no part of what follows.
    assert_eq!(world.send().await, Outcome::Sent);
    assert_eq!(world.send_into(Fault::Silence).await, seconds(1));
    assert_eq!(world.send_into(Fault::Done).await, seconds(1));
    assert_eq!(world.send().await, Outcome::Sent);
}

#[tokio::test]
async fn an_exchange_that_fails_is_not_tried_by_everyone_who_waits_for_it() {
    let world = World::start().await;
    world
        .fake
        .fail_next_exchange(Fault::Unavailable(Some("40".to_owned())));
    let outcomes = join_all((0..20).map(|_| world.send())).await;
    assert!(outcomes.iter().all(|outcome| *outcome == seconds(40)));
    assert_eq!((world.fake.exchanges(), world.fake.asked()), (1, 0));

    let later = Attempt {
        now: NOW.saturating_add_ms(40_000),
        ..CALM
    };
    let outcome = world.messenger.send("a-token", later).await;
    assert_eq!(outcome, Outcome::Sent);
}

#[tokio::test]
async fn an_exchange_that_is_refused_is_told_and_not_repeated_at_once() {
    let world = World::start().await;
    world.fake.fail_next_exchange(Fault::InvalidGrant);
    for _ in 0..3 {
        let outcome = world.send().await;
        assert_eq!(outcome, Outcome::Refused(Refusal::Credential));
    }
    assert_eq!(world.fake.exchanges(), 1);
    let wait_ms = i64::try_from(REFUSED_EXCHANGE_WAIT.as_millis()).expect("a number");
    let later = Attempt {
        now: NOW.saturating_add_ms(wait_ms),
        ..CALM
    };
    let outcome = world.messenger.send("a-token", later).await;
    assert_eq!(outcome, Outcome::Sent);
}

#[tokio::test]
async fn an_exchange_that_answers_nonsense_is_tried_again_later() {
    let world = World::start().await;
    for fault in [Fault::Gibberish, Fault::QuotaExceeded(None)] {
        world.fake.fail_next_exchange(fault);
    }
    assert_eq!(world.send().await, seconds(1));
    let later = Attempt {
        now: NOW.saturating_add_ms(1_000),
        ..CALM
    };
    let outcome = world.messenger.send("a-token", later).await;
    assert_eq!(outcome, seconds(QUOTA_WAIT_MIN.as_secs()));
    const { assert!(ACCESS_TOKEN_BYTES_MAX < 64 * 1_024) };
    assert!(BACKOFF_FIRST > WAIT_MIN);
}

#[tokio::test]
async fn an_account_whose_clock_is_wrong_by_hours_is_not_believed() {
    let world = World::start().await;
    let early = Attempt {
        now: NOW.saturating_add_ms(-2 * 3_600_000),
        ..CALM
    };
    let outcome = world.messenger.send("a-token", early).await;
    assert_eq!(outcome, Outcome::Refused(Refusal::Credential));
    assert_eq!(world.fake.asked(), 0);
}

#[tokio::test]
async fn whose_certificate_is_not_believed_hears_no_token() {
    let world = World::with(|options| Options {
        roots: Roots::Web,
        ..options
    })
    .await;
    assert_eq!(world.send().await, seconds(1));
    assert_eq!((world.fake.exchanges(), world.fake.asked()), (0, 0));
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear() {
    let fake = Fake::start(NOW).await;
    let plain = |text: String| text.replace("https://", "http://");
    let account = ServiceAccount::parse(&plain(fake.account_json()));
    assert_eq!(account.err(), Some(AccountError::TokenUri));
    let account = ServiceAccount::parse(&fake.account_json()).expect("an account");
    let options = Options {
        base: plain(fake.options().base),
        ..fake.options()
    };
    assert!(Messenger::new(account, &options).is_err());
}

#[tokio::test]
async fn what_is_no_service_account_is_told() {
    let good = Fake::start(NOW).await.account_json();
    let check = |json: &str, expected: Option<AccountError>| {
        assert_eq!(ServiceAccount::parse(json).err(), expected);
    };
    let padding = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    check(&padding(ACCOUNT_BYTES_MAX), None);
    check(&padding(ACCOUNT_BYTES_MAX + 1), Some(AccountError::TooLong));
    check("{}", Some(AccountError::Format));
    let user = good.replace("\"service_account\"", "\"authorized_user\"");
    check(&user, Some(AccountError::Kind));
    let path = good.replace("\"askel-test\"", "\"a/b\"");
    check(&path, Some(AccountError::Project));
    let key = good.replace("BEGIN PRIVATE", "BEGIN PUBLIC");
    check(&key, Some(AccountError::Key));
    let account = ServiceAccount::parse(&good).expect("an account");
    assert_eq!(format!("{account:?}"), "ServiceAccount { .. }");
}

#[tokio::test]
async fn a_refusal_is_logged_once_until_something_was_sent() {
    let said = Arc::new(AtomicUsize::new(0));
    let counter = Counter(Arc::clone(&said));
    let _guard = tracing::subscriber::set_default(counter);
    let world = World::start().await;
    for expected in [1, 1] {
        let _ = world.send_into(Fault::PermissionDenied).await;
        assert_eq!(said.load(Ordering::Relaxed), expected);
    }
    assert_eq!(world.send().await, Outcome::Sent);
    let _ = world.send_into(Fault::PermissionDenied).await;
    assert_eq!(said.load(Ordering::Relaxed), 2);
}

/// Counts errors that the client logs; whatever it logs holds no token.
struct Counter(Arc<AtomicUsize>);

impl tracing::Subscriber for Counter {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("askel_fcm")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let text = format!("{event:?}");
        assert!(
            !text.contains("a-token") && !text.contains("ya29"),
            "{text}"
        );
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
