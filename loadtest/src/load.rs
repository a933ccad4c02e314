//! A server under load: a process of its own, called over real gRPC on loopback, beside what the same
//! machine does with a bare database or a bare gRPC server in the same run.

mod arrivals;
mod checkin;
mod content;
mod crowd;
mod drain;
mod drive;
mod ingest;
mod known;
mod measured;
mod nochange;
mod overload;
mod page;
mod process;
mod report;
mod rush;
mod server;
mod size;
mod stand;
mod watch;
mod wire;
mod year;

pub use self::{
    checkin::{CheckinOptions, checkin},
    drain::{DrainOptions, drain},
    ingest::{IngestOptions, ingest},
    nochange::{NochangeOptions, nochange},
    overload::{OverloadOptions, overload},
    report::LoadReport,
    rush::{Rush, RushOptions, rush},
    server::{SERVE, Served, serve},
    size::{SizeOptions, size},
    stand::{Ground, StoreKind},
    watch::{WatchOptions, watch},
    year::{YearOptions, year},
};
pub(crate) use self::{crowd::count, drive::per_s, server::standard_input_ended, stand::sql};
pub use crate::baseline::echo::{ECHO, serve as echo};
