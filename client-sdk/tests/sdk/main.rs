//! The SDK against a desk that answers as the server does.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that can't go on fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod archived;
mod catalog;
mod clocks;
mod deferred;
mod disturbed;
mod enrolment;
mod erased;
mod forgetful;
mod kill_at_any_write;
mod leases;
mod lifeboat;
mod limits;
mod opening;
mod packed;
mod participant;
mod refused;
mod registers;
mod restored;
mod slow_line;
mod staff;
mod storage;
mod sums;
mod upgrade;
mod waiting;
mod waking;
mod wrong_clocks;
