//! A session of hostile messages: whoever holds the keys of an organiser, a participant and a
//! volunteer says what they like, and everybody else is served as before.

use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, reading_service_client::ReadingServiceClient,
    sync_response::Part, sync_service_client::SyncServiceClient,
};
use askel_server::clock::Clock as _;
use askel_sync::{
    id::{LogId, OpId, PlaceId, SlotId},
    key::Purpose,
    log::Batch,
    op::{CheckIn, Manner, Op, Origin, Payload, SessionRef, Witness},
    time::{ClockSegment, HOUR_MS, Timestamp},
};
use prost::Message as _;

use crate::{
    Target,
    findings::Watch,
    input::Input,
    targets::page::golden_ops,
    tenant::{Device, Running, Tenant, alone, tenant},
    world::{NOON, TENANT, golden},
};

pub(crate) const SERVER: Target = Target {
    name: "server",
    run,
    seeds,
};

/// Steps of one session.
const STEPS_MAX: u32 = 24;
/// Ops that one step hands in.
const OPS_MAX: u8 = 24;
/// The parts of an answer that are read.
const PARTS_MAX: usize = 64;

fn run(bytes: &[u8]) {
    let watch = Watch::start();
    alone(session(tenant(), Input::new(bytes)));
    watch.end();
}

async fn session(tenant: &Tenant, mut input: Input<'_>) {
    let mut hostile = Hostile {
        running: tenant.start().await,
        tenant,
        op_ids: Vec::new(),
    };
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        hostile.step(&mut input).await;
    }
    is_as_before(&hostile.running, &tenant.honest).await;
}

struct Hostile<'a> {
    running: Running,
    tenant: &'a Tenant,
    /// Of what was written so far, to cite.
    op_ids: Vec<OpId>,
}

impl Hostile<'_> {
    async fn step(&mut self, input: &mut Input<'_>) {
        let tenant = self.tenant;
        let Some(device) = input.choice(&tenant.hostile) else {
            return;
        };
        match input.u8() % 8 {
            0 => self.raw_call(device, input).await,
            1 => {
                let batch = input.piece();
                let sealed = v1::SealedBatch {
                    batch: batch.to_vec(),
                    signature: device.key.sign(Purpose::Batch, TENANT, batch),
                    ..v1::SealedBatch::default()
                };
                self.hand_in(device, vec![sealed]).await;
            }
            2 => {
                if let Ok(request) = v1::SyncRequest::decode(input.piece()) {
                    self.sync(device, request).await;
                }
            }
            3 => {
                let hours = i64::from(input.u8()).saturating_mul(HOUR_MS);
                let now = self.running.clock.now().saturating_add_ms(hours);
                self.running.clock.set(Some(now));
            }
            _ => {
                let batch = self.batch(device, input);
                let sealed = batch.seal(TENANT, &device.key);
                let again = usize::from(input.u8() % 3);
                self.hand_in(device, vec![sealed; again.saturating_add(1)])
                    .await;
            }
        }
    }

    /// Ops of the input's choice in a log of its choice, sealed as they should be.
    fn batch(&mut self, device: &Device, input: &mut Input<'_>) -> Batch {
        let log = |input: &mut Input<'_>| LogId::from_bytes([input.u8() % 4; 16]);
        let (carrier, first_sequence) = (log(input), input.number());
        let count = input.u8() % OPS_MAX;
        let mut ops = Vec::new();
        for index in 0..=u64::from(count) {
            let sequence = first_sequence.saturating_add(index);
            let origin = match input.u8() % 4 {
                0 => Origin {
                    log: log(input),
                    sequence: input.number(),
                },
                _ => Origin {
                    log: carrier,
                    sequence,
                },
            };
            ops.push(self.op(origin, input));
        }
        self.op_ids.extend(ops.iter().map(Op::id));
        Batch {
            log: carrier,
            first_sequence,
            device: device.id,
            clock_segment: ClockSegment {
                boot_id: input.u8().into(),
                wall_minus_monotonic_ms: i64::from_be_bytes(input.array()),
            },
            later_segments: Vec::new(),
            ops,
        }
    }

    /// A golden op with a few of its bytes changed, or any payload of any kind.
    fn op(&self, origin: Origin, input: &mut Input<'_>) -> Op {
        let golden = golden_ops();
        let (kind, mut payload) = match input.choice(&golden) {
            Some(admitted) if input.u8() > 15 => (admitted.op.kind, admitted.op.payload.to_vec()),
            _ => (input.u16().into(), input.piece().to_vec()),
        };
        match input.u8() % 4 {
            0 => {
                let at = usize::from(input.u8()).checked_rem(payload.len());
                let byte = input.u8();
                if let Some(changed) = at.and_then(|at| payload.get_mut(at)) {
                    *changed = byte;
                }
            }
            // Most kinds that cite an op begin with its id.
            1 => {
                if let Some(id) = input.choice(&self.op_ids)
                    && let Some(cited) = payload.get_mut(2..18)
                {
                    cited.copy_from_slice(id.as_bytes());
                }
            }
            _ => {}
        }
        Op {
            kind,
            payload: payload.into(),
            origin,
        }
    }

    async fn hand_in(&self, device: &Device, batches: Vec<v1::SealedBatch>) {
        let request = v1::SyncRequest {
            batches,
            cursors: cursors(),
            ..v1::SyncRequest::default()
        };
        self.sync(device, request).await;
    }

    async fn sync(&self, device: &Device, request: v1::SyncRequest) {
        let request = device.call(self.running.clock.now(), request);
        let mut client = SyncServiceClient::new(self.running.calls());
        let Ok(answer) = client.sync(request).await else {
            return;
        };
        let mut parts = answer.into_inner();
        for _ in 0..PARTS_MAX {
            let Ok(Some(_)) = parts.message().await else {
                break;
            };
        }
    }

    /// Any message to a call of its choice.
    async fn raw_call(&self, device: &Device, input: &mut Input<'_>) {
        let (method, bytes) = (input.u8(), input.piece());
        let now = self.running.clock.now();
        let calls = || self.running.calls();
        /// Decodes, calls, and lets the answer be.
        macro_rules! call {
            ($client:ident, $method:ident) => {
                if let Ok(message) = prost::Message::decode(bytes) {
                    let mut client = $client::new(calls());
                    let _ = client.$method(device.call(now, message)).await;
                }
            };
        }
        match method % 14 {
            0 => call!(EnrolmentServiceClient, enrol),
            1 => call!(EnrolmentServiceClient, come_back),
            2 => call!(EnrolmentServiceClient, create_recovery_sheet),
            3 => call!(EnrolmentServiceClient, approve_device),
            4 => call!(EnrolmentServiceClient, list_own_devices),
            5 => call!(EnrolmentServiceClient, revoke_own_device),
            6 => call!(EnrolmentServiceClient, refuse_device),
            7 => call!(CatalogServiceClient, publish_catalog),
            8 => call!(CatalogServiceClient, get_catalog_chunk),
            9 => call!(CatalogServiceClient, list_catalog_versions),
            10 => call!(ReadingServiceClient, get_challenge),
            11 => call!(ReadingServiceClient, get_encounter_summary),
            12 => call!(AdminServiceClient, create_invitation),
            _ => call!(AdminServiceClient, list_invitations),
        }
    }
}

