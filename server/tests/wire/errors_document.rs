//! docs/errors.md and the code say the same.

use askel_server::{
    Reason,
    rpc::{DEFERRALS, REJECTIONS, code},
};

const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// The rows of the tables below a heading: the first two cells.
fn rows(heading: &str) -> Vec<(String, String)> {
    let section = DOCUMENT
        .split("\n## ")
        .find(|section| section.starts_with(heading));
    let section = section.expect("the heading");
    let cells = |line: &str| {
        let mut cells = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned());
        Some((
            cells
                .next()?
                .strip_prefix('`')?
                .strip_suffix('`')?
                .to_owned(),
            cells.next()?,
        ))
    };
    section.lines().filter_map(cells).collect()
}

#[test]
fn every_reason_is_in_the_table_with_its_status() {
    let mut documented = rows("Refused calls");
    documented.sort();
    let mut coded: Vec<(String, String)> = Reason::ALL
        .iter()
        .map(|reason| {
            (
                reason.name().to_owned(),
                format!("`{}`", status_name(code(*reason))),
            )
        })
        .collect();
    coded.sort();
    assert_eq!(documented, coded);
}

#[test]
fn every_outcome_of_an_op_is_in_its_table() {
    let documented: Vec<String> = rows("Outcomes of ops")
        .into_iter()
        .map(|row| row.0)
        .collect();
    let coded: Vec<&str> = REJECTIONS
        .iter()
        .copied()
        .chain(DEFERRALS.iter().copied())
        .collect();
    assert_eq!(documented, coded);
}

/// The code's name in google.rpc.Code.
fn status_name(code: tonic::Code) -> String {
    let camel = format!("{code:?}");
    let mut name = String::new();
    for (index, letter) in camel.char_indices() {
        if letter.is_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
