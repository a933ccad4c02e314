//! What holds of the pure core, seen from outside: laws by properties, meaning by examples, limits
//! at and one past, and fixed vectors.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unnecessary_wraps,
    reason = "a test may fail loudly, in its helpers too"
)]

mod acts;
mod admission;
mod archived;
mod attendance;
mod catalog;
mod clock;
mod codec;
mod crdts_traps;
mod folds;
mod judging;
mod lifeboat;
mod limits;
mod listed;
mod live;
mod pages;
mod place_day;
mod refused_rules;
mod rules;
mod short;
mod steps;
mod streams;
mod vectors;
mod world;
