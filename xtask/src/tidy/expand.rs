//! What a migration of PostgreSQL may do while servers of the version before it go on: wait for no lock for
//! long, and take away nothing that they use.
//!
//! Expand, backfill, contract: what is taken away was given up by an earlier version, and a comment right
//! above says so: `-- contract: <why nobody who runs needs it any more>`. And a migration has the same
//! number and name in every dialect that has it.

use std::collections::BTreeMap;

use super::{Fault, sources::Sources};

const FOLDER: &str = "migrations/postgres/";
const SQLITE: &str = "migrations/sqlite/";
/// What the first statement sets, or an `ALTER TABLE` that waits for a reader holds up everyone behind it.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '";
const CONTRACT: &str = "-- contract: ";

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut names = BTreeMap::new();
    for (path, text) in sources.ending("sql") {
        let file = path
            .strip_prefix(FOLDER)
            .or_else(|| path.strip_prefix(SQLITE));
        let Some(file) = file.filter(|file| *file != "schema.sql") else {
            continue;
        };
        if let Some((number, _)) = file.split_once('_') {
            let other = names.insert(number, file);
            if other.is_some_and(|other| other != file) {
                faults.push(Fault::new(path, "has another name in the other dialect"));
            }
        }
        if path.starts_with(FOLDER) {
            faults.extend(check_file(path, text));
        }
    }
    faults
}

fn check_file(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !text.starts_with(LOCK_TIMEOUT) {
        let what = format!("does not begin with `{LOCK_TIMEOUT}5s';`");
        faults.push(Fault::new(path, what));
    }
    let mut statement = Statement::default();
    for line in text.lines() {
        let (code, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        if code.trim().is_empty() {
            // Above a statement, or within one, where it explains a column.
            statement.is_explained |= is_explanation(comment);
            continue;
        }
        statement.words.extend(words(code));
        if code.trim_end().ends_with(';') {
            let Statement {
                words,
                is_explained,
            } = std::mem::take(&mut statement);
            if takes_away(&words) && !is_explained {
                let what = format!("`{}` without `{CONTRACT}<why>` above it", words.join(" "));
                faults.push(Fault::new(path, what));
            }
        }
    }
    faults
}

#[derive(Default)]
struct Statement {
    words: Vec<String>,
    is_explained: bool,
}

fn is_explanation(comment: &str) -> bool {
    let why = comment.strip_prefix(CONTRACT);
    why.is_some_and(|why| !why.trim().is_empty())
}

fn words(code: &str) -> impl Iterator<Item = String> {
    let words = code.split(|part: char| !part.is_ascii_alphanumeric() && part != '_');
    words.filter(|word| !word.is_empty()).map(str::to_uppercase)
}

/// Whether servers that know nothing of it may fail: something goes, has another name, or is of another
/// type or more narrow than what they write.
fn takes_away(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|one| one == word);
    let follow = |pair: [&str; 2]| words.windows(2).any(|two| two == pair);
    has("DROP")
        || has("RENAME")
        || words.first().is_some_and(|first| first == "TRUNCATE")
        || (has("ALTER") && has("TYPE"))
        || (has("ALTER") && follow(["SET", "NOT"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> usize {
        check(&Sources::of(files)).len()
    }

    /// A migration that begins as it ought to.
    fn of(statements: &str) -> usize {
        let text = format!("SET LOCAL lock_timeout = '5s';\n\n{statements}\n");
        faults(&[("migrations/postgres/0002_some.sql", &text)])
    }

    #[test]
    fn a_migration_that_waits_for_a_lock_without_end_is_a_fault() {
        let without = "CREATE TABLE tenant (n int);\nSET LOCAL lock_timeout = '5s';\n";
        assert_eq!(faults(&[("migrations/postgres/0002_some.sql", without)]), 1);
        assert_eq!(faults(&[("migrations/sqlite/0002_some.sql", without)]), 0);
        assert_eq!(faults(&[("migrations/postgres/schema.sql", without)]), 0);
        assert_eq!(of("CREATE TABLE tenant (n int);"), 0);
    }

    #[test]
    fn what_is_taken_away_says_why_right_above() {
        for statement in [
            "DROP INDEX op_by_place;",
            "drop table op;",
            "ALTER TABLE op\n    DROP COLUMN place;",
            "ALTER TABLE op RENAME COLUMN place TO site;",
            "ALTER TABLE op ALTER COLUMN place TYPE bigint;",
            "ALTER TABLE op ALTER COLUMN place SET NOT NULL;",
            "TRUNCATE dirty;",
        ] {
            assert_eq!(of(statement), 1, "{statement}");
            assert_eq!(of(&format!("-- contract: \n{statement}")), 1, "{statement}");
            assert_eq!(of(&format!("-- It goes.\n{statement}")), 1, "{statement}");
            let why = "-- contract: nothing reads it since 0.3,\n-- nor writes it.";
            assert_eq!(of(&format!("{why}\n{statement}")), 0, "{statement}");
            // It speaks for one statement and no other.
            let two = format!("{why}\nCREATE INDEX a ON op (n);\n{statement}");
            assert_eq!(of(&two), 1, "{statement}");
        }
    }

    #[test]
    fn what_only_adds_says_nothing() {
        assert_eq!(
            of("-- Rows that DROP out.\nCREATE TABLE a (n int NOT NULL);"),
            0
        );
        assert_eq!(of("ALTER TABLE op ADD COLUMN kind int;"), 0);
        assert_eq!(of("DELETE FROM dirty WHERE dropped;"), 0);
        let trigger = "CREATE TRIGGER a BEFORE TRUNCATE ON audit EXECUTE FUNCTION refuse();";
        assert_eq!(of(trigger), 0);
        assert_eq!(of("CREATE TYPE kind AS ENUM ('a');"), 0);
    }

    #[test]
    fn a_migration_has_one_name_in_all_dialects() {
        let check = |sqlite: &str, expected: usize| {
            let text = "SET LOCAL lock_timeout = '5s';\n";
            let files = [("migrations/postgres/0002_some.sql", text), (sqlite, "")];
            assert_eq!(faults(&files), expected, "{sqlite}");
        };
        check("migrations/sqlite/0002_some.sql", 0);
        check("migrations/sqlite/0002_other.sql", 1);
        check("migrations/sqlite/0003_other.sql", 0);
    }
}
