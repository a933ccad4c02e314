//! Migrations of a released version never change: databases stand that they have made.
//!
//! `migrations/released.txt` names each with its SHA-256, as `sha256sum` does. A new one has a number
//! above those, or some databases would run it before them and others after.
//!
//! `cargo xtask release-migrations` adds those of a release.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Fault, sources::extension};

const FOLDER: &str = "migrations";
const RELEASED: &str = "released.txt";

/// Hashes by file, from the folder of all migrations: `sqlite/0001_tenant.sql`.
type Hashes = BTreeMap<String, String>;

/// Names every released migration that is not as it was, and every new one with an old number.
pub(super) fn check(root: &Path) -> Vec<Fault> {
    let folder = root.join(FOLDER);
    match listed(&folder).and_then(|listed| Ok(compare(&listed, &standing(&folder)?))) {
        Ok(faults) => faults,
        Err(error) => vec![Fault::new(FOLDER, format!("{error:#}"))],
    }
}

/// Adds the migrations that are not listed yet.
///
/// # Errors
/// When a released one is not as it was, or the list can't be written.
pub(crate) fn release(root: &Path) -> anyhow::Result<()> {
    let faults: Vec<String> = check(root).iter().map(ToString::to_string).collect();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let folder = root.join(FOLDER);
    let lines = standing(&folder)?.into_iter();
    let lines: Vec<String> = lines
        .map(|(file, hash)| format!("{hash}  {file}\n"))
        .collect();
    fs::write(folder.join(RELEASED), lines.concat()).context(RELEASED)
}

fn compare(listed: &Hashes, standing: &Hashes) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (file, hash) in listed {
        let what = match standing.get(file) {
            None => "was released and is gone",
            Some(now) if now != hash => "was released and differs: write a new one",
            Some(_) => continue,
        };
        faults.push(Fault::new(format!("{FOLDER}/{file}"), what));
    }
    let released: BTreeSet<_> = listed.keys().filter_map(|file| number(file)).collect();
    let mut taken = released.clone();
    for file in standing.keys().filter(|file| !listed.contains_key(*file)) {
        let Some((dialect, number)) = number(file) else {
            let what = "is not named as 0001_name.sql is";
            faults.push(Fault::new(format!("{FOLDER}/{file}"), what));
            continue;
        };
        let is_late = released
            .range((dialect, number)..)
            .any(|(d, _)| *d == dialect);
        if is_late || !taken.insert((dialect, number)) {
            let what = "its number is not above those before it";
            faults.push(Fault::new(format!("{FOLDER}/{file}"), what));
        }
    }
    faults
}

/// `sqlite/0002_enrolment.sql` gives `sqlite` and 2.
fn number(file: &str) -> Option<(&str, u32)> {
    let (dialect, name) = file.split_once('/')?;
    let (number, _) = name.split_once('_')?;
    Some((dialect, number.parse().ok()?))
}

/// What is listed; nothing when there is no list.
fn listed(folder: &Path) -> anyhow::Result<Hashes> {
    let list = folder.join(RELEASED);
    if !list.exists() {
        return Ok(Hashes::new());
    }
    let list = fs::read_to_string(&list).context(RELEASED)?;
    let read = |line: &str| {
        let (hash, file) = line.split_once("  ")?;
        Some((file.to_owned(), hash.to_owned()))
    };
    list.lines()
        .map(|line| read(line).with_context(|| format!("{RELEASED}: {line:?}")))
        .collect()
}

/// The migrations that are there. A schema is what they come to, and none itself.
fn standing(folder: &Path) -> anyhow::Result<Hashes> {
    let mut hashes = Hashes::new();
    for dialect in names(folder)? {
        let folder = folder.join(&dialect);
        if !folder.is_dir() {
            continue;
        }
        for name in names(&folder)? {
            if extension(&name) == Some("sql") && name != "schema.sql" {
                let content = fs::read(folder.join(&name)).context(name.clone())?;
                let hash = HEXLOWER.encode(&Sha256::digest(content));
                hashes.insert(format!("{dialect}/{name}"), hash);
            }
        }
    }
    Ok(hashes)
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in which two migrations were released.
    fn released() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("migrations/sqlite")).expect("made");
        write(&root, "sqlite/0001_tenant.sql", "CREATE TABLE tenant (n);");
        write(&root, "sqlite/0003_op.sql", "CREATE TABLE op (n);");
        write(&root, "sqlite/schema.sql", "any");
        release(root.path()).expect("released");
        root
    }

    fn write(root: &tempfile::TempDir, file: &str, content: &str) {
        let file = root.path().join(FOLDER).join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, content).expect("written");
    }

    fn faults(root: &tempfile::TempDir) -> Vec<String> {
        let faults = check(root.path());
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_released_one_that_differs_or_is_gone_is_a_fault() {
        let root = released();
        assert_eq!(faults(&root), [""; 0]);
        write(&root, "sqlite/0001_tenant.sql", "CREATE TABLE tenant (m);");
        let differs =
            "migrations/sqlite/0001_tenant.sql: was released and differs: write a new one";
        assert_eq!(faults(&root), [differs]);
        release(root.path()).expect_err("it can't be released again");
        fs::remove_file(root.path().join("migrations/sqlite/0001_tenant.sql")).expect("gone");
        let gone = "migrations/sqlite/0001_tenant.sql: was released and is gone";
        assert_eq!(faults(&root), [gone]);
    }

    #[test]
    fn a_new_one_may_change_until_it_is_released() {
        let root = released();
        let new = "sqlite/0004_catalog.sql";
        for content in ["CREATE TABLE catalog (n);", "CREATE TABLE catalog (m);"] {
            write(&root, new, content);
            assert_eq!(faults(&root), [""; 0]);
        }
        release(root.path()).expect("released");
        write(&root, new, "CREATE TABLE catalog (k);");
        assert_eq!(faults(&root).len(), 1);
    }

    #[test]
    fn a_new_one_has_a_number_above_all_released_of_its_dialect() {
        let check = |new: &str, expected: usize| {
            let root = released();
            write(&root, new, "");
            let faults = faults(&root);
            assert_eq!(faults.len(), expected, "{faults:?}");
        };
        check("sqlite/0004_catalog.sql", 0);
        check("sqlite/0003_catalog.sql", 1);
        check("sqlite/0002_catalog.sql", 1);
        check("sqlite/0001_catalog.sql", 1);
        check("sqlite/catalog.sql", 1);
        check("postgres/0001_tenant.sql", 0);
    }

    #[test]
    fn two_new_ones_have_numbers_of_their_own() {
        let root = released();
        write(&root, "sqlite/0004_a.sql", "");
        write(&root, "sqlite/0004_b.sql", "");
        assert_eq!(faults(&root).len(), 1);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_fault() {
        let root = released();
        write(&root, RELEASED, "what is this\n");
        assert_eq!(faults(&root).len(), 1);
    }
}
