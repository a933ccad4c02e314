//! Entries of the server's journal: a disk that lies.

use askel_store::journal::Entry;

use crate::{Target, tenant::images};

pub(crate) const JOURNAL: Target = Target {
    name: "journal",
    run,
    seeds: || images().iter().map(Entry::encode).collect(),
};

fn run(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        let again = Entry::decode(&entry.encode());
        assert!(again.is_ok_and(|again| again == entry));
    }
}
