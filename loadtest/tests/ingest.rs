//! A little ingest: everything handed in is in the figures, and the report has what it should.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use askel_loadtest::load::{IngestOptions, StoreKind, ingest};

async fn a_little(store: StoreKind, batch: u64) {
    let options = IngestOptions {
        program: PathBuf::from(env!("CARGO_BIN_EXE_askel-loadtest")),
        store,
        batch,
        calls: 24,
        in_flight: 8,
        people: 8,
        connections: 2,
        baseline_s: 1,
    };
    // It fails by itself when the figures do not come to what was handed in.
    let report = ingest(&options).await.unwrap();
    let json = report.to_json();
    assert_eq!(json["setting"]["store"], store.name());
    let figure = &json["figures"]["ingest_ops_per_s"];
    for number in [
        &figure["value"],
        &figure["baseline"]["value"],
        &figure["ratio"],
    ] {
        assert!(number.as_f64().is_some_and(|number| number > 0.0), "{json}");
    }
    let rounds = json["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 3);
    for round in rounds {
        assert_eq!(round["askel"]["ops"], 24 * batch);
        assert_eq!(round["askel"]["errors"], serde_json::json!({}));
        assert!(round["askel"]["server_memory_bytes"].as_u64() > Some(0));
    }
    assert!(report.to_text().contains("ingest_ops_per_s"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_all_is_counted() {
    a_little(StoreKind::Sqlite, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_all_is_counted() {
    a_little(StoreKind::Postgres, 1).await;
}
