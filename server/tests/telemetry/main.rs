//! What a server tells of itself, as a collector, Prometheus and a reader of its log see it.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly, in its helpers too"
)]

/// The facts that stand beside the helpers are proved elsewhere.
macro_rules! on_both_stores {
    ($($fact:ident),+ $(,)?) => {};
}

#[expect(dead_code, reason = "helpers of another suite")]
#[path = "../wire/acts.rs"]
mod acts;
#[expect(dead_code, reason = "helpers of another suite")]
#[path = "../wire/bound_journal.rs"]
mod bound_journal;
#[expect(dead_code, reason = "helpers of another suite")]
#[path = "../wire/catalog.rs"]
mod catalog;
#[expect(dead_code, reason = "helpers of another suite")]
#[path = "../wire/device.rs"]
mod device;
#[path = "../wire/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "helpers of another suite")]
#[path = "../wire/world.rs"]
mod world;

mod calls;
mod collector;
mod hostile;
mod marks;
mod queries;
mod told;

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_server::{
    clock::{Clock as _, SystemClock},
    config::TelemetryConfig,
    entropy::SystemEntropy,
    telemetry,
};
use collector::{Collector, Mood};
use marks::Marks;
use told::Documented;
use world::{Backend, World};

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn config(collector: &Collector) -> TelemetryConfig {
    TelemetryConfig {
        // Everything that can be asked for.
        filter: "trace".to_owned(),
        otlp_endpoint: collector.url().parse().expect("a URL"),
        otlp_timeout_ms: 1_000,
        otlp_interval_ms: 3_600_000,
        traces_per_mille: 1_000,
        prometheus: true,
        prometheus_listen: "127.0.0.1:0".parse().expect("an address"),
        ..TelemetryConfig::default()
    }
}

/// What is set up for a process can be set up once: the facts are told one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_told_is_documented_linked_and_of_nobody() {
    let collector = Collector::start().await;
    let config = config(&collector);
    let lines = Lines::default();
    let kept = lines.clone();
    let telemetry = telemetry::set_up(&config, &SystemEntropy, move || kept.clone())
        .await
        .expect("set up");
    let scraped_at = telemetry.scraped_at().expect("scraped");
    let mut world = World::configured(Backend::Sqlite, |all| all.telemetry = config.clone()).await;
    let mut marks = Marks::new(&world);

    calls::every_method(&mut world, &mut marks).await;
    hostile::every_method(&world, &mut marks).await;
    // Redis that is away, a certificate that will end, and a backup to tell the age of.
    let _redis = calls::redis_that_is_away();
    let _secured = calls::server_that_speaks_tls().await;
    let backup = world.back_up().await;
    world.go_back_to(backup).await;
    calls::sum_mismatch(&world).await;
    // The phone that watched has gone.
    while !lines.text().contains("a caller went away") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    telemetry.flush().await.expect("exported");

    let exported = collector.take();
    let page = told::scrape(scraped_at).await;
    let documented = Documented::read();
    documented.check_metrics(&exported, &page);
    documented.check_spans(&exported);
    documented.check_lines(&exported);
    queries::check(&page);
    told::every_method_was_answered(&exported);
    told::calls_and_transactions_are_linked(&exported);
    for bytes in exported.bytes() {
        marks.check(&bytes, "an export");
    }
    marks.check(page.as_bytes(), "the page for Prometheus");
    marks.check(lines.text().as_bytes(), "the log");
    assert!(lines.text().contains("call refused"), "lines were kept");
    let text = lines.text();
    let mut refused = text.lines().filter(|line| line.contains("call refused"));
    assert_eq!(refused.find(|line| line.contains("CANCELLED")), None);

    a_callers_trace_goes_on(&world, &telemetry, &collector).await;
    nobody_waits_for_a_collector(&world, telemetry, &collector).await;
}

/// The trace that a caller names is the call's, and its parts'.
async fn a_callers_trace_goes_on(
    world: &World,
    telemetry: &telemetry::Telemetry,
    collector: &Collector,
) {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    calls::sync_in_trace(world, &format!("00-{trace}-b7ad6b7169203331-01")).await;
    // A span is over with all that hangs below it, which may be a moment later.
    tokio::time::sleep(Duration::from_millis(500)).await;
    telemetry.flush().await.expect("exported");
    told::trace_goes_on(&collector.take(), trace, "b7ad6b7169203331");
}

/// A collector that hangs, then one that is gone: calls take as long as before, and no more waits for
/// it than is written down.
async fn nobody_waits_for_a_collector(
    world: &World,
    telemetry: telemetry::Telemetry,
    collector: &Collector,
) {
    let undisturbed = calls::typical_sync(world, 300).await;
    collector.set_mood(Mood::Hangs);
    let hanging = calls::typical_sync(world, 900).await;
    assert!(
        hanging < undisturbed * 3 + Duration::from_millis(3),
        "{hanging:?} while the collector hangs, {undisturbed:?} before"
    );
    collector.take();
    collector.set_mood(Mood::Answers);
    // What hung may have been given up; what waited arrives.
    let _ = telemetry.flush().await;
    let spans = collector.take().spans().count();
    assert!((1..=2_048 + 2 * 512).contains(&spans), "{spans} waited");
    collector.set_mood(Mood::Gone);
    let gone = calls::typical_sync(world, 300).await;
    assert!(
        gone < undisturbed * 3 + Duration::from_millis(3),
        "{gone:?} while the collector is gone, {undisturbed:?} before"
    );
    let clock = SystemClock::start();
    telemetry.shutdown().await;
    let took = clock.monotonic();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
