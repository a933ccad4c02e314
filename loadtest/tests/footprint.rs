//! The footprint from outside: a short workload to its end, so that the harness keeps working.

use askel_loadtest::footprint::{self, Cuts, Options, Source};
use askel_workload::Shape;

/// Every key that others read.
const KEYS: &[&str] = &[
    "wire_year_bytes",
    "document_bytes",
    "no_change_bytes",
    "no_change_tls_bytes",
    "first_sync_bytes",
    "one_check_in_tls_bytes",
    "marginal_op_bytes",
    "open_read_all_ms",
    "client_open_ms",
    "resume_resent_bytes_max",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_converges_and_gives_every_figure() {
    let options = Options {
        shape: Shape { days: 30, seed: 1 },
        peers: Source::Recorded,
        cuts: Cuts::Some(3),
        veteran_days: 60,
    };
    let report = footprint::run(options).await.unwrap();
    let json = report.to_json();
    for key in KEYS {
        let value = json["figures"][key]["value"].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{key}: {value:?}");
        assert!(report.to_text().contains(key));
    }
    // What is recorded of the peers is of another workload: no ratio is made up.
    assert_eq!(json["figures"]["wire_year_bytes"]["verdict"], "open");
    let total: u64 = ["up total", "down total"]
        .iter()
        .map(|field| report.fields[field])
        .sum();
    let value = json["figures"]["wire_year_bytes"]["value"].to_string();
    assert_eq!(value, format!("{total}.0"));
}
