//! A phone whose server, or whoever stands between, answers as it likes: nothing the person did is
//! lost without a word, and what the phone shows is what it would show after a restart.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_client_sdk::{Advice, Client, OpId, Refusal, TransportError};
use askel_proto::v1::{self, log_conflict::Cause, outcome_exception::Outcome, sync_response::Part};
use askel_sync::op::Measure;
use prost::Message as _;

use crate::{
    Target,
    findings::Watch,
    input::Input,
    installation::{BUDGET, Installation, Phone, installation},
    targets::page::golden_ops,
    tenant::alone,
    wire::{Answering, Parts, Wire},
    world::golden,
};

pub(crate) const PHONE: Target = Target {
    name: "phone",
    run,
    seeds,
};

/// Syncs of one run.
const ROUNDS: usize = 3;
/// Parts of one answer.
const PARTS_MAX: u8 = 12;
/// Reasons of refusals that the phone knows by name, and one that it does not.
const REASONS: &[&str] = &[
    "CREDENTIAL_STALE",
    "NOT_ENROLLED",
    "VERSION_UNKNOWN",
    "TOO_MANY_REQUESTS",
    "OP_NOT_ALLOWED",
    "X",
];

fn run(bytes: &[u8]) {
    let watch = Watch::start();
    alone(days(installation(), bytes));
    watch.end();
}

async fn days(installation: &Installation, bytes: &[u8]) {
    let liar = Liar {
        bytes: bytes.to_vec(),
        at: Mutex::new(0),
        streams: installation.streams.clone(),
    };
    let wire: Arc<Wire> = Arc::new(Wire::Hostile(Box::new(liar)));
    let opened = installation.open(installation.rows(), Arc::clone(&wire) as _);
    let phone = opened.expect("nothing is wrong with the rows");
    let mut written = Vec::new();
    for _ in 0..ROUNDS {
        phone.clock.forward(30);
        written.extend(phone.live());
        // It may fail; it must not forget.
        let _ = phone.client.sync(BUDGET).await;
        nothing_is_forgotten(&phone.client, &written);
        a_restart_changes_nothing(installation, &phone, &wire);
    }
}

/// Whatever was written is still known, whatever became of it.
fn nothing_is_forgotten(client: &Client, written: &[OpId]) {
    let known: Vec<OpId> = client.seen_ops().iter().map(|seen| seen.id).collect();
    for op in written {
        assert!(known.contains(op), "{op:?} is gone");
    }
}

fn a_restart_changes_nothing(installation: &Installation, phone: &Phone, wire: &Arc<Wire>) {
    let again = installation
        .open(phone.storage.rows(), Arc::clone(wire) as _)
        .expect("the database opens again");
    let shows = |client: &Client| {
        (
            client.attendances(),
            client.day_steps(Measure::Steps),
            client.status().pending,
            client.seen_ops(),
            client.catalog_version(),
        )
    };
    assert_eq!(shows(&again.client), shows(&phone.client));
}

/// Answers by the input.
struct Liar {
    bytes: Vec<u8>,
    at: Mutex<usize>,
    streams: Vec<v1::StreamInfo>,
}

impl Liar {
    /// Reads on from where the answer before ended.
    fn read<T>(&self, read: impl FnOnce(&mut Input<'_>) -> T) -> T {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut input = Input::new(self.bytes.get(*at..).unwrap_or_default());
        let result = read(&mut input);
        *at = self.bytes.len().saturating_sub(input.rest().len());
        result
    }
}

impl Answering for Liar {
    fn sync(&self, request: v1::SyncRequest) -> Parts {
        self.read(|input| {
            let count = input.u8() % PARTS_MAX;
            (0..count).map(|_| self.part(&request, input)).collect()
        })
    }

    fn chunk(&self) -> Option<v1::CatalogChunk> {
        self.read(|input| {
            let content = golden("catalog.bin");
            match input.u8() % 3 {
                0 => None,
                1 => v1::CatalogChunk::decode(input.piece()).ok(),
                _ => Some(v1::CatalogChunk {
                    offset: input.number(),
                    size_bytes: u64::try_from(content.len()).unwrap_or(0),
                    data: content,
                }),
            }
        })
    }
}

impl Liar {
    fn part(
        &self,
        request: &v1::SyncRequest,
        input: &mut Input<'_>,
    ) -> Result<v1::SyncResponse, TransportError> {
        let part = match input.u8() % 9 {
            0 => {
                let raw = v1::SyncResponse::decode(input.piece());
                return Ok(raw.unwrap_or_default());
            }
            1 | 2 => Part::Page(self.page(input)),
            8 => Part::ShortPage(input.piece().to_vec()),
            3 => Part::Outcomes(outcomes(request, input)),
            4 => Part::Closing(v1::SyncClosing {
                more: input.u8().is_multiple_of(4),
                retry_after_ms: input.number(),
                long_form_wanted: input.u8().is_multiple_of(4),
            }),
            5 => Part::Opening(self.opening(input)),
            6 => Part::StreamGone(v1::StreamGone {
                selector: self.stream(input).selector,
                stream_id: self.stream(input).stream_id,
            }),
            _ => return Err(refusal(input)),
        };
        Ok(v1::SyncResponse { part: Some(part) })
    }

    fn stream(&self, input: &mut Input<'_>) -> v1::StreamInfo {
        input.choice(&self.streams).cloned().unwrap_or_default()
    }

