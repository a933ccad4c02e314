//! Tests from outside: the real binary, as processes of its own.

#![expect(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "what a test relies on fails the test"
)]

mod crowd;
mod faults;
mod lost_machine;
mod processes;
mod publishing;
mod restoring;
mod server_kills;
mod strangers_client;
mod world;
