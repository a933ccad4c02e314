//! The short form of a sync: what both sides know goes into one hash, and only positions travel.

use sha2::{Digest as _, Sha256};

use super::{StreamKey, StreamSum};
use crate::id::{DeviceId, GoalId, LogId, OpId, ParticipantId, StreamId};

/// How far a log is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealedHead {
    /// The log.
    pub log: LogId,
    /// The sequence after the last sealed op; 0 for a log that was given up.
    pub next_sequence: u64,
    /// The last sealed op.
    pub last_op: OpId,
}

impl SealedHead {
    /// Says that the open log has nothing sealed, and which log was given up for it: so one who gave
    /// up a log is told from one who has forgotten that there was any.
    pub const fn given_up(log: LogId) -> Self {
        Self {
            log,
            next_sequence: 0,
            last_op: OpId::from_bytes([0; 16]),
        }
    }
}

/// The streams that every device follows, in the order of a short form's positions: the
/// participant's own, the device's, the catalog's, then for participants those of the catalog's
/// challenges, by goal. `challenges` may come in any order.
pub fn standard_streams(
    device: DeviceId,
    participant: Option<ParticipantId>,
    challenges: impl IntoIterator<Item = GoalId>,
) -> Vec<StreamKey> {
    let mut goals: Vec<GoalId> = match participant {
        Some(_) => challenges.into_iter().collect(),
        None => Vec::new(),
    };
    goals.sort_unstable();
    goals.dedup();
    participant
        .map(StreamKey::Participant)
        .into_iter()
        .chain([StreamKey::Device(device), StreamKey::Catalog])
        .chain(goals.into_iter().map(StreamKey::Challenge))
        .collect()
}

/// The first eight bytes, big-endian, of SHA-256 over `askel/sync-state/v1`, a zero byte, the handle
/// of each standard stream, then of each listed day of a place of which the device holds anything, the log, its next
/// sequence (8 bytes, big-endian), the id of its last sealed op, and the revision of the limits (4 bytes,
/// big-endian). While nothing of the open log is sealed, the log that was given up last and 24 zero bytes;
/// without such a one, 40 zero bytes.
pub fn state_tag(handles: &[StreamId], head: Option<&SealedHead>, limits_revision: u32) -> u64 {
    let mut hash = Sha256::new().chain_update(b"askel/sync-state/v1\0");
    for handle in handles {
        hash.update(handle.as_bytes());
    }
    match head {
        Some(head) => {
            hash.update(head.log.as_bytes());
            hash.update(head.next_sequence.to_be_bytes());
            hash.update(head.last_op.as_bytes());
        }
        None => hash.update([0; 40]),
    }
    hash.update(limits_revision.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// The lowest four bytes of the sums of all streams of a short form, added up. 0 stands for nothing said:
/// of four billion states one is not compared.
pub fn sums_tag(sums: impl IntoIterator<Item = StreamSum>) -> u32 {
    let all = sums
        .into_iter()
        .fold(StreamSum::default(), |all, sum| all.plus(sum.bits()));
    let [.., a, b, c, d] = all.bits().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
