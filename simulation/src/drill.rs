//! Drills: a question each, asked many times over.

mod clone;
mod cut;
mod poison;
mod restore;

pub use clone::clones;
pub use cut::cuts;
pub use poison::poison;
pub use restore::restores;

use std::future::Future;

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drilled {
    /// In a line, with the figures.
    pub told: String,
    /// What must not be and was.
    pub faults: Vec<String>,
}

/// Runs a world of its own on virtual time.
fn in_a_world<T>(world: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(world)
}
