//! Worlds that must end well, the same in every process.

use std::process::Command;

use askel_simulation::{Options, draw, play};

/// Seeds of the share that every test run plays; `cargo xtask simulate` plays as many as it is told.
const SEEDS: u64 = 200;

#[test]
fn seeds_end_well() {
    let simulation = Command::new(env!("CARGO_BIN_EXE_askel-simulation"))
        .args(["--seeds", &SEEDS.to_string()])
        .output()
        .expect("the binary starts");
    let told = String::from_utf8_lossy(&simulation.stdout);
    assert!(simulation.status.success(), "{told}");
}

#[test]
fn the_same_seed_has_the_same_trace_in_another_process() {
    let hashes = || {
        let simulation = Command::new(env!("CARGO_BIN_EXE_askel-simulation"))
            .args(["--seeds", "6", "--seed", "1", "--hashes", "--keep-going"])
            .output()
            .expect("the binary starts");
        let mut lines: Vec<String> = String::from_utf8_lossy(&simulation.stdout)
            .lines()
            .filter(|line| line.starts_with("seed ") && !line.contains(':'))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let first = hashes();
    assert_eq!(first.len(), 6, "{first:?}");
    assert_eq!(first, hashes());
    let other = play(1, &draw(1, Options::default()));
    assert!(first.contains(&format!("seed 1 {}", other.trace_hash)));
    assert_ne!(
        other.trace_hash,
        play(2, &draw(2, Options::default())).trace_hash
    );
}
