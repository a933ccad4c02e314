//! The arrows between crates: who may depend on whom, and what nobody inside may bring in.
//!
//! Each row of the table names a crate, the crates of this workspace it may depend on, and outside
//! crates it must not use. Dependencies for tests only are free.

use super::{Fault, markdown, sources::Sources};
use crate::workspace::{Metadata, Package};

const DOCUMENT: &str = "ARCHITECTURE.md";

struct Arrow<'a> {
    from: &'a str,
    to: Vec<&'a str>,
    never: Vec<&'a str>,
}

pub(super) fn check(sources: &Sources, metadata: &Metadata) -> Vec<Fault> {
    let rows = markdown::table(sources.text(DOCUMENT), "Arrows between crates");
    let arrows: Vec<Arrow<'_>> = rows.iter().filter_map(|row| Arrow::read(row)).collect();
    let names: Vec<&str> = metadata.members().map(|member| &*member.name).collect();
    let mut faults = Vec::new();
    for member in metadata.members() {
        match arrows.iter().find(|arrow| arrow.from == member.name) {
            None => faults.push(Fault::new(
                DOCUMENT,
                format!("no arrows for {}", member.name),
            )),
            Some(arrow) => faults.extend(arrow.check(member, &names)),
        }
    }
    let gone = arrows.iter().filter(|arrow| !names.contains(&arrow.from));
    faults.extend(gone.map(|arrow| {
        Fault::new(
            DOCUMENT,
            format!("arrows for {}, which is not there", arrow.from),
        )
    }));
    faults
}

impl<'a> Arrow<'a> {
    fn read(row: &[&'a str]) -> Option<Self> {
        let spans = |index: usize| row.get(index).map(|cell| markdown::code_spans(cell));
        Some(Self {
            from: spans(0)?.next()?,
            to: spans(1)?.collect(),
            never: spans(2)?.collect(),
        })
    }

    fn check(&self, member: &Package, members: &[&str]) -> Vec<Fault> {
        let refused = |name: &str| {
            let is_inside = members.contains(&name);
            self.never.contains(&name) || (is_inside && !self.to.contains(&name))
        };
        member
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"))
            .filter(|dependency| refused(&dependency.name))
            .map(|dependency| {
                Fault::new(
                    format!("{}/Cargo.toml", member.name),
                    format!("must not depend on {} ({DOCUMENT})", dependency.name),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARROWS: &str = "## Arrows between crates\n| crate | may | never |\n|---|---|---|\n\
        | `askel-sync` | `askel-proto` | `tokio` `tonic` |\n| `askel-proto` | | |\n";

    fn faults(sync_dependencies: &[&str]) -> Vec<String> {
        let metadata = Metadata::of(vec![
            Package::of("askel-proto", &["prost"]),
            Package::of("askel-sync", sync_dependencies),
        ]);
        check(&Sources::of(&[(DOCUMENT, ARROWS)]), &metadata)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_dependency_along_the_arrows_is_fine() {
        assert!(faults(&["askel-proto", "crdts"]).is_empty());
    }

    #[test]
    fn a_dependency_against_the_arrows_is_a_fault() {
        let metadata = Metadata::of(vec![
            Package::of("askel-proto", &["askel-sync"]),
            Package::of("askel-sync", &[]),
        ]);
        let faults = check(&Sources::of(&[(DOCUMENT, ARROWS)]), &metadata);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].place, "askel-proto/Cargo.toml");
    }

    #[test]
    fn a_dependency_for_tests_is_free() {
        let mut sync = Package::of("askel-sync", &["tokio"]);
        for dependency in &mut sync.dependencies {
            dependency.kind = Some("dev".to_owned());
        }
        let metadata = Metadata::of(vec![Package::of("askel-proto", &[]), sync]);
        assert_eq!(check(&Sources::of(&[(DOCUMENT, ARROWS)]), &metadata), []);
    }

    #[test]
    fn a_banned_outside_crate_is_a_fault() {
        assert_eq!(faults(&["tokio"]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_a_fault() {
        let metadata = Metadata::of(vec![Package::of("askel-new", &[])]);
        assert!(!check(&Sources::of(&[(DOCUMENT, ARROWS)]), &metadata).is_empty());
    }
}
