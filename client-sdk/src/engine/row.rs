//! What the database keeps: each kind of row, its table number and its bytes.
//!
//! Bytes are protobuf, so that a later version can add fields. They are sealed before they reach
//! storage.

mod attempt;
mod codec;
mod push;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use askel_proto::v1;
use askel_sync::{
    admission::{AdmittedOp, Role},
    fold::ArchivedDays,
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId, TenantId},
    op::Op,
    stream::StreamSum,
    time::{ClockSegment, Timestamp},
};

use crate::storage::RowKey;

pub(crate) use attempt::{Attempt, FrameLater, Later};
pub(crate) use codec::MalformedRow;
pub(crate) use push::{PushRow, PushTold};

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
    Window = 6,
    Catalog = 7,
    CatalogChunk = 8,
    Attempt = 9,
    Settled = 10,
    Limits = 11,
    Outbox = 12,
    Carried = 13,
    Archived = 14,
    ArchivedDays = 15,
    AcceptedOps = 16,
    Push = 17,
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
    /// Accepted ops of this writer: in one row they are opened sooner than in many.
    AcceptedOps(AcceptedOpsRow),
    /// A sealed batch, resent byte for byte until it is answered.
    Batch(BatchRow),
    /// A stream this device follows.
    Stream(StreamRow),
    /// A page of a stream, as it came.
    Window(WindowRow),
    /// Ops of a stream whose pages are gone.
    Settled(SettledRow),
    /// Which catalog is held, and which is being fetched.
    Catalog(CatalogRow),
    /// A chunk of a catalog's content.
    CatalogChunk(Vec<u8>),
    /// How syncing stands.
    Attempt(Attempt),
    /// The server's limits, as announced.
    Limits(v1::Limits),
    /// Unconfirmed ops, sealed to the server and to nobody else: they can be handed in even when the keys
    /// of this database are lost.
    Outbox(Vec<u8>),
    /// A sealed frame that this device carries to the server.
    Carried(Vec<u8>),
    /// Settled step counts of long ago, which are read only when they are needed.
    Archived(ArchivedRow),
    /// What the archived steps of a stream come to. Its number is that of the stream's row.
    ArchivedDays(ArchivedDaysRow),
    /// Whether this device is to be woken.
    Push(PushRow),
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

/// Own ops that were accepted, all in one log. An op is either here or has a row of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AcceptedOpsRow {
    pub(crate) log: LogId,
    /// By the numbers they have among all own ops.
    pub(crate) ops: BTreeMap<u32, OwnOp>,
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
    /// Over the live ops up to `position`.
    pub(crate) sum: StreamSum,
    /// When the sum was last found wrong and the stream begun anew, by the server's clock.
    pub(crate) begun_anew_at: Option<Timestamp>,
}

/// An op of a stream, as the server judged it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOp {
    pub(crate) admitted: AdmittedOp,
}

/// A page as it came: while it is young, a server that was restored may want it back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowRow {
    /// The number of the stream's row.
    pub(crate) stream: u32,
    /// The handle the stream had then.
    pub(crate) handle: StreamId,
    pub(crate) first_position: u64,
    /// The reader's position once it held the page.
    pub(crate) next_position: u64,
    pub(crate) density: Density,
    /// Empty when the page was not kept whole.
    pub(crate) mac: Vec<u8>,
    /// By the server's clock, in a boot that was tied to it.
    pub(crate) received_at: Timestamp,
    pub(crate) standing: PageStanding,
    pub(crate) ops: Vec<HeldOp>,
}

/// Whether the ops of a page lie at consecutive positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Density {
    Dense,
    /// A part of a snapshot: live ops only.
    Snapshot,
}

/// What a page is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageStanding {
    /// It is part of the stream as the server has it.
    Held,
    /// The server lost it: authors may bring all of it back.
    SetAside,
    /// They had their time, and the server gets it back.
    Returnable,
    /// Nothing of it is missing any more; the server is still to be told. Without ops.
    Covered,
    /// It was handed back; a later sync that goes through ends it.
    Returned,
}

/// Live ops of a stream that no server will want back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettledRow {
    /// The number of the stream's row.
    pub(crate) stream: u32,
    /// Read from the frame once all rows are there: it refers to those before it.
    pub(crate) ops: Vec<HeldOp>,
    pub(crate) frame: Vec<u8>,
}

/// Live step counts of a stream. The frame refers to those of the archived rows before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchivedRow {
    pub(crate) stream: u32,
    pub(crate) frame: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchivedDaysRow {
    pub(crate) rows: u32,
    pub(crate) days: Arc<ArchivedDays>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CatalogRow {
    pub(crate) current: Option<CatalogEntry>,
    pub(crate) download: Option<CatalogEntry>,
    /// Of a download that was not what was announced, or that nobody whose keys are known has signed.
    pub(crate) later: Option<Later>,
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

impl StreamRow {
    /// A stream of which nothing is known yet.
    pub(crate) fn fresh(selector: v1::StreamSelector) -> Self {
        Self {
            selector,
            id: None,
            position: 0,
            sum: StreamSum::default(),
            begun_anew_at: None,
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
            Self::Window(_) => Table::Window,
            Self::Settled(_) => Table::Settled,
            Self::Catalog(_) => Table::Catalog,
            Self::CatalogChunk(_) => Table::CatalogChunk,
            Self::Attempt(_) => Table::Attempt,
            Self::Limits(_) => Table::Limits,
            Self::Outbox(_) => Table::Outbox,
            Self::Carried(_) => Table::Carried,
            Self::Archived(_) => Table::Archived,
            Self::ArchivedDays(_) => Table::ArchivedDays,
            Self::AcceptedOps(_) => Table::AcceptedOps,
            Self::Push(_) => Table::Push,
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
