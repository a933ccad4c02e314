//! A server under load: a process of its own, called over real gRPC on loopback, beside what the same
//! machine does with a bare database or a bare gRPC server in the same run.

mod content;
mod crowd;
mod drive;
mod ingest;
mod measured;
mod process;
mod report;
mod server;
mod stand;
mod wire;

pub(crate) use self::{crowd::count, drive::per_s, stand::sql};
pub use self::{
    ingest::{IngestOptions, ingest},
    report::LoadReport,
    server::{SERVE, Served, serve},
    stand::StoreKind,
};
