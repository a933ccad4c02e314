//! What the documents say is there: files they name exist, no path of one machine stands in them,
//! and README.md stays short.

use super::{
    Fault, markdown,
    sources::{Sources, extension},
};

/// Beginnings of paths that mean something on one machine only.
const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/", "/tmp/", "/Users/", "C:\\"];

/// Endings that make a code span a file name, if it has a folder in it.
const FILES: &[&str] = &["rs", "proto", "md", "sql", "toml", "py"];

/// Lines of README.md.
const README_LINES_MAX: usize = 120;

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    let mut faults: Vec<Fault> = sources
        .ending("md")
        .flat_map(|(path, text)| check_document(path, text, sources))
        .collect();
    let lines = sources.text("README.md").lines().count();
    if lines > README_LINES_MAX {
        faults.push(Fault::new(
            "README.md",
            format!("{lines} lines; at most {README_LINES_MAX}"),
        ));
    }
    faults
}

fn check_document(path: &str, text: &str, sources: &Sources) -> Vec<Fault> {
    let machine_paths = (1..)
        .zip(text.lines())
        .flat_map(|(number, line): (usize, &str)| {
            MACHINE_PATHS
                .iter()
                .filter(move |found| line.contains(**found))
                .map(move |found| {
                    Fault::new(
                        format!("{path}:{number}"),
                        format!("names a path of one machine ({found}…)"),
                    )
                })
        });
    let dead = markdown::prose(text).flat_map(|(number, line)| {
        markdown::code_spans(line)
            .chain(links(line))
            .filter(|name| is_file_name(name) && !is_there(path, name, sources))
            .map(move |name| Fault::new(format!("{path}:{number}"), format!("{name} is not there")))
    });
    machine_paths.chain(dead).collect()
}

fn is_file_name(name: &str) -> bool {
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    is_plain
        && (name.contains('/') || extension(name) == Some("md"))
        && extension(name).is_some_and(|extension| FILES.contains(&extension))
}

/// From the root, or from the document's own folder.
fn is_there(document: &str, name: &str, sources: &Sources) -> bool {
    let folder = super::sources::folder(document);
    let beside = match name.strip_prefix("../") {
        Some(above) => {
            format!(
                "{}{above}",
                super::sources::folder(folder.trim_end_matches('/'))
            )
        }
        None => format!("{folder}{name}"),
    };
    sources.exists(name) || sources.exists(&beside)
}

/// The targets of `[text](target)`, without what follows a `#`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> usize {
        check(&Sources::of(&[
            ("docs/a.md", text),
            ("docs/adr/1.md", ""),
            ("sync/src/op.rs", ""),
            ("README.md", ""),
        ]))
        .len()
    }

    #[test]
    fn a_file_that_is_not_there_is_a_fault() {
        assert_eq!(
            check_text("see `sync/src/op.rs`, [one](adr/1.md) and [up](../README.md#x)"),
            0
        );
        assert_eq!(check_text("see `sync/src/gone.rs`"), 1);
        assert_eq!(check_text("see [one](adr/2.md)"), 1);
        assert_eq!(check_text("```\n`sync/src/gone.rs`\n```"), 0);
    }

    #[test]
    fn a_machine_path_is_a_fault_even_in_a_block() {
        let planted = format!("```\ncd /{}/askel\n```", "home");
        assert_eq!(check_text(&planted), 1);
    }

    #[test]
    fn readme_is_short() {
        let check_lines =
            |lines: usize| check(&Sources::of(&[("README.md", &"x\n".repeat(lines))])).len();
        assert_eq!(check_lines(README_LINES_MAX), 0);
        assert_eq!(check_lines(README_LINES_MAX + 1), 1);
    }
}
