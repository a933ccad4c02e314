//! What Askel costs. [`footprint`] plays the participant-year of `askel-workload` on a real server over
//! `SQLite` and on real devices over loopback, checks that everyone ends with what the workload says, and
//! measures bytes and times beside the peers' (`loadtest/peers`). [`load`] measures a server of its own
//! process under load, beside bare databases.

mod baseline;
mod catalog;
mod check;
mod clock;
mod figure;
pub mod footprint;
pub mod load;
mod organiser;
mod peers;
mod proxy;
mod report;
mod resume;
mod rows;
mod tally;
mod tls;
mod world;
mod year;
