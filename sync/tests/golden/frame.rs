//! The frames: how this version makes each, and how it is read.

use std::path::Path;

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    catalog,
    frame::{ENCODING, LogRef, encode_batch, encode_ops},
    id::{PassTag, PlaceId},
    invitation::{Link, LinkKind, participant_code},
    key::{KeyList, StaffCertificate, credential::CallCredential},
    lifeboat,
    log::Batch,
    op::Op,
    pass::{self, PassForm},
    time::{DAY_MS, HOUR_MS},
};
use prost::Message as _;

use crate::{
    telling,
    world::{self, AUDIENCE, NOON, STREAM, TENANT},
};

/// Bytes of one kind.
pub(crate) struct Frame {
    /// Its name in each folder.
    pub(crate) name: &'static str,
    /// As this version makes it.
    pub(crate) make: fn() -> Vec<u8>,
    /// What is in it, one fact a line; the folder has what it refers to.
    pub(crate) tell: fn(&[u8], &Path) -> String,
}

impl Frame {
    pub(crate) fn file(&self) -> String {
        format!("{}.bin", self.name)
    }

    pub(crate) fn expectation(&self) -> String {
        format!("{}.txt", self.name)
    }
}

pub(crate) const FRAMES: &[Frame] = &[
    Frame {
        name: "sealed-batch",
        make: || world::batch().seal(TENANT, &world::phone()).encode_to_vec(),
        tell: |bytes, _| telling::sealed_batch(bytes),
    },
    Frame {
        name: "sealed-batch-compact",
        make: || compact_batch(&world::batch()).encode_to_vec(),
        tell: |bytes, _| telling::compact_batch(bytes),
    },
    Frame {
        name: "sealed-batch-of-boots",
        make: || {
            let batch = world::batch_of_boots();
            batch.seal(TENANT, &world::phone()).encode_to_vec()
        },
        tell: |bytes, _| telling::sealed_batch(bytes),
    },
    Frame {
        name: "sealed-batch-of-boots-compact",
        make: || compact_batch(&world::batch_of_boots()).encode_to_vec(),
        tell: |bytes, _| telling::compact_batch(bytes),
    },
    Frame {
        name: "page-compact",
        make: || compact_page(true).encode_to_vec(),
        tell: telling::page,
    },
    Frame {
        name: "page-compact-in-full",
        make: || compact_page(false).encode_to_vec(),
        tell: telling::page,
    },
    Frame {
        name: "lifeboat-frame",
        make: lifeboat_frame,
        tell: |bytes, _| telling::lifeboat_frame(bytes),
    },
    Frame {
        name: "page-rows",
        make: || page().encode_to_vec(),
        tell: telling::page,
    },
    Frame {
        name: "catalog",
        make: world::catalog,
        tell: |bytes, _| telling::catalog(bytes),
    },
    Frame {
        name: "catalog-signature",
        make: || catalog::sign(&world::catalog(), TENANT, &world::organiser()),
        tell: telling::catalog_signature,
    },
    Frame {
        name: "key-list",
        make: || {
            world::key_list()
                .sign(TENANT, &world::root())
                .encode_to_vec()
        },
        tell: |bytes, _| telling::key_list(bytes),
    },
    Frame {
        name: "staff-certificate",
        make: || staff_certificate().encode_to_vec(),
        tell: |bytes, _| telling::staff_certificate(bytes),
    },
    Frame {
        name: "pass-text",
        make: || pass::to_text(&signed_pass()).into_bytes(),
        tell: |bytes, _| telling::pass_text(bytes),
    },
    Frame {
        name: "invitation-link",
        make: || link().to_string().into_bytes(),
        tell: |bytes, _| telling::link(bytes),
    },
    Frame {
        name: "call-credential",
        make: || credential().into_bytes(),
        tell: |bytes, _| telling::credential(bytes),
    },
    Frame {
        name: "sync-request",
        make: || request().encode_to_vec(),
        tell: |bytes, _| telling::request(bytes),
    },
    Frame {
        name: "sync-response",
        make: responses,
        tell: |bytes, _| telling::responses(bytes),
    },
];

