//! Every folder with source text stands in the map of ARCHITECTURE.md, and the map names no other.

use std::collections::BTreeSet;

use super::{
    Fault, markdown,
    sources::{Sources, folder},
};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// Endings of what counts as source.
const SOURCE: &[&str] = &["rs", "proto", "sql", "py"];

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    let mapped: BTreeSet<String> = markdown::table(sources.text(DOCUMENT), "The map")
        .iter()
        .filter_map(|row| markdown::code_spans(row.first()?).next())
        .map(str::to_owned)
        .collect();
    let real: BTreeSet<String> = SOURCE
        .iter()
        .flat_map(|ending| sources.ending(ending))
        .map(|(path, _)| folder(path))
        .collect();
    let missing = real.difference(&mapped).filter(|folder| !folder.is_empty());
    let gone = mapped.iter().filter(|folder| !sources.exists(folder));
    missing
        .map(|folder| {
            Fault::new(
                DOCUMENT,
                format!("the map lacks the source folder {folder}"),
            )
        })
        .chain(gone.map(|folder| {
            Fault::new(
                DOCUMENT,
                format!("the map names {folder}, which is not there"),
            )
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "## The map\n| folder | what |\n|---|---|\n| `sync/src/` | the core |\n";

    #[test]
    fn a_folder_missing_from_the_map_is_a_fault() {
        let planted = Sources::of(&[
            (DOCUMENT, MAP),
            ("sync/src/lib.rs", ""),
            ("sync/src/secret/new.rs", ""),
        ]);
        let faults = check(&planted);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].what.contains("sync/src/secret/"), "{}", faults[0]);
    }

    #[test]
    fn a_mapped_folder_that_is_gone_is_a_fault() {
        let planted = Sources::of(&[(DOCUMENT, MAP)]);
        assert_eq!(check(&planted).len(), 1);
        let whole = Sources::of(&[(DOCUMENT, MAP), ("sync/src/lib.rs", "")]);
        assert_eq!(check(&whole), []);
    }
}
