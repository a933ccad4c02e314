//! The protocol as it was released last stands in the tree, as compiled descriptors. What is
//! compiled now may add to it, and may not break it: phones in the field speak it for years.
//!
//! `cargo xtask release-protocol` writes the file anew.

mod breaking;
mod compare;
mod surface;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context as _, ensure};
use prost::Message as _;
use prost_types::FileDescriptorSet;

use self::breaking::Break;
use super::Fault;

/// The protocol of the last release, from the root.
const RELEASED: &str = "proto/released/askel.v1.binpb";

/// Names every change that breaks the released protocol.
pub(super) fn check(root: &Path) -> Vec<Fault> {
    let breaks = compiled().and_then(|compiled| Ok(compare::breaks(&released(root)?, &compiled)));
    match breaks {
        Ok(breaks) => breaks.iter().map(fault).collect(),
        Err(error) => vec![Fault::new(RELEASED, format!("{error:#}"))],
    }
}

/// Writes what is compiled now as the released protocol.
///
/// # Errors
/// When it breaks what the file holds and that was not asked for, or the file can't be written.
pub(crate) fn release(root: &Path, breaking: Breaking) -> anyhow::Result<()> {
    let compiled = compiled()?;
    if breaking == Breaking::Refused && root.join(RELEASED).exists() {
        let breaks = compare::breaks(&released(root)?, &compiled);
        let told: Vec<String> = breaks.iter().map(|b| fault(b).to_string()).collect();
        ensure!(breaks.is_empty(), "{}", told.join("\n"));
    }
    std::fs::write(root.join(RELEASED), compiled.encode_to_vec()).context(RELEASED)
}

/// Whether a release may break the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaking {
    /// It may not.
    Refused,
    /// It may: nobody speaks the one before.
    Asked,
}

fn released(root: &Path) -> anyhow::Result<FileDescriptorSet> {
    let bytes = std::fs::read(root.join(RELEASED)).context("can't be read")?;
    FileDescriptorSet::decode(&*bytes).context("holds no descriptors")
}

/// The descriptors that this xtask was compiled with, without comments and places in files.
fn compiled() -> anyhow::Result<FileDescriptorSet> {
    let mut set = FileDescriptorSet::decode(askel_proto::DESCRIPTOR_SET)
        .context("askel-proto holds no descriptors")?;
    for file in &mut set.file {
        file.source_code_info = None;
    }
    Ok(set)
}

fn fault(found: &Break) -> Fault {
    Fault::new("proto/askel/v1", found.to_string())
}
