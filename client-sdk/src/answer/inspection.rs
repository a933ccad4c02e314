//! What a client holds, for tools that test it.

use askel_sync::{
    id::OpId,
    op::{Op, Origin},
    time::{ClockSegment, Timestamp},
};

/// An op that this writer wrote and still keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenOp {
    /// Its id.
    pub id: OpId,
    /// What it says, and where it was first written.
    pub op: Op,
    /// Where it stands now: its origin, until it is offered again.
    pub carrier: Origin,
    /// The clock segment it was written in.
    pub segment: ClockSegment,
    /// When, by this device's clock.
    pub written_at: Timestamp,
    /// What became of it, as far as this device was told.
    pub standing: SeenStanding,
    /// Whether it can't change any more.
    pub sealed: bool,
}

/// What a device was told of an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeenStanding {
    /// Nothing yet, or to offer it again.
    Open,
    /// It is with the server.
    Accepted,
    /// It was refused for good.
    Rejected,
}
