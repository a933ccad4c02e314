//! Ops, logs and streams.

mod plan;

pub use plan::{Before, EntryBefore, Needs, OutboxDraft, Plan, Settled, StreamPlace};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, OpId, ParticipantId, PlaceId, StreamId, TenantId},
    op::SessionRef,
    stream::{StreamKey, StreamSum},
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;

use crate::{Audit, Projection, StoreError};

/// What one transaction appends. Entries of one log stand in ascending sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Append {
    /// Outcomes of ops, to be settled.
    pub entries: Vec<Entry>,
    /// What a projection found, if this append is one's.
    pub projection: Projection,
    /// What is noted with it. An equal note of the same millisecond is the same note.
    pub audits: Vec<Audit>,
}

/// An op at its place in its carrier log, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The carrier log; created, with `device` as its writer, when new.
    pub log: LogId,
    /// Its writer.
    pub device: DeviceId,
    /// From 0. Must be the log's next, or hold the same op already: deferred, which this outcome
    /// settles, or settled alike, which makes this entry a repetition without effect.
    pub sequence: u64,
    /// The op.
    pub op: OpId,
    /// What became of it.
    pub outcome: EntryOutcome,
}

/// What became of an op. The effects of an accepted one happen once per op id, however many entries
/// carry it.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryOutcome {
    /// Admitted.
    Accepted {
        /// The op with its judgement.
        admitted: Box<AdmittedOp>,
        /// The streams that carry it.
        streams: Vec<StreamTarget>,
        /// Whose awards may change.
        dirty: Option<ParticipantId>,
        /// A derived op for another stream, to be written by the outbox: its stream and the
        /// payload's kind and bytes.
        derived: Option<(StreamKey, u32, Vec<u8>)>,
        /// An anonymous count.
        tally: Option<TallyChange>,
    },
    /// Refused for good, with the name of the reason.
    Rejected(String),
    /// To be offered again.
    Deferred,
}

/// A stream to append to; `new_id` becomes its handle if it does not exist yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTarget {
    /// Which stream.
    pub key: StreamKey,
    /// Random, drawn by the caller.
    pub new_id: StreamId,
}

/// People counted without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TallyChange {
    /// Where.
    pub place: PlaceId,
    /// The local day.
    pub date: LocalDate,
    /// Which session.
    pub session: SessionRef,
    /// How many more, or fewer.
    pub delta: i32,
}

/// How far a log has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// The log.
    pub log: LogId,
    /// Its writer.
    pub device: DeviceId,
    /// That device's participant, if it has one.
    pub participant: Option<ParticipantId>,
    /// The first sequence without an entry.
    pub next_sequence: u64,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead {
    /// Which stream.
    pub key: StreamKey,
    /// Its handle.
    pub id: StreamId,
    /// The last position; positions are dense from 1.
    pub head: u64,
    /// The sum over its ops.
    pub sum: StreamSum,
}

/// An op at its place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOp {
    /// From 1, dense.
    pub position: u64,
    /// The op.
    pub admitted: AdmittedOp,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another writer came first: a sequence lies past the log's next, or holds another op or the
    /// same one settled otherwise, or the log has another writer. Read the log states again and decide anew.
    #[error("another writer came first")]
    Raced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores ops.
#[async_trait]
pub trait OpStore: Send + Sync {
    /// Appends, all or nothing, durable on return. Positions are allocated in the transaction, so a
    /// reader that follows a stream skips nothing. Returns the streams that moved, each once, as they
    /// stand after it; none for a repetition.
    async fn append(
        &self,
        tenant: TenantId,
        append: &Append,
        now: Timestamp,
    ) -> Result<Vec<StreamHead>, AppendError>;

    /// The states of those of the logs that exist, in the order asked.
    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError>;

    /// Entries of a log from a sequence on, at most `limit`, without effects: (sequence, op,
    /// `Some` name of a rejection or `None`, whether deferred).
    async fn list_entries(
        &self,
        tenant: TenantId,
        log: LogId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(u64, OpId, Option<String>, bool)>, StoreError>;

    /// Admitted ops by id, in the order asked; unknown ones are left out.
    async fn lookup_ops(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<AdmittedOp>, StoreError>;

    /// Heads of those of the streams that exist, in the order asked.
    async fn lookup_streams(
        &self,
        tenant: TenantId,
        streams: &[StreamKey],
    ) -> Result<Vec<StreamHead>, StoreError>;

    /// Makes sure a stream exists and returns its head.
    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<StreamHead, StoreError>;

    /// Which stream a handle names.
    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<StreamKey>, StoreError>;

    /// Ops of a stream after a position, in order, at most `limit`.
    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError>;
}
