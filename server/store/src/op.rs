//! Ops, logs and streams.

mod effects;
mod healing;
mod plan;

pub use effects::{LiveRegister, RegisterPlace, StreamPlace};
pub use healing::{Ancestor, Claim, Healed, HealedBy, Healing, LOST_MAX, Lineage};
pub use plan::{Before, EntryBefore, Needs, OutboxDraft, Plan, Settled};

use std::collections::BTreeSet;

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, LogId, OpId, ParticipantId, PlaceId, StreamId, TenantId},
    op::{Op, Origin, Payload, SessionRef},
    stream::{Register, StreamKey, StreamSum},
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;

use crate::{Audit, JobLease, Projection, PushesDue, StoreError};

/// What one transaction appends. Entries of one log stand in ascending sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Append {
    /// Outcomes of ops, to be settled.
    pub entries: Vec<Entry>,
    /// Ops that readers hand back to a restored server.
    pub returned: Vec<Returned>,
    /// What of the streams of before is handed back with that.
    pub healed: Vec<Healed>,
    /// What a projection found, if this append is one's.
    pub projection: Projection,
    /// Devices that this is taken from: none of them may be revoked or erased.
    pub from: BTreeSet<DeviceId>,
    /// The job that this is done in, if one node alone may: the lease has to stand.
    pub under: Option<JobLease>,
    /// What is noted with it. An equal note of the same millisecond is the same note.
    pub audits: Vec<Audit>,
    /// Whom it is news to, and when they are to be woken unless that is due before. Who did not register
    /// is not.
    pub pushes: PushesDue,
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
    /// Refused for good.
    Rejected {
        /// The name of the reason.
        reason: String,
        /// Whom the op is about, as far as that is known: its hash goes with them.
        subject: Option<ParticipantId>,
    },
    /// To be offered again.
    Deferred,
}

/// An op that was admitted before a restore, handed back by a reader with its judgement as it stands.
/// It has no entry: its writer offers it again, or nobody does. Without effect when the op is known,
/// and when it speaks of someone who is erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// The op with its judgement.
    pub admitted: Box<AdmittedOp>,
    /// The streams that carry it.
    pub streams: Vec<StreamTarget>,
    /// Whose awards may change.
    pub dirty: Option<ParticipantId>,
    /// As in [`EntryOutcome::Accepted`].
    pub derived: Option<(StreamKey, u32, Vec<u8>)>,
    /// An anonymous count.
    pub tally: Option<TallyChange>,
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
    /// The op before that, whatever became of it; zeros where it is erased.
    pub last_op: Option<OpId>,
}

/// How the ids of logs begin in which the server keeps what has no place in its writer's log. Their writers
/// know nothing of them, and never go on with them. A random id begins so once in four billion times; a
/// writer of such a log has to say everything in each sync, and loses nothing.
pub const ASIDE_LOG: [u8; 4] = [0xa5, 0x1d, 0xe1, 0x06];

/// An op that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedOp {
    /// The op.
    pub op: OpId,
    /// The name of the reason.
    pub reason: String,
    /// Whom it is about, as far as that is known.
    pub subject: Option<ParticipantId>,
}

/// What the entry of an erased op holds instead of its id.
pub const ERASED_OP: OpId = OpId::from_bytes([0; 16]);

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead {
    /// Which stream.
    pub key: StreamKey,
    /// Its handle.
    pub id: StreamId,
    /// The last position; positions are dense from 1.
    pub head: u64,
    /// The sum over its live ops.
    pub sum: StreamSum,
}

/// Which ops of a stream are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every position.
    All,
    /// Those that nothing has superseded or erased: positions are not dense.
    Live,
}

/// Which part of a stream is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOf {
    /// Of which stream.
    pub stream: StreamKey,
    /// Ops after this position.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
    /// Which of them.
    pub reading: Reading,
}

/// A part of a stream, and how far the stream had come at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPart {
    /// The head at the moment of reading. When fewer ops were found than asked for, they are all up
    /// to here.
    pub head: StreamHead,
    /// In order.
    pub ops: Vec<StreamOp>,
}

/// What of a device's own is compared with what it says in a short form, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceView {
    /// Heads of those of the streams that exist, in the order asked.
    pub heads: Vec<StreamHead>,
    /// Its logs, as [`OpStore::list_device_logs`] lists them.
    pub logs: Vec<LogState>,
}

