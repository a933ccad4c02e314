//! The demo's world: a month in Oulu, told while it is lived through the real server and SDK.

mod cast;
mod catalog;
mod chance;
mod delivery;
mod generated_month;
mod helsinki;
mod ledger;
mod limits;
mod progress;
mod schedule;
mod steps_file;
mod telling;
mod text;
mod walking;

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// The story and its table.
    Story,
    /// One object, and nothing else, on standard output.
    Json,
}