fn page() -> v1::Page {
    v1::Page {
        stream_id: STREAM.to_vec(),
        first_position: 1,
        ops: world::admitted().iter().map(AdmittedOp::to_proto).collect(),
        next_position: 1 + u64::try_from(world::admitted().len()).expect("few"),
        sum: 0x0123_4567_89AB_CDEF,
        mac: vec![7; 8],
        ..v1::Page::default()
    }
}

/// The first ops are the context, and of the rest every second one is the reader's own.
fn compact_page(refers: bool) -> v1::Page {
    let ops = world::admitted();
    let (context, rest) = if refers {
        ops.split_at(world::CONTEXT_OPS)
    } else {
        ops.split_at(0)
    };
    let elide = |op: &Op| refers && world::is_own(op.origin);
    let first_position = 1 + u64::try_from(context.len()).expect("few");
    v1::Page {
        first_position,
        ops: Vec::new(),
        encoding: ENCODING,
        columns: encode_ops(TENANT, context, &elide, rest),
        context_ops: u32::try_from(context.len()).expect("few"),
        ..page()
    }
}

fn compact_batch(batch: &Batch) -> v1::SealedBatch {
    let sealed = batch.seal(TENANT, &world::phone());
    let log = LogRef::Prefix(*b"log-");
    let columns = encode_batch(&[], &world::hints(), log, &sealed.batch);
    v1::SealedBatch {
        batch: Vec::new(),
        encoding: ENCODING,
        columns: columns.expect("a batch in order"),
        ..sealed
    }
}

fn lifeboat_frame() -> Vec<u8> {
    let frame = v1::Frame {
        tenant_id: TENANT.to_vec(),
        device_id: world::device().to_vec(),
        batches: vec![
            world::batch().seal(TENANT, &world::phone()),
            compact_batch(&world::batch()),
        ],
        ..v1::Frame::default()
    };
    lifeboat::seal(&world::ingest().public_key(), TENANT, &frame, [7; 32]).expect("sealed")
}

fn staff_certificate() -> v1::SignedStaffCertificate {
    let certificate = StaffCertificate {
        device: world::device(),
        role: v1::Role::Volunteer,
        places: vec![PlaceId::new(1), PlaceId::new(300)],
        from: NOON,
        until: NOON.saturating_add_ms(8 * DAY_MS),
    };
    certificate
        .sign(TENANT, &world::certifier())
        .expect("eight days")
}

fn signed_pass() -> v1::SignedPass {
    let tag = PassTag::from_bytes(*b"pass-tag-1234567");
    pass::issue(tag, PassForm::Card, TENANT, &world::issuer())
}

fn link() -> Link {
    Link {
        server_url: "https://askel.example:8443/base".to_owned(),
        tenant: TENANT,
        root_hash: world::root().public_key().hash(),
        kind: LinkKind::Invitation,
        code: participant_code([3; 7]),
    }
}

fn credential() -> String {
    let credential = CallCredential {
        tenant: TENANT,
        device: world::device(),
        issued_at: NOON,
    };
    credential.sign(&world::phone(), AUDIENCE)
}

fn selector(stream: v1::stream_selector::Stream) -> v1::StreamSelector {
    v1::StreamSelector {
        stream: Some(stream),
    }
}

fn request() -> v1::SyncRequest {
    let last = world::ops().last().map(Op::id).expect("an op");
    let day = v1::PlaceDayStream {
        place_id: 1,
        date: 16_903,
    };
    let cursor = |stream, position| v1::Cursor {
        selector: Some(selector(stream)),
        stream_id: STREAM.to_vec(),
        position,
    };
    v1::SyncRequest {
        versions: Some(v1::VersionRange {
            lowest: 1,
            highest: 1,
        }),
        batches: vec![world::batch().seal(TENANT, &world::phone())],
        cursors: vec![
            cursor(
                v1::stream_selector::Stream::Participant(v1::ParticipantStream {}),
                12,
            ),
            cursor(v1::stream_selector::Stream::PlaceDay(day), 3),
        ],
        log_heads: vec![v1::LogHead {
            log_id: world::LOG.to_vec(),
            next_sequence: 99,
            last_op_id_prefix: last.as_bytes()[..8].to_vec(),
            ..v1::LogHead::default()
        }],
        limits_revision: 3,
        client_clock: Some(v1::ClientClock {
            wall_ms: NOON.as_ms(),
            segment: Some(v1::ClockSegment {
                boot_id: 7,
                wall_minus_monotonic_ms: NOON.as_ms() - HOUR_MS,
            }),
        }),
        positions: vec![12, 0, 4],
        state_tag: 0xFEDC_BA98_7654_3210,
        context_ops: 64,
        ..v1::SyncRequest::default()
    }
}

