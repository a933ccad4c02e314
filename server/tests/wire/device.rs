//! A device as the protocol sees it: a key, a log, cursors. No SDK: the tests say every byte.

use askel_proto::v1::{self, sync_response::Part, sync_service_client::SyncServiceClient};
use askel_server::{
    clock::Clock as _,
    entropy::{SystemEntropy, draw},
};
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, LogId, ParticipantId, PassTag, StreamId, TenantId},
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
    },
    log::Batch,
    op::{Op, OpKind, Origin, Payload},
    short::ShortPage,
    time::{ClockSegment, Timestamp},
};
use prost::Message as _;
use tonic::{Request, Status};

use crate::{
    acts,
    world::{NOON, World},
};

/// An enrolled device.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) key: KeyPair,
    pub(crate) tenant: TenantId,
    pub(crate) id: DeviceId,
    pub(crate) participant: Option<ParticipantId>,
    pub(crate) pass: Option<PassTag>,
    pub(crate) log: LogId,
    pub(crate) next: u64,
    /// When its credentials say they were made.
    pub(crate) now: Timestamp,
    pub(crate) audience: String,
    /// Whether it reads pages in columns.
    pub(crate) has_codec: bool,
}

/// An answer to Sync, taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    pub(crate) opening: v1::SyncOpening,
    /// Messages in all.
    pub(crate) parts: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
    pub(crate) outcomes: Vec<v1::LogOutcome>,
    pub(crate) frames: Vec<v1::FrameOutcome>,
    pub(crate) pages: Vec<v1::Page>,
    pub(crate) short_pages: Vec<ShortPage>,
    pub(crate) gone: Vec<v1::StreamGone>,
    pub(crate) closing: v1::SyncClosing,
}

impl Answer {
    /// The ops of a kind, over all pages.
    pub(crate) fn ops_of(&self, kind: OpKind) -> Vec<AdmittedOp> {
        let ops = self.pages.iter().flat_map(|page| &page.ops);
        ops.filter(|op| op.kind == kind as u32)
            .map(|op| AdmittedOp::from_proto(op.clone()).expect("an admitted op"))
            .collect()
    }

    /// The only log's outcome.
    pub(crate) fn outcome(&self) -> &v1::LogOutcome {
        assert_eq!(self.outcomes.len(), 1, "{self:?}");
        &self.outcomes[0]
    }

    /// The only exception's rejection.
    pub(crate) fn rejection(&self) -> &v1::Rejected {
        match self.outcome().exceptions.as_slice() {
            [
                v1::OutcomeException {
                    outcome: Some(v1::outcome_exception::Outcome::Rejected(rejected)),
                    ..
                },
            ] => rejected,
            other => panic!("not one rejection: {other:?}"),
        }
    }

    pub(crate) fn stream(&self, selector: &v1::StreamSelector) -> &v1::StreamInfo {
        let found = self
            .opening
            .streams
            .iter()
            .find(|info| info.selector.as_ref() == Some(selector));
        found.expect("told in the opening")
    }
}

impl Device {
    pub(crate) fn new(world: &World, key: KeyPair, enrolled: &v1::EnrolResponse) -> Self {
        let pass = enrolled.pass.as_ref().map(|signed| {
            let pass = v1::Pass::decode(&*signed.pass).expect("a pass");
            PassTag::try_from(&*pass.tag).expect("a tag")
        });
        Self {
            key,
            tenant: world.tenant.id,
            id: DeviceId::try_from(&*enrolled.device_id).expect("an id"),
            participant: ParticipantId::try_from(&*enrolled.participant_id).ok(),
            pass,
            log: LogId::from_bytes(draw(&SystemEntropy).expect("randomness")),
            next: 0,
            now: NOON,
            audience: enrolled.audience.clone(),
            has_codec: false,
        }
    }

