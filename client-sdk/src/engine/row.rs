//! What the database keeps: each kind of row, its table number and its bytes.
//!
//! Bytes are protobuf, so that a later version can add fields. They are sealed before they reach
//! storage.

mod codec;

use std::ops::Range;

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, Role},
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId, TenantId},
    op::Op,
    time::{ClockSegment, Timestamp},
};

use crate::storage::RowKey;

pub(crate) use codec::MalformedRow;

/// A write of the engine, in clear.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// Inserts or replaces a row.
    Put(u32, Row),
    /// Deletes a row.
    Delete(Table, u32),
}

/// The kinds of rows. The numbers are the database's and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Installation = 1,
    Log = 2,
    OwnOp = 3,
    Batch = 4,
    Stream = 5,
    StreamOp = 6,
    Catalog = 7,
    CatalogChunk = 8,
    Attempt = 9,
}

/// The number of a row that is alone in its table.
pub(crate) const ONLY: u32 = 0;

/// A row, parsed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    /// Who this installation is. Written first: a database without it is no database.
    Installation(Box<Installation>),
    /// A log of this writer.
    Log(LogRow),
    /// An op of this writer.
    OwnOp(Box<OwnOp>),
    /// A sealed batch, resent byte for byte until it is answered.
    Batch(BatchRow),
    /// A stream this device follows.
    Stream(StreamRow),
    /// An op of a stream.
    StreamOp(Box<StreamOp>),
    /// Which catalog is held, and which is being fetched.
    Catalog(CatalogRow),
    /// 4 KiB of a catalog's content.
    CatalogChunk(Vec<u8>),
    /// How syncing stands.
    Attempt(Attempt),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Installation {
    pub(crate) enrolment: Option<Enrolment>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Enrolment {
    pub(crate) server_url: String,
    pub(crate) tenant: TenantId,
    pub(crate) root_hash: [u8; 32],
    pub(crate) device: DeviceId,
    pub(crate) role: Role,
    pub(crate) participant: Option<ParticipantId>,
    pub(crate) state: v1::DeviceState,
    pub(crate) key_list: v1::SignedKeyList,
    pub(crate) pass: Option<v1::SignedPass>,
    pub(crate) staff_certificate: Option<v1::SignedStaffCertificate>,
    pub(crate) audience: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LogRow {
    pub(crate) id: LogId,
    /// The sequence of the next op written.
    pub(crate) next_sequence: u64,
    /// Ops below are in batches and never change.
    pub(crate) sealed_before: u64,
    /// Of the op at `sealed_before` - 1.
    pub(crate) last_sealed: Option<OpId>,
    /// Whether new ops go here: one log at most.
    pub(crate) standing: LogStanding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogStanding {
    Open,
    /// The server said that this writer has forgotten.
    Abandoned,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnOp {
    pub(crate) op: Op,
    /// Of `op`, computed once.
    pub(crate) id: OpId,
    /// The log that carries it now.
    pub(crate) log: LogId,
    pub(crate) sequence: u64,
    pub(crate) segment: ClockSegment,
    pub(crate) written_at: Timestamp,
    pub(crate) standing: Standing,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// No outcome yet.
    Pending,
    Accepted {
        at: Timestamp,
    },
    Rejected {
        reason: String,
        text: String,
        undo: v1::Undo,
    },
    /// To be offered again, in its own slot.
    Deferred {
        until: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchRow {
    pub(crate) log: LogId,
    pub(crate) first_sequence: u64,
    pub(crate) next_sequence: u64,
    pub(crate) sealed: v1::SealedBatch,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamRow {
    pub(crate) selector: v1::StreamSelector,
    /// As the server last told it.
    pub(crate) id: Option<StreamId>,
    /// The last position held, 0 for none.
    pub(crate) position: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamOp {
    /// The number of the stream's row.
    pub(crate) stream: u32,
    pub(crate) position: u64,
    pub(crate) admitted: AdmittedOp,
    /// Of the op, computed once.
    pub(crate) id: OpId,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CatalogRow {
    pub(crate) current: Option<CatalogEntry>,
    pub(crate) download: Option<CatalogEntry>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CatalogEntry {
    pub(crate) published: v1::CatalogPublished,
    /// Which half of the chunk numbers it has.
    pub(crate) slot: CatalogSlot,
}

/// Two catalogs at most are held at a time, each in its half of the chunk numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CatalogSlot {
    Even,
    Odd,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Attempt {
    /// Failed attempts since the last success.
    pub(crate) failures: u32,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) last_reason: Option<String>,
    /// The server's clock minus this device's, in milliseconds.
    pub(crate) server_offset_ms: i64,
    /// New logs opened because this writer may have forgotten.
    pub(crate) healed: u32,
}

impl LogRow {
    /// A log without an op.
    pub(crate) fn fresh(id: LogId) -> Self {
        Self {
            id,
            next_sequence: 0,
            sealed_before: 0,
            last_sealed: None,
            standing: LogStanding::Open,
        }
    }
}

impl BatchRow {
    /// The sequences of its ops.
    pub(crate) fn sequences(&self) -> Range<u64> {
        self.first_sequence..self.next_sequence
    }
}

impl Standing {
    /// Whether the server has said its last word; a correction of it comes as an op.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Rejected { .. })
    }
}

impl Row {
    /// Its table.
    pub(crate) fn table(&self) -> Table {
        match self {
            Self::Installation(_) => Table::Installation,
            Self::Log(_) => Table::Log,
            Self::OwnOp(_) => Table::OwnOp,
            Self::Batch(_) => Table::Batch,
            Self::Stream(_) => Table::Stream,
            Self::StreamOp(_) => Table::StreamOp,
            Self::Catalog(_) => Table::Catalog,
            Self::CatalogChunk(_) => Table::CatalogChunk,
            Self::Attempt(_) => Table::Attempt,
        }
    }
}

impl Write {
    /// The name of the row it writes.
    pub(crate) fn key(&self) -> RowKey {
        match self {
            Self::Put(number, row) => RowKey {
                table: row.table() as u8,
                number: *number,
            },
            Self::Delete(table, number) => RowKey {
                table: *table as u8,
                number: *number,
            },
        }
    }
}

impl CatalogSlot {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }

    /// The row number of a chunk by its index, which is below 2^30: a catalog has a limit.
    pub(crate) fn chunk(self, index: u32) -> u32 {
        let odd = match self {
            Self::Even => 0,
            Self::Odd => 1,
        };
        index.saturating_mul(2).saturating_add(odd)
    }

    /// Whether a row number is in its half.
    pub(crate) fn has(self, number: u32) -> bool {
        (number & 1 == 1) == (self == Self::Odd)
    }
}
