//! Frames: the very ops come back, few bytes are needed, and no bytes do harm.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly, in its helpers too"
)]

mod batches;
mod golden;
mod hostile;
mod pages;
mod strategies;
mod year;
