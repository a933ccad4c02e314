//! Every outside crate is asked for once, in the workspace's manifest, and has its reason in
//! docs/dependencies.md.

use std::collections::BTreeSet;

use super::{Fault, markdown, sources::Sources};

const DOCUMENT: &str = "docs/dependencies.md";
const MANIFEST: &str = "Cargo.toml";

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    let manifest: toml::Table = match sources.text(MANIFEST).parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Fault::new(MANIFEST, error.to_string())],
    };
    let wanted: BTreeSet<&str> = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| &**name)
        .collect();
    let rows = markdown::table(sources.text(DOCUMENT), "Dependencies");
    let explained: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.get(1).is_some_and(|reason| !reason.is_empty()))
        .filter_map(|row| markdown::code_spans(row.first()?).next())
        .collect();
    let lacking = wanted
        .difference(&explained)
        .map(|name| Fault::new(DOCUMENT, format!("{name} has no reason")));
    let gone = explained
        .difference(&wanted)
        .map(|name| Fault::new(DOCUMENT, format!("{name} is explained, but not used")));
    lacking
        .chain(gone)
        .chain(check_manifests(sources, &wanted))
        .collect()
}

/// Members take every dependency from the workspace, one version in one place, and the workspace
/// lists none that no member takes.
fn check_manifests(sources: &Sources, wanted: &BTreeSet<&str>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut taken = BTreeSet::new();
    for (path, text) in sources
        .ending("toml")
        .filter(|(path, text)| path.ends_with("/Cargo.toml") && !is_a_workspace(text))
    {
        for (name, value) in asked_for(text) {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                faults.push(Fault::new(
                    path,
                    format!("{name} is not taken from the workspace"),
                ));
            }
            taken.insert(name);
        }
    }
    let idle = wanted.iter().filter(|name| !taken.contains(**name));
    faults.extend(idle.map(|name| Fault::new(MANIFEST, format!("no member takes {name}"))));
    faults
}

/// A workspace inside this one, with a lock file of its own: what it takes is no part of Askel.
fn is_a_workspace(manifest: &str) -> bool {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    manifest.contains_key("workspace")
}

/// The dependencies of a manifest, of all kinds.
fn asked_for(manifest: &str) -> Vec<(String, toml::Value)> {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table().cloned())
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONS: &str = "# Dependencies\n| crate | why |\n|---|---|\n| `prost` | messages |\n";

    fn check_with(dependencies: &str, member: &str) -> usize {
        let manifest = format!("[workspace.dependencies]\n{dependencies}");
        check(&Sources::of(&[
            (MANIFEST, &manifest),
            (DOCUMENT, REASONS),
            ("sync/Cargo.toml", member),
        ]))
        .len()
    }

    #[test]
    fn every_dependency_has_a_reason_and_comes_from_the_workspace() {
        let fine = "[dependencies]\nprost = { workspace = true }";
        assert_eq!(
            check_with("prost = \"1\"\naskel-sync = { path = \"sync\" }", fine),
            0
        );
        // No reason, and nobody takes it.
        assert_eq!(check_with("prost = \"1\"\nnew = \"1\"", fine), 2);
        assert_eq!(check_with("", fine), 1);
        assert_eq!(
            check_with("prost = \"1\"", "[dependencies]\nprost = \"1\""),
            1
        );
        // Nobody of this workspace takes it; what the other one takes is its own matter.
        let other = "[workspace]\n[dependencies]\nloro = \"1\"";
        assert_eq!(check_with("prost = \"1\"", other), 1);
    }
}
