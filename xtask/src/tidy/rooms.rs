//! The arrows between rooms: what a module of a crate may import from the same crate, and the names
//! that only some rooms may say.
//!
//! Each row of the table names a room, as its path, and the rooms of the same crate it may import.
//! A room without a row is a fault, so a new room is drawn into the architecture first. `lib.rs` and
//! `main.rs` stand outside: they hold the rooms together.

use super::{Fault, markdown, rust, sources::Sources};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// A room: `server/src/` and `app`.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Room<'a> {
    source: &'a str,
    name: &'a str,
}

struct Row<'a> {
    room: Room<'a>,
    may: Vec<&'a str>,
}

pub(super) fn check(sources: &Sources) -> Vec<Fault> {
    let document = sources.text(DOCUMENT);
    let table = markdown::table(document, "Arrows between rooms");
    let rows: Vec<Row<'_>> = table.iter().filter_map(|row| Row::read(row)).collect();
    let mut faults = Vec::new();
    for (path, text) in sources.ending("rs") {
        let Some(room) = Room::of(path, &rows) else {
            continue;
        };
        match rows.iter().find(|row| row.room == room) {
            None => faults.push(Fault::new(
                DOCUMENT,
                format!("no arrows for the room {}{}", room.source, room.name),
            )),
            Some(row) => faults.extend(row.check(path, text, &rows)),
        }
    }
    let gone = rows
        .iter()
        .filter(|row| !row.room.exists(sources))
        .map(|row| {
            Fault::new(
                DOCUMENT,
                format!(
                    "arrows for {}{}, which is not there",
                    row.room.source, row.room.name
                ),
            )
        });
    faults.extend(gone);
    faults.extend(check_reserved_names(sources, document));
    faults
}

impl<'a> Room<'a> {
    /// `server/src/app/enrol.rs` is in the room `app` of `server/src/`, if that crate has rows.
    fn of(path: &'a str, rows: &[Row<'_>]) -> Option<Self> {
        let (source, rest) = path.split_at_checked(path.find("/src/")?.checked_add(5)?)?;
        if !rows.iter().any(|row| row.room.source == source) {
            return None;
        }
        let name = rest.split('/').next()?.trim_end_matches(".rs");
        (!["lib", "main"].contains(&name)).then_some(Self { source, name })
    }

    fn exists(self, sources: &Sources) -> bool {
        let Self { source, name } = self;
        sources.exists(&format!("{source}{name}.rs")) || sources.exists(&format!("{source}{name}/"))
    }
}

impl<'a> Row<'a> {
    fn read(row: &[&'a str]) -> Option<Self> {
        let path = markdown::code_spans(row.first()?).next()?;
        let (source, name) = path.split_at_checked(path.find("/src/")?.checked_add(5)?)?;
        Some(Self {
            room: Room { source, name },
            may: markdown::code_spans(row.get(1)?).collect(),
        })
    }

    fn check(&self, path: &str, text: &str, rows: &[Row<'_>]) -> Vec<Fault> {
        let is_room = |name: &str| {
            rows.iter()
                .any(|row| row.room.source == self.room.source && row.room.name == name)
        };
        rust::crate_paths(&rust::production(text))
            .into_iter()
            .filter(|to| is_room(to) && to != self.room.name && !self.may.contains(&&**to))
            .map(|to| {
                Fault::new(
                    path,
                    format!(
                        "the room {} must not import {to} ({DOCUMENT})",
                        self.room.name
                    ),
                )
            })
            .collect()
    }
}

/// Names that only the folders of their row may say.
fn check_reserved_names(sources: &Sources, document: &str) -> Vec<Fault> {
    let table = markdown::table(document, "Names that only some rooms may say");
    let mut faults = Vec::new();
    for row in &table {
        let spans = |index: usize| row.get(index).map(|cell| markdown::code_spans(cell));
        let (Some(mut name), Some(homes)) = (spans(0), spans(1)) else {
            continue;
        };
        let Some(name) = name.next() else { continue };
        let homes: Vec<&str> = homes.collect();
        for (path, text) in sources.ending("rs") {
            let is_home = homes.iter().any(|home| path.starts_with(home));
            let is_test = path.contains("/tests/");
            if !is_home && !is_test && rust::names(&rust::production(text), name) {
                faults.push(Fault::new(
                    path,
                    format!("must not name {name} ({DOCUMENT})"),
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARROWS: &str = "## Arrows between rooms\n| room | may |\n|---|---|\n\
        | `server/src/rpc` | `app` |\n| `server/src/app` | |\n\n\
        ## Names that only some rooms may say\n| name | where |\n|---|---|\n\
        | `askel_store_sqlite` | `server/src/boot` |\n";

    fn check_app(text: &str) -> Vec<Fault> {
        check(&Sources::of(&[
            (DOCUMENT, ARROWS),
            ("server/src/lib.rs", "mod app; mod rpc;"),
            ("server/src/rpc/sync.rs", "use crate::app::accept;"),
            ("server/src/app/accept.rs", text),
        ]))
    }

    #[test]
    fn imports_along_the_arrows_are_fine() {
        assert_eq!(
            check_app("use crate::app::other; use askel_store::Store;"),
            []
        );
    }

    #[test]
    fn an_import_against_the_arrows_is_a_fault() {
        let faults = check_app("use crate::{rpc::error, app};");
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].place, "server/src/app/accept.rs");
    }

    #[test]
    fn a_concrete_store_is_named_in_its_home_only() {
        assert_eq!(check_app("use askel_store_sqlite::SqliteStore;").len(), 1);
    }

    #[test]
    fn a_room_without_a_row_is_a_fault() {
        let planted = Sources::of(&[
            (DOCUMENT, ARROWS),
            ("server/src/app.rs", ""),
            ("server/src/rpc.rs", ""),
            ("server/src/attic.rs", ""),
        ]);
        let faults = check(&planted);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].what.contains("attic"), "{}", faults[0]);
    }
}
