//! The bindings, from Python, against the real server.

#![expect(clippy::expect_used, reason = "what a test relies on fails the test")]

mod server;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use camino::Utf8PathBuf;
use server::World;
use uniffi::{GenerateOptions, TargetLanguage};

/// The crate's library, which the bindings load.
const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libaskel_ffi.dylib"
} else {
    "libaskel_ffi.so"
};

#[tokio::test]
async fn a_phone_in_python_enrols_checks_in_syncs_and_observes() {
    let Some(python) = python() else { return };
    let world = World::found().await;
    let bindings = world.folder("bindings");
    make_bindings(&bindings);
    let phone = world.folder("phone");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phone.py");
    let output = Command::new(python)
        .arg(script)
        .args([&bindings, &phone])
        .arg(world.invite("participant"))
        .output()
        .expect("python runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("the phone is fine"), "{out}{err}");
    assert!(world.holds(b"a-token-out-of-python"), "the last wish");
}

/// Python, or `None` where a test may go without it.
fn python() -> Option<&'static str> {
    let runs = |name: &&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(runs);
    let is_needed = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    assert!(
        found.is_some() || !(is_needed("CI") || is_needed("PYTHON_TESTS")),
        "python3 is missing: the bindings can't be tested (on Debian: apt-get install python3)"
    );
    found
}

fn make_bindings(folder: &Path) {
    // Built beside this test, because it is this package's own library.
    let test = std::env::current_exe().expect("this test");
    let library = test.parent().expect("a folder").join(LIBRARY);
    let utf8 = |path: PathBuf| Utf8PathBuf::from_path_buf(path).expect("a path in UTF-8");
    uniffi::generate(GenerateOptions {
        languages: vec![TargetLanguage::Python],
        source: utf8(library.clone()),
        out_dir: utf8(folder.to_owned()),
        config_override: None,
        format: false,
        crate_filter: None,
        metadata_no_deps: true,
    })
    .expect("bindings");
    std::fs::copy(&library, folder.join(LIBRARY)).expect("the library beside its bindings");
}
