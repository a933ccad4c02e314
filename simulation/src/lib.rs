//! Phones, scanners and the server on one thread and one seed, with everything that goes wrong.
//!
//! A seed draws a plan: what people do, and what fails. [`play`] lets it happen to the real SDK and the
//! real server on virtual disks, clocks and network; an oracle that knows every acknowledgement looks
//! on all the while, and judges at the end, when everything has healed. The same seed gives the same
//! trace in any process. [`shrink`] leaves out of a plan whatever its failure does not need.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::too_many_lines,
    reason = "a tool of tests: what it gets wrong itself is a panic, which is told as a failure; \
              tables of what can happen are long"
)]

mod cast;
mod catalog;
mod chance;
mod device;
mod disk;
mod drill;
mod host;
mod hostile;
mod judge;
mod known;
mod link;
mod model;
mod oracle;
mod plan;
mod raw;
mod run;
mod story;
mod time;
mod trace;
mod until_death;
mod world;

pub use disk::Moment;
pub use drill::{Drilled, clones, cuts, poison, restores};
pub use known::KNOWN;
pub use link::{Blocked, Weather};
pub use plan::{Act, Event, Options, Sorts, draw};
pub use run::{Outcome, play, play_with};
pub use story::{shrink, tell};
