//! Rows to bytes and back.

use askel_proto::v1;
use askel_sync::{
    admission::Role,
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId, TenantId},
    log::{origin_from_proto, origin_to_proto},
    op::Op,
    stream::StreamSum,
    time::{ClockSegment, Timestamp},
};
use bytes::Bytes;
use prost::Message as _;

use super::{
    Attempt, BatchRow, CatalogEntry, CatalogRow, CatalogSlot, Enrolment, FrameLater, Installation,
    Later, LogRow, LogStanding, OwnOp, Row, Standing, StreamRow, Table, push::StoredPush,
};
use crate::{NoticeKind, storage::RowKey};

mod accepted;
mod archive;
mod column;
mod message;
mod ops;
#[cfg(test)]
mod tests;

use message as stored;

/// A row that opened with its key and still can't be read: a later version's, or a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedRow;

impl Row {
    /// The bytes to seal.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Installation(row) => installation_to_stored(row).encode_to_vec(),
            Self::Log(row) => log_to_stored(row).encode_to_vec(),
            Self::OwnOp(row) => own_op_to_stored(row).encode_to_vec(),
            Self::Batch(row) => batch_to_stored(row).encode_to_vec(),
            Self::Stream(row) => stream_to_stored(row).encode_to_vec(),
            Self::Window(row) => ops::window_to_stored(row).encode_to_vec(),
            Self::Settled(row) => ops::settled_to_stored(row).encode_to_vec(),
            Self::Catalog(row) => catalog_to_stored(row).encode_to_vec(),
            Self::CatalogChunk(data) | Self::Outbox(data) | Self::Carried(data) => data.clone(),
            Self::Attempt(row) => attempt_to_stored(row).encode_to_vec(),
            Self::Limits(limits) => limits.encode_to_vec(),
            Self::Archived(row) => archive::archived_to_stored(row).encode_to_vec(),
            Self::ArchivedDays(row) => archive::days_to_stored(row).encode_to_vec(),
            Self::AcceptedOps(row) => accepted::to_stored(row).encode_to_vec(),
            Self::Push(row) => StoredPush::from(row).encode_to_vec(),
        }
    }

    /// Reads the bytes of a row.
    pub(crate) fn decode(key: RowKey, bytes: Bytes) -> Result<Self, MalformedRow> {
        let table = Table::from_number(key.table).ok_or(MalformedRow)?;
        let row = match table {
            Table::Installation => {
                installation_from_stored(read(bytes)?).map(|row| Self::Installation(Box::new(row)))
            }
            Table::Log => log_from_stored(&read(bytes)?).map(Self::Log),
            Table::OwnOp => own_op_from_stored(read(bytes)?).map(|row| Self::OwnOp(Box::new(row))),
            Table::Batch => batch_from_stored(read(bytes)?).map(Self::Batch),
            Table::Stream => stream_from_stored(&read(bytes)?).map(Self::Stream),
            Table::Window => ops::window_from_stored(read(bytes)?).map(Self::Window),
            Table::Settled => Some(Self::Settled(ops::settled_from_stored(read(bytes)?))),
            Table::Catalog => Some(Self::Catalog(catalog_from_stored(read(bytes)?))),
            Table::CatalogChunk => Some(Self::CatalogChunk(bytes.to_vec())),
            Table::Attempt => Some(Self::Attempt(attempt_from_stored(read(bytes)?))),
            Table::Limits => Some(Self::Limits(read(bytes)?)),
            Table::Outbox => Some(Self::Outbox(bytes.to_vec())),
            Table::Carried => Some(Self::Carried(bytes.to_vec())),
            Table::Archived => archive::archived_from_stored(read(bytes)?).map(Self::Archived),
            Table::ArchivedDays => archive::days_from_stored(&read(bytes)?).map(Self::ArchivedDays),
            Table::AcceptedOps => accepted::from_stored(read(bytes)?).map(Self::AcceptedOps),
            Table::Push => read::<StoredPush>(bytes)?.row().map(Self::Push),
        };
        row.ok_or(MalformedRow)
    }
}

impl Table {
    fn from_number(number: u8) -> Option<Self> {
        [
            Self::Installation,
            Self::Log,
            Self::OwnOp,
            Self::Batch,
            Self::Stream,
            Self::Window,
            Self::Catalog,
            Self::CatalogChunk,
            Self::Attempt,
            Self::Settled,
            Self::Limits,
            Self::Outbox,
            Self::Carried,
            Self::Archived,
            Self::ArchivedDays,
            Self::AcceptedOps,
            Self::Push,
        ]
        .into_iter()
        .find(|table| *table as u8 == number)
    }
}

fn read<M: prost::Message + Default>(bytes: Bytes) -> Result<M, MalformedRow> {
    M::decode(bytes).map_err(|_| MalformedRow)
}

