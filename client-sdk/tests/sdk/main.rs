//! The SDK against a desk that answers as the server does.

#[path = "../common/mod.rs"]
mod common;

mod disturbed;
mod enrolment;
mod kill_at_any_write;
mod opening;
mod participant;
mod staff;
mod storage;
