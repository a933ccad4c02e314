//! What hostile bytes may do to each decoder, and to a server and a phone that talk to somebody
//! hostile: nothing but be refused.
//!
//! A [`Target`] takes any bytes and panics when something is wrong: libFuzzer drives it
//! (`cargo xtask drill fuzz`), and the tests replay its corpus with some mutations.

#![expect(clippy::expect_used, reason = "a target's panic is its finding")]

#[cfg(feature = "parties")]
mod findings;
mod input;
#[cfg(feature = "parties")]
mod installation;
mod targets;
#[cfg(feature = "parties")]
mod tenant;
#[cfg(feature = "parties")]
mod wire;
mod world;

/// Something that takes any bytes.
pub struct Target {
    /// Its name: of its corpus's folder, and for the command line.
    pub name: &'static str,
    /// Panics when the bytes did what they must not.
    pub run: fn(&[u8]),
    /// Bytes that reach deep, to begin from; the corpus has more.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = targets::ALL;

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