fn installation_to_stored(row: &Installation) -> stored::Installation {
    stored::Installation {
        enrolment: row.enrolment.as_ref().map(|row| stored::Enrolment {
            server_url: row.server_url.clone(),
            tenant: row.tenant.to_vec(),
            root_hash: row.root_hash.to_vec(),
            device: row.device.to_vec(),
            role: row.role.into(),
            participant: row.participant.map(ParticipantId::to_vec),
            state: row.state.into(),
            key_list: Some(row.key_list.clone()),
            pass: row.pass.clone(),
            staff_certificate: row.staff_certificate.clone(),
            audience: row.audience.clone(),
        }),
    }
}

fn installation_from_stored(stored: stored::Installation) -> Option<Installation> {
    let Some(row) = stored.enrolment else {
        return Some(Installation::default());
    };
    let participant = match row.participant {
        Some(bytes) => Some(ParticipantId::try_from(&*bytes).ok()?),
        None => None,
    };
    Some(Installation {
        enrolment: Some(Enrolment {
            server_url: row.server_url,
            tenant: TenantId::try_from(&*row.tenant).ok()?,
            root_hash: row.root_hash.try_into().ok()?,
            device: DeviceId::try_from(&*row.device).ok()?,
            role: Role::try_from(row.role).ok()?,
            participant,
            state: v1::DeviceState::try_from(row.state).ok()?,
            key_list: row.key_list?,
            pass: row.pass,
            staff_certificate: row.staff_certificate,
            audience: row.audience,
        }),
    })
}

fn log_to_stored(row: &LogRow) -> stored::Log {
    stored::Log {
        id: row.id.to_vec(),
        next_sequence: row.next_sequence,
        sealed_before: row.sealed_before,
        last_sealed: row.last_sealed.map(OpId::to_vec),
        abandoned: row.standing == LogStanding::Abandoned,
    }
}

fn log_from_stored(stored: &stored::Log) -> Option<LogRow> {
    let last_sealed = match &stored.last_sealed {
        Some(bytes) => Some(OpId::try_from(&**bytes).ok()?),
        None => None,
    };
    Some(LogRow {
        id: LogId::try_from(&*stored.id).ok()?,
        next_sequence: stored.next_sequence,
        sealed_before: stored.sealed_before,
        last_sealed,
        standing: if stored.abandoned {
            LogStanding::Abandoned
        } else {
            LogStanding::Open
        },
    })
}

fn own_op_to_stored(row: &OwnOp) -> stored::OwnOp {
    use stored::own_op::Standing as Stored;
    stored::OwnOp {
        kind: row.op.kind,
        payload: row.op.payload.clone(),
        origin: Some(origin_to_proto(row.op.origin)),
        log: row.log.to_vec(),
        sequence: row.sequence,
        boot_id: row.segment.boot_id,
        wall_minus_monotonic_ms: row.segment.wall_minus_monotonic_ms,
        written_at_ms: row.written_at.as_ms(),
        standing: match &row.standing {
            Standing::Pending => None,
            Standing::Accepted { at } => Some(Stored::AcceptedAtMs(at.as_ms())),
            Standing::Rejected { reason, text, undo } => Some(Stored::Rejected(v1::Rejected {
                reason: reason.clone(),
                text: text.clone(),
                undo: (*undo).into(),
            })),
            Standing::Deferred { until } => Some(Stored::DeferredUntilMs(until.as_ms())),
        },
    }
}

fn own_op_from_stored(stored: stored::OwnOp) -> Option<OwnOp> {
    use stored::own_op::Standing as Stored;
    let origin = origin_from_proto(stored.origin.as_ref()?)?;
    let op = Op {
        kind: stored.kind,
        payload: stored.payload,
        origin,
    };
    Some(OwnOp {
        id: op.id(),
        op,
        log: LogId::try_from(&*stored.log).ok()?,
        sequence: stored.sequence,
        segment: ClockSegment {
            boot_id: stored.boot_id,
            wall_minus_monotonic_ms: stored.wall_minus_monotonic_ms,
        },
        written_at: Timestamp::from_ms(stored.written_at_ms),
        standing: match stored.standing {
            None => Standing::Pending,
            Some(Stored::AcceptedAtMs(ms)) => Standing::Accepted {
                at: Timestamp::from_ms(ms),
            },
            Some(Stored::Rejected(rejected)) => Standing::Rejected {
                undo: rejected.undo(),
                reason: rejected.reason,
                text: rejected.text,
            },
            Some(Stored::DeferredUntilMs(ms)) => Standing::Deferred {
                until: Timestamp::from_ms(ms),
            },
        },
    })
}

fn batch_to_stored(row: &BatchRow) -> stored::Batch {
    stored::Batch {
        log: row.log.to_vec(),
        first_sequence: row.first_sequence,
        next_sequence: row.next_sequence,
        sealed: Some(row.sealed.clone()),
    }
}

