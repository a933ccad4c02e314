//! Erasing a person: what goes, what stays as a random id, and how nothing of them comes back.
//!
//! What goes: ops about them and ops of their devices; the hashes of those in every log, and of
//! refused ops about them; their own
//! streams and their devices'; passes, cards, recovery sheets, approvals, invitations, devices; what
//! is derived of them; what waits in the outbox. What stays: tombstones, which are random ids that
//! name nothing any more; outcomes at their places in logs; counts without a name, so that the
//! totals of before stay. Readers of a place's day find [`StreamOp::blank`](crate::StreamOp::blank)
//! where a pass was seen, and an op that says which pass to forget.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, ID_BYTES, LogId, ParticipantId, PassTag, TenantId},
    op::{OpKind, Payload},
    stream::{StreamKey, op_sum},
};
use async_trait::async_trait;

use crate::{Audit, Frozen, OutboxDraft, Projection, StoreError, StreamTarget};

/// The random id of something erased: a participant, a device, a log or a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tombstone([u8; ID_BYTES]);

impl Tombstone {
    /// From a row.
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

macro_rules! tombstone_of {
    ($($id:ty)+) => {
        $(impl From<$id> for Tombstone {
            fn from(id: $id) -> Self {
                Self(*id.as_bytes())
            }
        })+
    };
}

tombstone_of!(ParticipantId DeviceId LogId PassTag);

/// Whose a stream is, if it goes with a person.
pub fn owner_of(stream: StreamKey) -> Option<Tombstone> {
    match stream {
        StreamKey::Participant(participant) => Some(participant.into()),
        StreamKey::Device(device) => Some(device.into()),
        _ => None,
    }
}

/// What was erased, by its random ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Who.
    pub participant: ParticipantId,
    /// Their devices, ascending.
    pub devices: Vec<DeviceId>,
    /// Those devices' logs, ascending.
    pub logs: Vec<LogId>,
    /// Their passes, ascending.
    pub passes: Vec<PassTag>,
}

impl Erased {
    /// Someone of whom nothing else is known.
    pub const fn new(participant: ParticipantId) -> Self {
        Self {
            participant,
            devices: Vec::new(),
            logs: Vec::new(),
            passes: Vec::new(),
        }
    }

    /// All ids.
    pub fn tombstones(&self) -> BTreeSet<Tombstone> {
        let mut tombstones = BTreeSet::from([self.participant.into()]);
        tombstones.extend(self.devices.iter().map(|id| Tombstone::from(*id)));
        tombstones.extend(self.logs.iter().map(|id| Tombstone::from(*id)));
        tombstones.extend(self.passes.iter().map(|id| Tombstone::from(*id)));
        tombstones
    }

    /// Adds what another erasure of the same person found.
    pub fn add(&mut self, other: &Self) {
        fn union<T: Copy + Ord>(all: &mut Vec<T>, more: &[T]) {
            all.extend(more);
            all.sort_unstable();
            all.dedup();
        }
        union(&mut self.devices, &other.devices);
        union(&mut self.logs, &other.logs);
        union(&mut self.passes, &other.passes);
    }

    /// Their own streams, which go as a whole.
    pub fn streams(&self) -> Vec<StreamKey> {
        let devices = self.devices.iter().map(|device| StreamKey::Device(*device));
        [StreamKey::Participant(self.participant)]
            .into_iter()
            .chain(devices)
            .collect()
    }

    /// Whether an outbox item goes: it is for them, or says where a pass of theirs was seen.
    pub fn takes_out(&self, draft: OutboxDraft<'_>) -> bool {
        self.streams().contains(&draft.stream)
            || pass_of(draft.kind, draft.payload).is_some_and(|pass| self.passes.contains(&pass))
    }
}

/// What blanking places of the streams of others changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blanking {
    /// By how much the sums of streams fall.
    pub sums: BTreeMap<StreamKey, u64>,
    /// Which passes the readers of which stream have to forget.
    pub forget: BTreeSet<(StreamKey, PassTag)>,
}

