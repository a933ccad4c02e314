//! The gate under real waits, and a crowd of phones in simulated time.

mod crowd;

use super::*;
use crate::clock::SystemClock;
use askel_sync::{key::KeyPair, time::Timestamp};

fn gate(calls_max: u32, calls_waiting_max: usize, wait_ms: u64) -> Arc<Gate> {
    let config = ServerConfig {
        calls_max,
        calls_waiting_max,
        call_wait_ms_max: wait_ms,
        ..ServerConfig::default()
    };
    Arc::new(Gate::new(&config, Arc::new(SystemClock::start())))
}

fn of(tenant: u8, device: u8) -> Whose {
    Whose {
        tenant: TenantId::from_bytes([tenant; ID_BYTES]),
        device: DeviceId::from_bytes([device; ID_BYTES]),
    }
}

/// After how long a refused call may come again.
fn told(refused: &Result<Pass, AppError>) -> Option<u64> {
    match refused {
        Err(AppError::Later {
            reason: Reason::ServerOverloaded,
            retry_after_ms,
        }) => Some(*retry_after_ms),
        _ => None,
    }
}

#[tokio::test]
async fn a_call_waits_for_its_turn_and_has_it_when_another_ends() {
    let gate = gate(1, 8, 60_000);
    let first = gate.enter(of(1, 1), 1).await.expect("a turn");
    let second = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.enter(of(1, 2), 1).await.is_ok() }
    });
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    drop(first);
    assert!(second.await.expect("no panic"));
    assert!(gate.enter(of(1, 1), 1).await.is_ok(), "all is given back");
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_is_told_when_to_come_again() {
    let gate = gate(1, 8, 20);
    let _first = gate.enter(of(1, 1), 1).await.expect("a turn");
    let refused = told(&gate.enter(of(1, 2), 1).await).expect("refused");
    assert!(refused >= BUSY_RETRY_MS);
    let later = told(&gate.enter(of(1, 3), 1).await).expect("refused");
    assert!(later >= refused, "not both at once");
}

#[tokio::test]
async fn without_room_in_the_line_a_call_is_refused_before_it_is_read() {
    let gate = gate(1, 1, 60_000);
    assert!(gate.look(of(1, 1)).is_ok());
    let _first = gate.enter(of(1, 1), 1).await.expect("a turn");
    let waiting = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.enter(of(1, 2), 1).await.is_ok() }
    });
    tokio::task::yield_now().await;
    assert!(gate.look(of(1, 3)).is_err());
    waiting.abort();
    let _ = waiting.await;
    assert!(
        gate.look(of(1, 3)).is_ok(),
        "whoever hangs up waits no more"
    );
}

#[tokio::test]
async fn a_caller_who_hangs_up_at_its_turn_keeps_nothing() {
    let gate = gate(1, 8, 60_000);
    for _ in 0..200 {
        let first = gate.enter(of(1, 1), 1).await.expect("a turn");
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter(of(1, 2), 1).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        second.abort();
        let _ = second.await;
    }
    assert!(gate.enter(of(1, 1), 1).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_nobody_reads_holds_nobody_up_for_long() {
    let gate = gate(1, 8, 3 * ANSWERING_MS_MAX);
    let unread = gate.enter(of(1, 1), 1).await.expect("a turn").answering();
    assert!(told(&self::gate(1, 8, 1).enter(of(1, 2), 1).await).is_none());
    tokio::time::sleep(Duration::from_millis(ANSWERING_MS_MAX)).await;
    let next = gate.enter(of(1, 2), 1).await;
    assert!(next.is_ok());
    drop(unread);
    let entered = gate.lock().line.enter(of(1, 3), 1, oneshot::channel().0);
    assert!(
        matches!(entered, Entered::Waits { .. }),
        "what was given back once is not given back again"
    );
}

#[test]
fn a_large_body_costs_more_and_never_everything() {
    assert_eq!(cost(0), 1);
    assert_eq!(cost(CALL_COST_BYTES), 2);
    let gate = gate(8, 0, 1);
    assert_eq!(gate.lock().line.bounded(cost(usize::MAX)), 2);
}

#[test]
fn who_names_a_tenant_that_is_not_served_is_a_stranger_like_all_others() {
    let headers = |tenant: u8, device: u8| {
        let credential = CallCredential {
            tenant: TenantId::from_bytes([tenant; ID_BYTES]),
            device: DeviceId::from_bytes([device; ID_BYTES]),
            issued_at: Timestamp::from_ms(0),
        };
        let text = credential.sign(&KeyPair::from_seed(&[9; 32]), "askel");
        let value = http::HeaderValue::from_str(&text).expect("ASCII");
        HeaderMap::from_iter([(http::HeaderName::from_static(METADATA_KEY), value)])
    };
    let served = |tenant: TenantId| tenant == TenantId::from_bytes([1; ID_BYTES]);
    assert_eq!(whose(&headers(1, 7), served), of(1, 7));
    let stranger = whose(&HeaderMap::new(), served);
    for tenant in 2..9 {
        assert_eq!(whose(&headers(tenant, tenant), served), stranger);
    }
}
