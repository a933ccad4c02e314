//! Nothing of an erased person is left in any file: a scan for what only they had.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use askel_store::conformance::canary::{canaries, erase_the_first, live};
use askel_store_sqlite::SqliteStore;

/// Ops of a person.
const OPS: u64 = 1_500;

fn contains(content: &[u8], canary: &[u8]) -> bool {
    content.windows(canary.len()).any(|window| window == canary)
}

/// The canaries that some file of the folder holds.
fn found(folder: &Path, canaries: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).expect("the folder") {
        let path = file.expect("a file").path();
        let content = fs::read(&path).expect("its content");
        for (what, canary) in canaries {
            if contains(&content, canary) {
                found.push(format!("{what} in {}", path.display()));
            }
        }
    }
    found
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_in_any_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("askel.db"))
        .await
        .expect("a new store");
    let ops = live(&store, OPS).await;
    let all = canaries(&ops);
    // Most ids, each by a scan of its own, would take long: some, and all that is not an id.
    let canaries: Vec<_> = all
        .iter()
        .take(8)
        .chain(all.iter().skip(8).step_by(40))
        .cloned()
        .collect();
    let before = found(folder.path(), &canaries);
    assert!(
        before.len() >= canaries.len(),
        "the scan finds what is there: {before:?}"
    );
    erase_the_first(&store).await;
    assert_eq!(found(folder.path(), &canaries), Vec::<String>::new());
    store.close().await;
    assert_eq!(found(folder.path(), &all[..8]), Vec::<String>::new());
}