fn batch_from_stored(stored: stored::Batch) -> Option<BatchRow> {
    Some(BatchRow {
        log: LogId::try_from(&*stored.log).ok()?,
        first_sequence: stored.first_sequence,
        next_sequence: stored.next_sequence,
        sealed: stored.sealed?,
    })
}

fn stream_to_stored(row: &StreamRow) -> stored::Stream {
    stored::Stream {
        selector: Some(row.selector),
        id: row.id.map(StreamId::to_vec),
        position: row.position,
        sum: row.sum.bits(),
        begun_anew_at_ms: row.begun_anew_at.map(Timestamp::as_ms),
    }
}

fn stream_from_stored(stored: &stored::Stream) -> Option<StreamRow> {
    let id = match &stored.id {
        Some(bytes) => Some(StreamId::try_from(&**bytes).ok()?),
        None => None,
    };
    Some(StreamRow {
        selector: stored.selector?,
        id,
        position: stored.position,
        sum: StreamSum::from_bits(stored.sum),
        begun_anew_at: stored.begun_anew_at_ms.map(Timestamp::from_ms),
    })
}

fn catalog_to_stored(row: &CatalogRow) -> stored::Catalog {
    let entry = |entry: &CatalogEntry| stored::CatalogEntry {
        published: Some(entry.published.clone()),
        odd: entry.slot == CatalogSlot::Odd,
    };
    stored::Catalog {
        current: row.current.as_ref().map(entry),
        download: row.download.as_ref().map(entry),
        later: row.later.map(later_to_stored),
    }
}

fn catalog_from_stored(stored: stored::Catalog) -> CatalogRow {
    let entry = |entry: stored::CatalogEntry| {
        let slot = if entry.odd {
            CatalogSlot::Odd
        } else {
            CatalogSlot::Even
        };
        Some(CatalogEntry {
            published: entry.published?,
            slot,
        })
    };
    CatalogRow {
        current: stored.current.and_then(entry),
        download: stored.download.and_then(entry),
        later: stored.later.map(later_from_stored),
    }
}

fn attempt_to_stored(row: &Attempt) -> stored::Attempt {
    stored::Attempt {
        failures: row.failures,
        next_at_ms: row.next_at.map(Timestamp::as_ms),
        last_reason: row.last_reason.clone(),
        server_offset_ms: row.server_offset_ms,
        healed: row.healed,
        mismatches: row.mismatches,
        at_ms: row.at.map(Timestamp::as_ms),
        notice: row.notice.map_or(0, NoticeKind::number),
        boots: row.boots.iter().copied().map(Into::into).collect(),
        told_boot_id: row.clock_told.map(|(segment, _)| segment.boot_id),
        told_wall_minus_monotonic_ms: row
            .clock_told
            .map_or(0, |(segment, _)| segment.wall_minus_monotonic_ms),
        told_at_ms: row.clock_told.map_or(0, |(_, at)| at.as_ms()),
        sums_told_at_ms: row.sums_told_at.map(Timestamp::as_ms),
        request_room: row.request_room,
        frames_later: row.frames_later.iter().map(frame_later_to_stored).collect(),
    }
}

fn attempt_from_stored(stored: stored::Attempt) -> Attempt {
    Attempt {
        failures: stored.failures,
        next_at: stored.next_at_ms.map(Timestamp::from_ms),
        last_reason: stored.last_reason,
        server_offset_ms: stored.server_offset_ms,
        healed: stored.healed,
        mismatches: stored.mismatches,
        at: stored.at_ms.map(Timestamp::from_ms),
        notice: NoticeKind::from_number(stored.notice),
        boots: stored.boots.into_iter().map(Into::into).collect(),
        clock_told: stored.told_boot_id.map(|boot_id| {
            let segment = ClockSegment {
                boot_id,
                wall_minus_monotonic_ms: stored.told_wall_minus_monotonic_ms,
            };
            (segment, Timestamp::from_ms(stored.told_at_ms))
        }),
        sums_told_at: stored.sums_told_at_ms.map(Timestamp::from_ms),
        request_room: stored.request_room,
        frames_later: stored
            .frames_later
            .iter()
            .map(frame_later_from_stored)
            .collect(),
    }
}

fn frame_later_to_stored(frame: &FrameLater) -> stored::FrameLater {
    stored::FrameLater {
        number: frame.number,
        later: Some(later_to_stored(frame.later)),
    }
}

fn frame_later_from_stored(stored: &stored::FrameLater) -> FrameLater {
    FrameLater {
        number: stored.number,
        later: later_from_stored(stored.later.unwrap_or_default()),
    }
}

fn later_to_stored(later: Later) -> stored::Later {
    stored::Later {
        times: later.times,
        until_ms: later.until.as_ms(),
    }
}

fn later_from_stored(stored: stored::Later) -> Later {
    Later {
        times: stored.times,
        until: Timestamp::from_ms(stored.until_ms),
    }
}
