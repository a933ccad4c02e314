//! The guard: what ARCHITECTURE.md and docs/dependencies.md say is what stands in the code.
//!
//! The rules are read from the documents themselves, so that the two can't drift apart: the tables
//! under "The map", "Arrows between crates" and "Arrows between rooms" of ARCHITECTURE.md, and the
//! table of docs/dependencies.md. And the protocol breaks no released one,
//! no released migration is changed, and none on PostgreSQL disturbs servers that go on.

pub(crate) mod compatibility;
mod crates;
mod dependencies;
mod documents;
mod expand;
mod licences;
mod map;
mod markdown;
pub(crate) mod migrations;
mod rooms;
mod rust;
mod size;
mod sources;

use std::{fmt, io::Write as _};

use anyhow::bail;

use self::sources::Sources;
use crate::workspace::{Metadata, Workspace};

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    place: String,
    what: String,
}

impl Fault {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Runs every check and names every fault.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let sources = Sources::read(&workspace.root)?;
    let mut faults = check(&sources, &workspace.metadata()?);
    faults.extend(compatibility::check(&workspace.root));
    faults.extend(migrations::check(&workspace.root));
    let mut stdout = std::io::stdout().lock();
    for fault in &faults {
        writeln!(stdout, "{fault}")?;
    }
    if faults.is_empty() {
        Ok(())
    } else {
        bail!("tidy: {} faults", faults.len())
    }
}

fn check(sources: &Sources, metadata: &Metadata) -> Vec<Fault> {
    let mut faults = Vec::new();
    faults.extend(map::check(sources));
    faults.extend(crates::check(sources, metadata));
    faults.extend(rooms::check(sources));
    faults.extend(dependencies::check(sources));
    faults.extend(licences::check(metadata));
    faults.extend(documents::check(sources));
    faults.extend(size::check(sources));
    faults.extend(expand::check(sources));
    faults.sort();
    faults.dedup();
    faults
}