/// The parts of one answer, each with its length before it.
fn responses() -> Vec<u8> {
    let exception = |sequence, outcome| v1::OutcomeException {
        sequence,
        outcome: Some(outcome),
    };
    let rejected = v1::Rejected {
        reason: "OP_NOT_ALLOWED".to_owned(),
        text: "This device may not do that.".to_owned(),
        undo: v1::Undo::Discard.into(),
    };
    let deferred = v1::Deferred {
        until_ms: NOON.as_ms(),
        reason: "KIND_UNKNOWN".to_owned(),
    };
    let outcome = v1::LogOutcome {
        log_id: world::LOG.to_vec(),
        settled_before: 60,
        exceptions: vec![
            exception(42, v1::outcome_exception::Outcome::Rejected(rejected)),
            exception(58, v1::outcome_exception::Outcome::Deferred(deferred)),
        ],
        conflict: Some(v1::LogConflict {
            cause: v1::log_conflict::Cause::HeadAhead.into(),
            server_next_sequence: 70,
        }),
        plain_wanted: true,
        ..v1::LogOutcome::default()
    };
    let frame = v1::FrameOutcome {
        index: 1,
        result: v1::frame_outcome::Result::Taken.into(),
    };
    let gone = v1::StreamGone {
        selector: Some(selector(v1::stream_selector::Stream::Challenge(
            v1::ChallengeStream { goal_id: 5 },
        ))),
        stream_id: STREAM.to_vec(),
    };
    let closing = v1::SyncClosing {
        more: true,
        retry_after_ms: 1_500,
        ..v1::SyncClosing::default()
    };
    let parts = [
        v1::sync_response::Part::Opening(opening()),
        v1::sync_response::Part::Outcomes(v1::Outcomes {
            logs: vec![outcome],
            frames: vec![frame],
        }),
        v1::sync_response::Part::Page(page()),
        v1::sync_response::Part::StreamGone(gone),
        v1::sync_response::Part::Closing(closing),
    ];
    let parts = parts.map(|part| v1::SyncResponse { part: Some(part) });
    parts
        .iter()
        .flat_map(v1::SyncResponse::encode_length_delimited_to_vec)
        .collect()
}

fn opening() -> v1::SyncOpening {
    v1::SyncOpening {
        version: 1,
        server_time_ms: NOON.as_ms(),
        limits: Some(v1::Limits {
            revision: 3,
            ops_per_batch_max: 500,
            batches_per_sync_max: 64,
            payload_bytes_max: 4_096,
            request_bytes_max: 1_048_576,
            cursors_max: 64,
            ..v1::Limits::default()
        }),
        streams: vec![v1::StreamInfo {
            selector: Some(selector(v1::stream_selector::Stream::Catalog(
                v1::CatalogStream {},
            ))),
            stream_id: STREAM.to_vec(),
            head: 9,
            parent_stream_id: vec![6; 16],
            parent_head: 8,
            healed_to: 5,
            ..v1::StreamInfo::default()
        }],
        staff_certificate: Some(staff_certificate()),
    }
}

/// The key list of a folder, for what was signed by one of its keys.
pub(crate) fn keys_of(folder: &Path) -> KeyList {
    let bytes = std::fs::read(folder.join("key-list.bin")).expect("a key list");
    let signed = v1::SignedKeyList::decode(&*bytes).expect("a signed list");
    let root = world::root().public_key().hash();
    KeyList::verify(&signed, TENANT, &root, 0).expect("the root's")
}