fn cursors() -> Vec<v1::Cursor> {
    use v1::stream_selector::Stream;
    let streams = [
        Stream::Participant(v1::ParticipantStream {}),
        Stream::Device(v1::DeviceStream {}),
        Stream::Catalog(v1::CatalogStream {}),
    ];
    let cursor = |stream| v1::Cursor {
        selector: Some(v1::StreamSelector {
            stream: Some(stream),
        }),
        ..v1::Cursor::default()
    };
    streams.map(cursor).to_vec()
}

/// An honest phone's check-in is accepted and comes back, and the store adds up.
async fn is_as_before(running: &Running, honest: &Device) {
    let now = running.clock.now();
    let op = check_in(now);
    let batch = Batch {
        log: op.origin.log,
        first_sequence: op.origin.sequence,
        device: honest.id,
        clock_segment: ClockSegment::default(),
        later_segments: Vec::new(),
        ops: vec![op],
    };
    let request = v1::SyncRequest {
        batches: vec![batch.seal(TENANT, &honest.key)],
        cursors: cursors(),
        ..v1::SyncRequest::default()
    };
    let mut client = SyncServiceClient::new(running.calls());
    let answer = client.sync(honest.call(now, request)).await;
    let mut parts = answer.expect("the honest are served").into_inner();
    let (mut settled, mut seen) = (0, false);
    while let Some(message) = parts.message().await.expect("to the end") {
        match message.part {
            Some(Part::Outcomes(outcomes)) => {
                let log = outcomes.logs.first().expect("of the log");
                assert!(log.exceptions.is_empty(), "{log:?}");
                settled = log.settled_before;
            }
            Some(Part::Page(page)) => seen |= !page.ops.is_empty() || !page.columns.is_empty(),
            _ => {}
        }
    }
    assert_eq!((settled, seen), (1, true));
    let verified = askel_server::verify(&*running.store, TENANT).await;
    verified.expect("the store adds up");
}

fn check_in(now: Timestamp) -> Op {
    let origin = Origin {
        log: LogId::from_bytes(*b"an honest writer"),
        sequence: 0,
    };
    let check_in = CheckIn {
        place: PlaceId::new(1),
        occurred_at: now,
        session: SessionRef::Slot(SlotId::new(1)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness: Witness::SelfReport,
    };
    Op::new(origin, &Payload::CheckIn(check_in))
}

/// A step: the device, what it does, and the rest.
fn step(device: u8, does: u8, rest: &[u8]) -> Vec<u8> {
    [&[device, does], rest].concat()
}

fn piece(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let request = piece(&golden("sync-request.bin"));
    let golden_batch = v1::SealedBatch::decode(&*golden("sealed-batch.bin"));
    let batch = piece(&golden_batch.expect("golden").batch);
    // Each golden op by each device, in order, in one log a device.
    let ops: Vec<u8> = (0..24).flat_map(|op| [1, op, 99, 3]).collect();
    let of_all = |device| step(device, 7, &[&[device, 0, 23], &*ops, &[0; 10]].concat());
    let enrolment = v1::EnrolRequest {
        tenant_id: TENANT.to_vec(),
        invitation_code: tenant().code.clone(),
        ..v1::EnrolRequest::default()
    };
    let enrol = [&[0][..], &piece(&enrolment.encode_to_vec())].concat();
    vec![
        step(1, 2, &request),
        step(1, 1, &batch),
        [of_all(0), of_all(1), of_all(2)].concat(),
        [of_all(1), of_all(1), step(0, 3, &[200]), of_all(1)].concat(),
        step(1, 0, &enrol),
        NOON.as_ms().to_be_bytes().to_vec(),
    ]
}