    fn page(&self, input: &mut Input<'_>) -> v1::Page {
        let stream = self.stream(input);
        let shape = input.u8();
        let first_position = match shape % 4 {
            0 => input.number(),
            _ => stream.head.saturating_add(1),
        };
        let golden = golden_ops();
        let count = input.u8() % 8;
        let ops: Vec<v1::AdmittedOp> = (0..count)
            .map(|_| match input.choice(&golden) {
                Some(admitted) if input.u8() > 31 => admitted.to_proto(),
                _ => v1::AdmittedOp::decode(input.piece()).unwrap_or_default(),
            })
            .collect();
        let is_columns = shape & 0x10 != 0;
        v1::Page {
            stream_id: if shape & 0x20 == 0 {
                stream.stream_id
            } else {
                Vec::new()
            },
            stream_index: (shape >> 6).into(),
            reader_context: 0,
            goes_on: shape & 0x02 != 0,
            first_position,
            next_position: match shape & 0x0C {
                0 => input.number(),
                _ => first_position.saturating_add(count.into()),
            },
            ops,
            encoding: is_columns.into(),
            columns: if is_columns {
                input.piece().to_vec()
            } else {
                Vec::new()
            },
            sum: input.number(),
            mac: input.bytes(8).to_vec(),
            snapshot: shape & 1 == 0,
            context_ops: input.u8().into(),
        }
    }

    fn opening(&self, input: &mut Input<'_>) -> v1::SyncOpening {
        let mut limit = || u32::try_from(input.number()).unwrap_or(u32::MAX);
        let limits = v1::Limits {
            revision: limit(),
            ops_per_batch_max: limit(),
            batches_per_sync_max: limit(),
            payload_bytes_max: limit(),
            request_bytes_max: limit(),
            cursors_max: limit(),
            ..v1::Limits::default()
        };
        let mut info = self.stream(input);
        match input.u8() % 4 {
            0 => {
                info.parent_stream_id = std::mem::replace(&mut info.stream_id, vec![7; 16]);
                info.parent_head = input.number();
                info.healed_to = input.number();
            }
            1 => info.head = input.number(),
            2 => info.stream_id = input.piece().to_vec(),
            _ => {}
        }
        v1::SyncOpening {
            version: 1,
            server_time_ms: i64::from_be_bytes(input.array()),
            limits: (input.u8().is_multiple_of(2)).then_some(limits),
            streams: vec![info],
            staff_certificate: None,
        }
    }
}

/// Of a log that the request names, or of none.
fn outcomes(request: &v1::SyncRequest, input: &mut Input<'_>) -> v1::Outcomes {
    let heads = request.log_heads.iter().map(|head| head.log_id.clone());
    let batches = request.batches.iter();
    let batches = batches.filter_map(|sealed| v1::Batch::decode(&*sealed.batch).ok());
    let logs: Vec<Vec<u8>> = heads.chain(batches.map(|batch| batch.log_id)).collect();
    let exceptions = input.u8() % 4;
    let log = v1::LogOutcome {
        log_id: input.choice(&logs).cloned().unwrap_or_default(),
        settled_before: input.number(),
        exceptions: (0..exceptions).map(|_| exception(input)).collect(),
        conflict: (input.u8().is_multiple_of(4)).then(|| v1::LogConflict {
            cause: (*input
                .choice(&[Cause::SequenceTaken, Cause::HeadAhead, Cause::NotTheWriter])
                .unwrap_or(&Cause::Unspecified))
            .into(),
            server_next_sequence: input.number(),
        }),
        plain_wanted: input.u8().is_multiple_of(4),
        last_op_id_prefix: Vec::new(),
    };
    v1::Outcomes {
        logs: vec![log],
        frames: vec![v1::FrameOutcome {
            index: input.u8().into(),
            result: input.u8().into(),
        }],
    }
}

fn exception(input: &mut Input<'_>) -> v1::OutcomeException {
    let sequence = input.number();
    let reason = input.choice(REASONS).copied().unwrap_or_default();
    let reason = reason.to_owned();
    let outcome = match input.u8() % 2 {
        0 => Outcome::Rejected(v1::Rejected {
            reason,
            text: String::from_utf8_lossy(input.piece()).into_owned(),
            undo: input.u8().into(),
        }),
        _ => Outcome::Deferred(v1::Deferred {
            until_ms: i64::from_be_bytes(input.array()),
            reason,
        }),
    };
    v1::OutcomeException {
        sequence,
        outcome: Some(outcome),
    }
}

fn refusal(input: &mut Input<'_>) -> TransportError {
    let Some(reason) = input.choice(REASONS) else {
        return TransportError::Unreachable;
    };
    TransportError::Refused(Refusal {
        advice: match input.u8() % 3 {
            0 => Advice::RetryLater,
            1 => Advice::EnrolAgain,
            _ => Advice::UpdateApp,
        },
        reason: (*reason).to_owned(),
        text: String::new(),
        retry_after: Some(Duration::from_millis(input.number())),
        server_time_ms: Some(i64::from_be_bytes(input.array())),
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let mut responses = &*golden("sync-response.bin");
    let mut raw = vec![5];
    while let Ok(part) = v1::SyncResponse::decode_length_delimited(&mut responses) {
        let bytes = part.encode_to_vec();
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        raw.push(0);
        raw.extend(length.to_be_bytes());
        raw.extend(bytes);
    }
    // A page of four ops, an outcome that settles everything, a closing.
    let page = [1, 0, 5, 4, 1, 99, 4, 99, 6, 99, 12, 99, 0];
    let outcome = [3, 0, 0, 200, 1, 1, 0, 0];
    let round = [&[3][..], &page, &[0; 9], &outcome, &[4, 1, 0, 1]].concat();
    vec![raw, round.repeat(3), vec![2, 6, 0, 0, 4, 0, 0, 0]]
}
