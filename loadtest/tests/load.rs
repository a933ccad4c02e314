//! A little of each measurement under load: everything handed in is in the figures, and the report has
//! what it should. Never how fast.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use askel_loadtest::load::{
    CheckinOptions, DrainOptions, Ground, IngestOptions, LoadReport, NochangeOptions,
    OverloadOptions, Rush, RushOptions, SizeOptions, StoreKind, WatchOptions, YearOptions, checkin,
    drain, ingest, nochange, overload, rush, size, watch, year,
};
use serde_json::{Value, json};

fn ground(store: StoreKind) -> Ground {
    Ground {
        store,
        program: PathBuf::from(env!("CARGO_BIN_EXE_askel-loadtest")),
        connections: 2,
    }
}

/// The report has these figures, and they are numbers; its rounds.
fn rounds(report: &LoadReport, what: &str, keys: &[&str]) -> Vec<Value> {
    let json = report.to_json();
    assert_eq!(json["what"], what);
    for key in keys {
        let figure = &json["figures"][key];
        assert!(
            figure["value"].as_f64().is_some_and(f64::is_finite),
            "{json}"
        );
        assert!(report.to_text().contains(key));
    }
    json["rounds"].as_array().unwrap().clone()
}

fn is_of(round: &Value, calls: u64, ops: u64) {
    let askel = &round["askel"];
    assert_eq!(
        (&askel["calls"], &askel["ops"]),
        (&json!(calls), &json!(ops))
    );
    assert_eq!(askel["errors"], json!({}));
    assert!(askel["server_memory_bytes"].as_u64() > Some(0));
    let latency = &askel["latency_ms"];
    assert!(latency["p50"].as_f64() <= latency["p99"].as_f64());
}

/// It fails by itself when the figures do not come to what was handed in.
async fn a_little_ingest(store: StoreKind, batch: u64) {
    let options = IngestOptions {
        ground: ground(store),
        batch,
        calls: 24,
        in_flight: 8,
        people: 8,
        baseline_s: 1,
    };
    let report = ingest(&options).await.unwrap();
    let ratio = report.figure("ingest_ops_per_s").unwrap().quotient();
    assert!(ratio.is_some_and(|ratio| ratio > 0.0));
    let rounds = rounds(&report, "ingest", &["ingest_ops_per_s"]);
    assert_eq!(rounds.len(), 3);
    for round in &rounds {
        is_of(round, 24, batch.saturating_mul(24));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_in_on_sqlite_is_counted() {
    a_little_ingest(StoreKind::Sqlite, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_in_on_postgres_is_counted() {
    a_little_ingest(StoreKind::Postgres, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_new_is_answered_like_an_echo() {
    let options = NochangeOptions {
        ground: ground(StoreKind::Sqlite),
        calls: 40,
        in_flight: 8,
        people: 8,
    };
    let report = nochange(&options).await.unwrap();
    for round in rounds(&report, "nochange", &["nochange_calls_per_s"]) {
        is_of(&round, 40, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scan_that_was_due_is_counted() {
    let options = CheckinOptions {
        ground: ground(StoreKind::Postgres),
        rate: 50.0,
        seconds: 1,
        scanners: 4,
        people: 10,
    };
    let report = checkin(&options).await.unwrap();
    for round in rounds(&report, "checkin", &["checkin_p99_ms", "checkin_cpu_ms"]) {
        is_of(&round, 50, 50);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_days_scans_are_all_counted() {
    let options = DrainOptions {
        ground: ground(StoreKind::Sqlite),
        scans: 1_200,
        scanners: 2,
        people: 60,
    };
    let report = drain(&options).await.unwrap();
    for round in rounds(&report, "drain", &["drain_ms"]) {
        is_of(&round, 2, 1_200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_stand() {
    let options = WatchOptions {
        ground: ground(StoreKind::Sqlite),
        watches: 10,
    };
    let report = watch(&options).await.unwrap();
    let rounds = rounds(&report, "watch", &["watch_bytes"]);
    assert_eq!(rounds[0]["watches"], 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_several_tenants_is_exact() {
    let options = YearOptions {
        ground: ground(StoreKind::Postgres),
        tenants: 3,
        people: 20,
        check_ins: 71,
        batch: 10,
    };
    let report = year(&options).await.unwrap();
    assert_eq!(report.found["exact"], true);
    let rounds = rounds(&report, "year", &[]);
    assert_eq!(rounds[0]["askel"]["ops"], 71);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_filled_and_measured_twice() {
    let options = SizeOptions {
        ground: ground(StoreKind::Postgres),
        few: 1_000,
        many: 3_000,
        batch: 2,
        calls: 16,
        people: 8,
    };
    let report = size(&options).await.unwrap();
    let rounds = rounds(&report, "size", &["size_cpu_ms_per_op"]);
    assert_eq!(rounds.len(), 6);
    for round in &rounds {
        is_of(round, 16, 32);
    }
}

/// Who comes is answered, and what they hand in is counted.
async fn they_come(scene: Rush, ops: u64) {
    let options = RushOptions {
        ground: ground(StoreKind::Sqlite),
        rush: scene,
        people: 12,
        seconds: 1,
    };
    let report = rush(&options).await.unwrap();
    let rounds = rounds(&report, scene.name(), &[]);
    is_of(&rounds[0], 12, ops);
    assert!(report.found["p99_ms"].as_f64() > Some(0.0));
    assert!(report.to_html().contains("<svg"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_checks_in_in_the_morning() {
    they_come(Rush::MorningBurst, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_hands_in_steps_in_the_evening() {
    they_come(Rush::EveningSync, 12 * 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_fetches_the_new_season() {
    they_come(Rush::SeasonLaunch, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_connects_anew() {
    they_come(Rush::ReconnectStorm, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overload_is_over_at_some_time() {
    let options = OverloadOptions {
        ground: ground(StoreKind::Sqlite),
        calls: 40,
        seconds: 1,
        people: 8,
    };
    let report = overload(&options).await.unwrap();
    let keys = [
        "overload_goodput_per_s",
        "overload_memory_bytes",
        "overload_recovery_ms",
    ];
    rounds(&report, "overload", &keys);
}
