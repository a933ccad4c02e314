//! The stranger's client of docs/strangers-client, made from reflection and the documents alone,
//! against the real server.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output},
};

use crate::world::World;

/// Debian's own Python: another one earlier in `PATH` does not see Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

#[tokio::test]
async fn a_stranger_enrols_reads_the_catalog_and_gets_a_rich_error() {
    if !python_is_there() {
        return;
    }
    let world = World::found().await;
    let told = run_client(&world.invite("participant"));
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{stderr}");
    let stdout = String::from_utf8(told.stdout).expect("text");
    for expected in [
        "askel.v1.SyncService",
        "enrolled: ROLE_PARTICIPANT",
        "catalog 1: 1 places, 1 goals",
        "place 1: The Basement",
        "refused: PERMISSION_DENIED METHOD_NOT_ALLOWED (askel)",
    ] {
        assert!(stdout.contains(expected), "no {expected:?} in:\n{stdout}");
    }
}

#[test]
fn a_stranger_signs_the_documents_vectors() {
    if !python_is_there() {
        return;
    }
    let document = std::fs::read_to_string(docs().join("signing.md")).expect("the document");
    let told = run_client("--vector");
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let told = String::from_utf8(told.stdout).expect("text");
    assert_eq!(told.lines().count(), 6);
    for line in told.lines() {
        assert!(
            document.lines().any(|documented| documented == line),
            "{line}"
        );
    }
}

fn run_client(argument: &str) -> Output {
    Command::new(PYTHON)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(docs().join("strangers-client/client.py"))
        .arg(argument)
        .output()
        .expect("python runs")
}

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Whether Python has what the client imports. Where it must (`CI=true`, `cargo xtask test`), its
/// absence fails the test; elsewhere the test says that it is skipped.
fn python_is_there() -> bool {
    let imports = "import grpc, google.protobuf, cryptography";
    let there = Command::new(PYTHON)
        .args(["-c", imports])
        .output()
        .is_ok_and(|output| output.status.success());
    let required = std::env::var("CI").is_ok_and(|value| value == "true")
        || std::env::var_os("PYTHON_TESTS").is_some();
    assert!(there || !required, "{PYTHON} can't `{imports}`");
    if !there {
        let line = format!("skipped: {PYTHON} can't `{imports}`");
        writeln!(std::io::stderr(), "{line}").expect("stderr is there");
    }
    there
}