    /// A call with a credential of this device, now.
    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        let credential = CallCredential {
            tenant: self.tenant,
            device: self.id,
            issued_at: self.now,
        };
        let mut request = Request::new(message);
        let text = credential
            .sign(&self.key, &self.audience)
            .parse()
            .expect("ASCII");
        request.metadata_mut().insert(METADATA_KEY, text);
        if !self.has_codec {
            let rows = "rows".parse().expect("ASCII");
            request.metadata_mut().insert("askel-pages", rows);
        }
        request
    }

    /// Writes ops into the log, without sending.
    pub(crate) fn write(&mut self, payloads: &[Payload]) -> Batch {
        let first_sequence = self.next;
        let ops = (first_sequence..).zip(payloads).map(|(sequence, payload)| {
            Op::new(
                Origin {
                    log: self.log,
                    sequence,
                },
                payload,
            )
        });
        let batch = Batch {
            log: self.log,
            first_sequence,
            device: self.id,
            clock_segment: ClockSegment::default(),
            later_segments: Vec::new(),
            ops: ops.collect(),
        };
        self.next += u64::try_from(payloads.len()).expect("few");
        batch
    }

    pub(crate) fn seal(&self, batch: &Batch) -> v1::SealedBatch {
        batch.seal(self.tenant, &self.key)
    }

    /// A request with these batches and cursors from the beginning.
    pub(crate) fn request(&self, batches: Vec<v1::SealedBatch>) -> v1::SyncRequest {
        let own = if self.participant.is_some() {
            vec![acts::own_stream()]
        } else {
            Vec::new()
        };
        let selectors = own
            .into_iter()
            .chain([acts::device_stream(), acts::catalog_stream()]);
        v1::SyncRequest {
            versions: Some(v1::VersionRange {
                lowest: 1,
                highest: 1,
            }),
            batches,
            cursors: selectors.map(from_beginning).collect(),
            ..v1::SyncRequest::default()
        }
    }

    pub(crate) async fn send(
        &self,
        world: &World,
        request: v1::SyncRequest,
    ) -> Result<Answer, Status> {
        let mut client = SyncServiceClient::new(world.channel.clone());
        let mut parts = client.sync(self.call(request)).await?.into_inner();
        let mut answer = Answer::default();
        while let Some(message) = parts.message().await? {
            answer.parts += 1;
            answer.bytes += message.encoded_len();
            match message.part.expect("a part") {
                Part::Opening(opening) => answer.opening = opening,
                Part::Outcomes(outcomes) => {
                    answer.outcomes = outcomes.logs;
                    answer.frames = outcomes.frames;
                }
                Part::Page(page) => answer.pages.push(page),
                Part::ShortPage(page) => {
                    let page = ShortPage::from_bytes(&page).expect("a short page");
                    answer.short_pages.push(page);
                }
                Part::StreamGone(gone) => answer.gone.push(gone),
                Part::Closing(closing) => answer.closing = closing,
            }
        }
        Ok(answer)
    }

    /// Reads everything again.
    pub(crate) async fn sync(&mut self, world: &World) -> Answer {
        self.now = world.clock.now();
        self.send(world, self.request(Vec::new()))
            .await
            .expect("synced")
    }

    /// Writes, sends and reads.
    pub(crate) async fn hand_in(&mut self, world: &World, payloads: &[Payload]) -> Answer {
        let batch = self.write(payloads);
        self.now = world.clock.now();
        let request = self.request(vec![self.seal(&batch)]);
        self.send(world, request).await.expect("synced")
    }

    pub(crate) async fn check_in(&mut self, world: &World, place: u32) -> Answer {
        let now = world.clock.now();
        self.hand_in(world, &[acts::check_in(place, now)]).await
    }

    /// How many awards the server has confirmed.
    pub(crate) async fn awards(&mut self, world: &World) -> usize {
        self.sync(world).await.ops_of(OpKind::AwardConfirmed).len()
    }
}

/// A cursor that has read nothing yet.
pub(crate) fn from_beginning(selector: v1::StreamSelector) -> v1::Cursor {
    v1::Cursor {
        selector: Some(selector),
        stream_id: Vec::new(),
        position: 0,
    }
}

/// A cursor at a place of a stream.
pub(crate) fn at(selector: v1::StreamSelector, stream: StreamId, position: u64) -> v1::Cursor {
    v1::Cursor {
        selector: Some(selector),
        stream_id: stream.to_vec(),
        position,
    }
}