/// An op at its place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOp {
    /// From 1, dense.
    pub position: u64,
    /// The op.
    pub admitted: AdmittedOp,
}

impl StreamOp {
    /// What stands at a position whose op was erased: nothing of it is left. Never live.
    pub fn blank(position: u64) -> Self {
        let origin = Origin {
            log: LogId::from_bytes([0; 16]),
            sequence: position,
        };
        let epoch = Timestamp::from_ms(0);
        Self {
            position,
            admitted: AdmittedOp {
                op: Op::new(origin, &Payload::Blank),
                admission: Admission {
                    corrected_at: epoch,
                    received_at: epoch,
                    subject: None,
                    strength: Strength::Unspecified,
                    flags: Flags::default(),
                    author_role: Role::Server,
                },
            },
        }
    }
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another writer came first: a sequence lies past the log's next, or holds another op or the
    /// same one settled otherwise, or the log has another writer, or an op is by or about someone who
    /// is erased, or a device that it is from is revoked or erased. Read what was decided on again and
    /// decide anew.
    #[error("another writer came first")]
    Raced,
    /// Another node does this job now, or someone was erased meanwhile: whatever was read is void.
    #[error("the lease of the job does not stand any more")]
    LeaseLost,
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

    /// The states of those of the logs that exist, in the order asked. After a restore some are known
    /// by their writers alone: nothing of them is here.
    async fn lookup_logs(
        &self,
        tenant: TenantId,
        logs: &[LogId],
    ) -> Result<Vec<LogState>, StoreError>;

    /// A device's logs, the one that was opened last first, at most `limit`; also those that are known by
    /// their writers alone, and none that is [aside](ASIDE_LOG).
    async fn list_device_logs(
        &self,
        tenant: TenantId,
        device: DeviceId,
        limit: u32,
    ) -> Result<Vec<LogState>, StoreError>;

    /// Heads of streams and the device's logs at once, at most `logs_max` of these.
    async fn view_of_device(
        &self,
        tenant: TenantId,
        device: DeviceId,
        streams: &[StreamKey],
        logs_max: u32,
    ) -> Result<DeviceView, StoreError>;

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

    /// Those of the ops that some log holds as rejected, once for each such entry, in no order. An erased
    /// one is known by no id.
    async fn lookup_refused(
        &self,
        tenant: TenantId,
        ops: &[OpId],
    ) -> Result<Vec<RefusedOp>, StoreError>;

    /// Heads of those of the streams that exist, in the order asked.
    async fn lookup_streams(
        &self,
        tenant: TenantId,
        streams: &[StreamKey],
    ) -> Result<Vec<StreamHead>, StoreError>;

    /// Makes sure a stream exists and returns its head; `None` for one of the erased, which stays gone.
    async fn open_stream(
        &self,
        tenant: TenantId,
        target: StreamTarget,
    ) -> Result<Option<StreamHead>, StoreError>;

    /// Which stream a handle names or named before a restore. The handle of an erased person's
    /// stream names nothing.
    async fn lookup_stream_id(
        &self,
        tenant: TenantId,
        id: StreamId,
    ) -> Result<Option<(StreamKey, Lineage)>, StoreError>;

    /// The live ops of those of the registers that have one, in the order asked.
    async fn lookup_registers(
        &self,
        tenant: TenantId,
        registers: &[(StreamKey, Register)],
    ) -> Result<Vec<LiveRegister>, StoreError>;

    /// A part of a stream, in order, with the head that the stream had at that moment; `None` when
    /// there is no such stream.
    async fn read_part(
        &self,
        tenant: TenantId,
        part: PartOf,
    ) -> Result<Option<StreamPart>, StoreError>;

    /// All ops of a stream after a position, in order, at most `limit`. An erased one is
    /// [`StreamOp::blank`].
    async fn read_stream(
        &self,
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamOp>, StoreError>;

    /// Of each of the streams the ops after a position as [`Self::read_stream`] does, at most `limit` of
    /// each; in the order asked, nothing of those that do not exist.
    async fn read_streams(
        &self,
        tenant: TenantId,
        wanted: &[(StreamKey, u64)],
        limit: u32,
    ) -> Result<Vec<Vec<StreamOp>>, StoreError> {
        let mut read = Vec::with_capacity(wanted.len());
        for (stream, after) in wanted {
            read.push(self.read_stream(tenant, *stream, *after, limit).await?);
        }
        Ok(read)
    }
}
