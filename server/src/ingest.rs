//! Taking in ops: callers queue, a machine decides who goes together, one transaction takes a group
//! in, and each caller is answered after the commit.

mod batching;
mod commit;
mod decide;
mod decided;
mod driver;
mod ends;
mod facts;
mod forgotten;
mod refused;
mod take_back;
mod wanted;

pub(crate) use driver::Ingest;

use std::collections::BTreeMap;

use askel_store::{Device, DeviceState, HealedBy};
use askel_sync::{
    admission::{AdmittedOp, Author, AuthorStanding, ClockReading, Clocks, Deferral, PlaceScope},
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId},
    log::Batch,
    stream::StreamKey,
    time::{BootTime, ClockSegment, Timestamp},
};

use crate::{
    app::{AppError, Reason},
    limits::{BUSY_RETRY_MS, STOPPING_RETRY_MS},
};

/// What one caller hands in; its batches are opened: signature and writer are checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Submission {
    pub(crate) author: Author,
    pub(crate) hand: Hand,
    pub(crate) batches: Vec<Batch>,
    pub(crate) heads: Vec<Head>,
    /// Pages that a reader hands back to a restored server, verified.
    pub(crate) returned: Vec<ReturnedPage>,
    pub(crate) sent_with: Option<ClockReading>,
    /// What the author's device had learned of the server's time in boots that are over.
    pub(crate) boots: Vec<BootTime>,
    pub(crate) received_at: Timestamp,
}

impl Submission {
    /// The devices that must still be good when it is written down.
    fn taken_from(&self) -> Vec<DeviceId> {
        let author = self.author.device;
        match self.hand {
            Hand::Own => vec![author],
            Hand::Carried {
                by,
                same_person: true,
            } => vec![by],
            Hand::Carried {
                by,
                same_person: false,
            } => vec![by, author],
        }
    }

    /// What is known of the clocks around an op that was written in this segment. Where a boot was never
    /// tied its ops are not, whatever other boots the same batch is of.
    fn clocks(&self, written_in: ClockSegment) -> Clocks {
        let mut boots = self.boots.iter();
        Clocks {
            written_in,
            sent_with: self.sent_with,
            told: boots
                .find(|told| told.boot_id == written_in.boot_id)
                .copied(),
            received_at: self.received_at,
        }
    }
}

/// Who hands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// The author.
    Own,
    /// Another device carries it, or the author itself for a log that it has lost.
    Carried {
        /// Who carries.
        by: DeviceId,
        /// Whether it is a device of the author's person: then it does not matter that the author's
        /// device was revoked.
        same_person: bool,
    },
}

/// What became of a frame that someone carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameResult {
    /// Its ops are settled.
    Taken,
    /// It can never be taken.
    Refused,
    /// Not now.
    Later,
}

/// What the caller's database has written of one of its logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) log: LogId,
    pub(crate) next_sequence: u64,
    /// The first bytes of the op id at `next_sequence - 1`; `None` for an empty log.
    pub(crate) last_op_prefix: Option<[u8; 8]>,
    /// The last op that it was told is accepted: its sequence, and the first bytes of its id.
    pub(crate) settled: Option<(u64, [u8; 8])>,
}

/// A page of a stream of before a restore.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReturnedPage {
    /// The handle that the stream had.
    pub(crate) ancestor: StreamId,
    /// The stream that continues it.
    pub(crate) key: StreamKey,
    /// The position before the page's first.
    pub(crate) after: u64,
    /// The page's last position.
    pub(crate) up_to: u64,
    /// Whether it was handed back, or only said to be back.
    pub(crate) by: HealedBy,
    pub(crate) ops: Vec<AdmittedOp>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Receipt {
    pub(crate) logs: Vec<LogVerdict>,
    /// Whether some awards may have changed or another stream waits for a derived op.
    pub(crate) stirred: bool,
    /// Ops that were settled now and not before.
    pub(crate) news: u64,
    /// Who was erased by them.
    pub(crate) erased: Vec<ParticipantId>,
}

/// What became of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogVerdict {
    pub(crate) log: LogId,
    /// The first sequence without an outcome.
    pub(crate) settled_before: u64,
    /// Those of the offered ops that were not accepted, by sequence.
    pub(crate) exceptions: BTreeMap<u64, Exception>,
    pub(crate) conflict: Option<Conflict>,
    /// The first offered sequence that lies past a gap.
    pub(crate) offered_from: Option<u64>,
    /// A compact batch of it referred to what is not here.
    pub(crate) plain_wanted: bool,
    /// The log's last op, where its writer told of more, and where that op is erased.
    pub(crate) last_op: Option<OpId>,
}

impl LogVerdict {
    /// Of a log of which nothing more is known.
    pub(crate) const fn plain_wanted(log: LogId) -> Self {
        Self {
            log,
            settled_before: 0,
            exceptions: BTreeMap::new(),
            conflict: None,
            offered_from: None,
            plain_wanted: true,
            last_op: None,
        }
    }
}

/// An op that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exception {
    /// For good, with the name of the reason.
    Rejected(String),
    /// To be offered again.
    Deferred(Deferral),
}

/// Why a log can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// A sequence holds another op.
    SequenceTaken,
    /// The server has more of the log than its writer remembers.
    HeadAhead,
    /// The log belongs to another device.
    NotTheWriter,
}

/// Why a submission was not taken in. Nothing of it was, unless the store was away in the very
/// moment of committing; offering it again is right either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IngestError {
    /// The author's device was revoked while the submission waited.
    Revoked,
    /// The author's person was erased.
    Erased,
    Busy,
    Stopping,
    StoreAway,
    StoreFull,
    Broken,
}

impl From<IngestError> for AppError {
    fn from(error: IngestError) -> Self {
        let later = |reason, retry_after_ms| Self::Later {
            reason,
            retry_after_ms,
        };
        match error {
            IngestError::Revoked => Reason::DeviceRevoked.into(),
            IngestError::Erased => Reason::Erased.into(),
            IngestError::Busy => later(Reason::ServerBusy, BUSY_RETRY_MS),
            IngestError::Stopping => later(Reason::ServerStopping, STOPPING_RETRY_MS),
            IngestError::StoreAway => later(Reason::StoreUnavailable, BUSY_RETRY_MS),
            IngestError::StoreFull => Reason::StoreFull.into(),
            IngestError::Broken => Reason::Internal.into(),
        }
    }
}

/// A device as the author of ops.
pub(crate) fn author(device: &Device) -> Author {
    let scope = match (&device.participant, &device.scope) {
        (Some(_), _) => PlaceScope::Only(Vec::new()),
        (None, None) => PlaceScope::All,
        (None, Some(places)) => PlaceScope::Only(places.clone()),
    };
    Author {
        device: device.id,
        role: device.role,
        participant: device.participant,
        scope,
        lease_until: device.lease_until,
        standing: match device.state {
            DeviceState::Probation { .. } => AuthorStanding::NewFactsOnly,
            _ => AuthorStanding::Full,
        },
    }
}