impl Blanking {
    /// Of ops at places of the streams of others, each with whether it is live there.
    pub fn of<'a>(places: impl IntoIterator<Item = (StreamKey, &'a AdmittedOp, bool)>) -> Self {
        let mut blanking = Self::default();
        for (stream, admitted, live) in places {
            if live {
                let sum = blanking.sums.entry(stream).or_default();
                *sum = sum.wrapping_add(op_sum(admitted));
            }
            if let Some(pass) = pass_of(admitted.op.kind, &admitted.op.payload) {
                blanking.forget.insert((stream, pass));
            }
        }
        blanking
    }

    /// The ops that say so, for the outbox: their streams, kinds and payloads.
    pub fn notices(&self) -> Vec<(StreamKey, u32, Vec<u8>)> {
        let notice = |(stream, pass): &(StreamKey, PassTag)| {
            let payload = Payload::PassErased(*pass);
            (*stream, payload.kind() as u32, payload.encode())
        };
        self.forget.iter().map(notice).collect()
    }
}

/// The pass that a sighting names.
pub fn pass_of(kind: u32, payload: &[u8]) -> Option<PassTag> {
    if kind != OpKind::PassSeen as u32 {
        return None;
    }
    match Payload::parse(kind, payload) {
        Ok(Some(Payload::PassSeen(seen))) => Some(seen.pass),
        _ => None,
    }
}

/// Whom an op names, of whom nothing may be kept once they are erased.
pub(crate) fn named_by(
    admitted: &AdmittedOp,
    streams: &[StreamTarget],
) -> impl Iterator<Item = Tombstone> {
    let subject = admitted.admission.subject.map(Tombstone::from);
    let pass = pass_of(admitted.op.kind, &admitted.op.payload).map(Tombstone::from);
    let readers = streams.iter().filter_map(|target| match target.key {
        StreamKey::Participant(participant) => Some(participant.into()),
        StreamKey::Device(device) => Some(device.into()),
        _ => None,
    });
    subject.into_iter().chain(pass).chain(readers)
}

/// Whether an op names someone who is erased.
pub(crate) fn is_of_the_erased(
    admitted: &AdmittedOp,
    streams: &[StreamTarget],
    erased: &BTreeSet<Tombstone>,
) -> bool {
    !erased.is_empty() && named_by(admitted, streams).any(|id| erased.contains(&id))
}

/// Whom a projection names.
pub(crate) fn named_by_projection(projection: &Projection) -> BTreeSet<Tombstone> {
    let dirty = projection.dirty.iter().copied();
    let contributions = projection.contributions.iter().map(|row| row.participant);
    let attendances = projection.attendances.iter().map(|row| row.participant);
    let named = dirty.chain(contributions).chain(attendances);
    named.map(Tombstone::from).collect()
}

/// A projection without the rows of those who were erased while it was made.
pub(crate) fn without_the_erased<'a>(
    projection: &'a Projection,
    erased: &BTreeSet<Tombstone>,
) -> Cow<'a, Projection> {
    let named = named_by_projection(projection);
    if named.is_disjoint(erased) {
        return Cow::Borrowed(projection);
    }
    let mut projection = projection.clone();
    let stays = |participant: ParticipantId| !erased.contains(&participant.into());
    projection.dirty.retain(|participant| stays(*participant));
    projection
        .contributions
        .retain(|row| stays(row.participant));
    projection.attendances.retain(|row| stays(row.participant));
    Cow::Owned(projection)
}

/// Erases people.
#[async_trait]
pub trait ErasureStore: Send + Sync {
    /// Erases a participant, all or nothing, durable on return; someone unknown too, so that nothing
    /// that comes later brings them back. Returns what was erased, now and by calls before this one;
    /// `audit` is noted the first time.
    async fn erase(
        &self,
        tenant: TenantId,
        participant: ParticipantId,
        audit: &Audit,
    ) -> Result<Erased, StoreError>;

    /// What all who are erased leave in totals.
    async fn read_frozen(&self, tenant: TenantId) -> Result<Frozen, StoreError>;

    /// Those of the ids that are erased.
    async fn lookup_erased(
        &self,
        tenant: TenantId,
        ids: &[Tombstone],
    ) -> Result<BTreeSet<Tombstone>, StoreError>;
}
