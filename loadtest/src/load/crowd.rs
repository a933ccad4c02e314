//! Devices without the SDK, which would cost the generator more than the server: a key, a log, and
//! calls signed before anything is timed.

use askel_proto::v1;
use askel_server::entropy::{SystemEntropy, draw};
use askel_sync::{
    admission::Role,
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PlaceId, SlotId, TenantId},
    key::{KeyPair, credential::CallCredential},
    log::Batch,
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Tally, Witness},
    stream::{StreamKey, short::standard_streams},
    time::{ClockSegment, DAY_MS, HOUR_MS, Timestamp},
};

use super::content::{PLACES, TOGETHER};

/// Days over which one person's visits are spread before the next place comes: each is a session of its
/// own, so that the server's figures count every one.
const DAYS: u64 = 350;

/// An enrolled device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) tenant: TenantId,
    pub(crate) id: DeviceId,
    pub(crate) key: KeyPair,
    pub(crate) role: Role,
    pub(crate) participant: Option<ParticipantId>,
    pub(crate) log: LogId,
    pub(crate) next: u64,
    pub(crate) last_op: Option<OpId>,
    audience: String,
}

/// A Sync that is ready to go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// The text of the metadata that says who calls.
    pub(crate) credential: String,
    pub(crate) message: v1::SyncRequest,
    pub(crate) ops: u64,
    /// Where the log stands once it is taken in.
    pub(crate) settles: u64,
    /// What is fetched after it.
    pub(crate) fetch: Option<Fetch>,
}

/// A catalog to be fetched, chunk by chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) hash: Vec<u8>,
    pub(crate) bytes: u64,
}

impl Device {
    /// Of what its enrolment was answered.
    pub(crate) fn enrolled(
        tenant: TenantId,
        key: KeyPair,
        enrolled: &v1::EnrolResponse,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            tenant,
            id: DeviceId::try_from(&*enrolled.device_id)?,
            key,
            role: enrolled.role(),
            participant: ParticipantId::try_from(&*enrolled.participant_id).ok(),
            log: LogId::from_bytes(draw(&SystemEntropy)?),
            next: 0,
            last_op: None,
            audience: enrolled.audience.clone(),
        })
    }

    /// The streams that it follows.
    pub(crate) fn streams(&self) -> Vec<v1::StreamSelector> {
        let challenges = [GoalId::new(TOGETHER)];
        let streams = standard_streams(self.id, self.participant, challenges);
        streams.into_iter().map(StreamKey::selector).collect()
    }

    /// Who calls, good for ten minutes.
    pub(crate) fn credential(&self, now: Timestamp) -> String {
        let credential = CallCredential {
            tenant: self.tenant,
            device: self.id,
            issued_at: now,
        };
        credential.sign(&self.key, &self.audience)
    }

    /// Writes facts into the log and seals them as one batch.
    pub(crate) fn write(&mut self, facts: &[Payload]) -> v1::SealedBatch {
        let first_sequence = self.next;
        let ops = (first_sequence..).zip(facts).map(|(sequence, fact)| {
            let origin = Origin {
                log: self.log,
                sequence,
            };
            Op::new(origin, fact)
        });
        let batch = Batch {
            log: self.log,
            first_sequence,
            device: self.id,
            clock_segment: ClockSegment::default(),
            later_segments: Vec::new(),
            ops: ops.collect(),
        };
        self.next = first_sequence.saturating_add(count(facts.len()));
        self.last_op = batch.ops.last().map(Op::id).or(self.last_op);
        batch.seal(self.tenant, &self.key)
    }

    /// A call that hands in so many visits and reads nothing.
    pub(crate) fn visits(&mut self, ops: u64, now: Timestamp) -> Call {
        let facts: Vec<Payload> = (self.next..self.next.saturating_add(ops))
            .map(|nth| visit(nth, now))
            .collect();
        let message = v1::SyncRequest {
            versions: Some(v1::VersionRange {
                lowest: 1,
                highest: 1,
            }),
            batches: vec![self.write(&facts)],
            client_clock: Some(v1::ClientClock {
                wall_ms: now.as_ms(),
                segment: Some(ClockSegment::default().into()),
            }),
            ..v1::SyncRequest::default()
        };
        Call {
            credential: self.credential(now),
            message,
            ops,
            settles: self.next,
            fetch: None,
        }
    }
}

/// A person's nth visit: each on another day, then at the next place.
pub(crate) fn visit(nth: u64, now: Timestamp) -> Payload {
    let (round, day) = (nth.checked_div(DAYS), nth.checked_rem(DAYS));
    let place = round.unwrap_or(0).rem_euclid(u64::from(PLACES));
    let place = u32::try_from(place).unwrap_or(0).saturating_add(1);
    let days = i64::try_from(day.unwrap_or(0)).unwrap_or(0);
    let ago_ms = days.saturating_mul(DAY_MS).saturating_add(HOUR_MS);
    check_in(
        place,
        now.saturating_add_ms(ago_ms.saturating_neg()),
        Witness::VenueCode,
    )
}

/// A check-in outside opening hours, which these places have none of.
pub(crate) fn check_in(place: u32, at: Timestamp, witness: Witness) -> Payload {
    Payload::CheckIn(CheckIn {
        place: PlaceId::new(place),
        occurred_at: at,
        session: SessionRef::Slot(SlotId::new(0)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness,
    })
}

/// Somebody without a name.
pub(crate) fn tally(place: u32, at: Timestamp) -> Payload {
    Payload::Tally(Tally {
        place: PlaceId::new(place),
        occurred_at: at,
        session: SessionRef::Slot(SlotId::new(0)),
        manner: Manner::OnSite,
        delta: 1,
    })
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
