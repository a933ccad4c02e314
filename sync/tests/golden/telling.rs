//! What a reader finds in a frame, one fact a line, in words that outlive the types.

use std::{fmt::Write as _, path::Path};

use askel_proto::v1;
use askel_sync::{
    admission::AdmittedOp,
    catalog::{self, Catalog},
    fold::ParticipantState,
    frame::{FrameLimits, decode_batch, decode_ops},
    invitation::Link,
    key::{KeyList, ListedKey, StaffCertificate, credential::CallCredential},
    lifeboat,
    log::Batch,
    op::{Measure, Op},
    pass,
};
use data_encoding::HEXLOWER as HEX;
use prost::Message as _;

use crate::{
    frame::keys_of,
    world::{self, AUDIENCE, ME, NOON, TENANT},
};

/// Reads a message and checks that nothing in it was passed over.
fn read<M: prost::Message + Default>(bytes: &[u8]) -> M {
    let message = M::decode(bytes).expect("a message");
    assert_eq!(message.encode_to_vec(), bytes, "a field is not known");
    message
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// `lines!` appends one fact.
macro_rules! tell {
    ($told:ident, $($words:tt)*) => {
        writeln!($told, $($words)*).expect("a string takes all")
    };
}

pub(crate) fn sealed_batch(bytes: &[u8]) -> String {
    batch(&read(bytes))
}

fn batch(sealed: &v1::SealedBatch) -> String {
    let key = world::phone().public_key();
    let batch = Batch::open(sealed, TENANT, world::device(), &key).expect("a batch that opens");
    let mut told = String::new();
    tell!(told, "log {}", HEX.encode(batch.log.as_bytes()));
    tell!(told, "device {}", HEX.encode(batch.device.as_bytes()));
    tell!(told, "boot {}", batch.clock_segment.boot_id);
    let segment_ms = batch.clock_segment.wall_minus_monotonic_ms;
    tell!(told, "wall minus monotonic {segment_ms} ms");
    let mut last = batch.clock_segment;
    for (sequence, written_in, found) in batch.sequenced() {
        if written_in != last {
            let boot_id = written_in.boot_id;
            let segment_ms = written_in.wall_minus_monotonic_ms;
            tell!(
                told,
                "then boot {boot_id}, wall minus monotonic {segment_ms} ms"
            );
            last = written_in;
        }
        tell!(told, "{sequence}: {}", op(found));
    }
    told
}

/// Kind, payload and id, and whether this version reads the kind: a payload that is read is written
/// again with the same bytes.
fn op(op: &Op) -> String {
    let payload = op.parse();
    let payload = payload.unwrap_or_else(|fault| panic!("kind {}: {fault}", op.kind));
    if let Some(payload) = &payload {
        assert_eq!(payload.encode(), op.payload, "kind {}", op.kind);
    }
    format!(
        "kind {} {} {} of {}/{} id {}",
        op.kind,
        if payload.is_some() { "read" } else { "kept" },
        HEX.encode(&op.payload),
        HEX.encode(op.origin.log.as_bytes()),
        op.origin.sequence,
        HEX.encode(op.id().as_bytes()),
    )
}

/// As a server that holds nothing of the log yet.
pub(crate) fn compact_batch(bytes: &[u8]) -> String {
    batch(&plain(read(bytes)))
}

fn plain(sealed: v1::SealedBatch) -> v1::SealedBatch {
    let limits = FrameLimits {
        ops_max: 500,
        bytes_max: 64 * 1_024,
    };
    match sealed.encoding {
        0 => sealed,
        _ => v1::SealedBatch {
            batch: decode_batch(&[], &world::hints(), &sealed.columns, limits).expect("rebuilt"),
            encoding: 0,
            columns: Vec::new(),
            ..sealed
        },
    }
}

pub(crate) fn lifeboat_frame(bytes: &[u8]) -> String {
    let frame = lifeboat::open(&world::ingest(), TENANT, bytes).expect("sealed to the key");
    let mut told = String::new();
    tell!(told, "device {}", HEX.encode(&frame.device_id));
    for sealed in frame.batches {
        told += &batch(&plain(sealed));
    }
    told
}

/// The ops of a page, as a reader who holds the golden ops before it.
fn ops_of(page: v1::Page) -> Vec<AdmittedOp> {
    let read = |op| AdmittedOp::from_proto(op).expect("an admitted op");
    if page.encoding == 0 {
        return page.ops.into_iter().map(read).collect();
    }
    let golden = world::admitted();
    let context = usize::try_from(page.context_ops).expect("few");
    let own = |origin| {
        let mut own = golden.iter().filter(|held| world::is_own(held.op.origin));
        own.find(|held| held.op.origin == origin)
            .map(|held| held.op.clone())
    };
    let limits = FrameLimits {
        ops_max: 1_000,
        bytes_max: 64 * 1_024,
    };
    decode_ops(TENANT, &golden[..context], &own, &page.columns, limits).expect("a frame")
}

pub(crate) fn page(bytes: &[u8], folder: &Path) -> String {
    let page: v1::Page = read(bytes);
    let mut told = String::new();
    let (first, next) = (page.first_position, page.next_position);
    tell!(
        told,
        "stream {} {first}..{next}",
        HEX.encode(&page.stream_id)
    );
    tell!(told, "sum {:016x} mac {}", page.sum, HEX.encode(&page.mac));
    told + &admitted(&ops_of(page), folder)
}

/// Each op with its judgement, and what all of them come to.
fn admitted(ops: &[AdmittedOp], folder: &Path) -> String {
    let mut told = String::new();
    for admitted in ops {
        let judged = admitted.admission.to_proto();
        tell!(
            told,
            "{}; corrected {} received {} subject {} strength {} flags {} role {}",
            op(&admitted.op),
            judged.corrected_at_ms,
            judged.received_at_ms,
            HEX.encode(&judged.subject),
            judged.strength,
            judged.flags,
            judged.author_role,
        );
    }
    let content = std::fs::read(folder.join("catalog.bin")).expect("a catalog");
    let catalog = Catalog::parse(&content).expect("in order");
    let state = ParticipantState::fold(ME, ops, &catalog);
    for attendance in state.attendances() {
        let key = attendance.key;
        let (place, date) = (key.place.get(), key.date.as_days());
        let witnesses = attendance.witnesses.len();
        tell!(
            told,
            "attended place {place} on day {date}, {witnesses} witnesses"
        );
    }
    for (date, steps) in state.day_steps(Measure::Steps) {
        tell!(told, "walked {steps} steps on day {}", date.as_days());
    }
    let profile = state.profile();
    let alias = profile.alias.map(|alias| (alias.word, alias.number));
    tell!(
        told,
        "alias {alias:?} picture {:?} language {:?}",
        profile.picture,
        profile.language
    );
    let favourites: Vec<u32> = state.favourites().iter().map(|place| place.get()).collect();
    let joined: Vec<u32> = state.joined().iter().map(|goal| goal.get()).collect();
    tell!(told, "favourites {favourites:?} joined {joined:?}");
    for award in state.confirmed() {
        tell!(told, "confirmed {}", HEX.encode(award.award.as_bytes()));
    }
    for award in state.withdrawn() {
        tell!(told, "withdrawn {}", HEX.encode(award.award.as_bytes()));
    }
    told
}

pub(crate) fn catalog(bytes: &[u8]) -> String {
    let catalog = Catalog::parse(bytes).expect("a catalog in order");
    let mut told = String::new();
    tell!(told, "version {}", catalog.version());
    tell!(told, "hash {}", HEX.encode(catalog.hash()));
    tell!(told, "tenant {}", HEX.encode(catalog.tenant().as_bytes()));
    for place in catalog.places() {
        let open = catalog.is_open(place.id, NOON);
        let (id, session) = (place.id.get(), catalog.session_at(place.id, NOON));
        tell!(told, "place {id} open {open} session {session:?}");
    }
    for goal in catalog.goals() {
        tell!(told, "goal {} version {}", goal.id.get(), goal.rule_version);
    }
    for badge in &catalog.proto().badges {
        let name = badge.name.as_ref().map(|name| catalog::text(name, "en"));
        tell!(told, "badge {} {name:?}", badge.id);
    }
    told
}

pub(crate) fn catalog_signature(bytes: &[u8], folder: &Path) -> String {
    let content = std::fs::read(folder.join("catalog.bin")).expect("a catalog");
    catalog::verify(&content, bytes, TENANT, &keys_of(folder), NOON).expect("the organiser's");
    "the organiser's\n".to_owned()
}

pub(crate) fn key_list(bytes: &[u8]) -> String {
    let root = world::root().public_key().hash();
    let list = KeyList::verify(&read(bytes), TENANT, &root, 0).expect("the root's");
    let mut told = String::new();
    tell!(
        told,
        "version {} expires {}",
        list.version,
        list.expires_at.as_ms()
    );
    for key in &list.keys {
        let purpose = i32::from(key.purpose);
        let public_key = match &key.public_key {
            ListedKey::Signing(key) => HEX.encode(key.as_bytes()),
            ListedKey::Ingest(key) => HEX.encode(key.as_bytes()),
        };
        let (from, until) = (key.from.as_ms(), key.until.as_ms());
        let revoked = key.revoked;
        tell!(
            told,
            "purpose {purpose} {public_key} {from}..{until} revoked {revoked}"
        );
    }
    told
}

pub(crate) fn staff_certificate(bytes: &[u8]) -> String {
    let certifier = world::certifier().public_key();
    let certificate = StaffCertificate::verify(&read(bytes), TENANT, &certifier);
    let certificate = certificate.expect("the certifier's");
    let places: Vec<u32> = certificate.places.iter().map(|place| place.get()).collect();
    format!(
        "device {}\nrole {}\nplaces {places:?}\n{}..{}\n",
        HEX.encode(certificate.device.as_bytes()),
        i32::from(certificate.role),
        certificate.from.as_ms(),
        certificate.until.as_ms(),
    )
}

pub(crate) fn pass_text(bytes: &[u8]) -> String {
    let signed = pass::from_text(text(bytes)).expect("a pass");
    let keys = world::key_list();
    let pass = pass::verify(&signed, TENANT, &keys, NOON).expect("the issuer's");
    let (tag, form) = (HEX.encode(pass.tag.as_bytes()), i32::from(pass.form));
    format!("tag {tag} form {form}\n")
}

pub(crate) fn link(bytes: &[u8]) -> String {
    let link: Link = text(bytes).parse().expect("a link");
    format!(
        "server {}\ntenant {}\nroot {}\nkind {:?}\ncode {}\n",
        link.server_url,
        HEX.encode(link.tenant.as_bytes()),
        HEX.encode(&link.root_hash),
        link.kind,
        link.code,
    )
}

pub(crate) fn credential(bytes: &[u8]) -> String {
    let credential = CallCredential::parse(text(bytes)).expect("a credential");
    let key = world::phone().public_key();
    credential
        .verify(&key, AUDIENCE, NOON)
        .expect("the phone's");
    let claimed = credential.claimed;
    format!(
        "tenant {}\ndevice {}\nissued {}\n",
        HEX.encode(claimed.tenant.as_bytes()),
        HEX.encode(claimed.device.as_bytes()),
        claimed.issued_at.as_ms(),
    )
}

pub(crate) fn request(bytes: &[u8]) -> String {
    let request: v1::SyncRequest = read(bytes);
    let mut told = String::new();
    let versions = request.versions.unwrap_or_default();
    tell!(told, "versions {}..={}", versions.lowest, versions.highest);
    for sealed in &request.batches {
        told += &batch(sealed);
    }
    for cursor in &request.cursors {
        let stream = cursor
            .selector
            .as_ref()
            .and_then(|selector| selector.stream.as_ref());
        let (id, position) = (HEX.encode(&cursor.stream_id), cursor.position);
        tell!(told, "cursor {} {id} {position}", stream_words(stream));
    }
    for head in &request.log_heads {
        let (log, prefix) = (
            HEX.encode(&head.log_id),
            HEX.encode(&head.last_op_id_prefix),
        );
        tell!(told, "head {log} {} {prefix}", head.next_sequence);
    }
    let clock = request.client_clock.unwrap_or_default();
    let segment = clock.segment.unwrap_or_default();
    let (boot, offset_ms) = (segment.boot_id, segment.wall_minus_monotonic_ms);
    tell!(
        told,
        "clock {} boot {boot} offset {offset_ms}",
        clock.wall_ms
    );
    let (revision, context) = (request.limits_revision, request.context_ops);
    tell!(told, "limits {revision} context {context}");
    tell!(
        told,
        "positions {:?} tag {:016x}",
        request.positions,
        request.state_tag
    );
    told
}

fn stream_words(stream: Option<&v1::stream_selector::Stream>) -> String {
    use v1::stream_selector::Stream;
    match stream {
        None => "nothing".to_owned(),
        Some(Stream::Participant(_)) => "participant".to_owned(),
        Some(Stream::Device(_)) => "device".to_owned(),
        Some(Stream::PlaceDay(day)) => format!("place {} on day {}", day.place_id, day.date),
        Some(Stream::Catalog(_)) => "catalog".to_owned(),
        Some(Stream::Challenge(challenge)) => format!("challenge {}", challenge.goal_id),
    }
}

pub(crate) fn responses(mut bytes: &[u8]) -> String {
    let mut told = String::new();
    while !bytes.is_empty() {
        let whole = bytes;
        let part = v1::SyncResponse::decode_length_delimited(&mut bytes).expect("a part");
        let length = whole.len() - bytes.len();
        assert_eq!(part.encode_length_delimited_to_vec(), whole[..length]);
        told += &response(part.part.expect("a part of this version"));
    }
    told
}

fn response(part: v1::sync_response::Part) -> String {
    use v1::sync_response::Part;
    match part {
        Part::Opening(opening) => self::opening(&opening),
        Part::Outcomes(outcomes) => self::outcomes(&outcomes),
        Part::Page(page) => {
            let (first, next) = (page.first_position, page.next_position);
            format!("page {first}..{next} of {} ops\n", page.ops.len())
        }
        Part::ShortPage(page) => format!("short page of {} bytes\n", page.len()),
        Part::StreamGone(gone) => {
            let stream = gone
                .selector
                .as_ref()
                .and_then(|selector| selector.stream.as_ref());
            let id = HEX.encode(&gone.stream_id);
            format!("gone {} {id}\n", stream_words(stream))
        }
        Part::Closing(closing) => {
            format!(
                "closing more {} after {} ms\n",
                closing.more, closing.retry_after_ms
            )
        }
    }
}

fn opening(opening: &v1::SyncOpening) -> String {
    let mut told = String::new();
    tell!(
        told,
        "version {} at {}",
        opening.version,
        opening.server_time_ms
    );
    if let Some(limits) = &opening.limits {
        tell!(
            told,
            "limits {}: {} ops, {} batches, {} payload bytes, {} request bytes, {} cursors",
            limits.revision,
            limits.ops_per_batch_max,
            limits.batches_per_sync_max,
            limits.payload_bytes_max,
            limits.request_bytes_max,
            limits.cursors_max,
        );
    }
    for info in &opening.streams {
        let stream = info
            .selector
            .as_ref()
            .and_then(|selector| selector.stream.as_ref());
        let (id, parent) = (
            HEX.encode(&info.stream_id),
            HEX.encode(&info.parent_stream_id),
        );
        let (head, parent_head, healed_to) = (info.head, info.parent_head, info.healed_to);
        tell!(
            told,
            "stream {} {id} head {head} parent {parent} {parent_head} healed {healed_to}",
            stream_words(stream)
        );
    }
    if let Some(certificate) = &opening.staff_certificate {
        told += &staff_certificate(&certificate.encode_to_vec());
    }
    told
}

fn outcomes(outcomes: &v1::Outcomes) -> String {
    use v1::outcome_exception::Outcome;
    let mut told = String::new();
    for log in &outcomes.logs {
        let (id, settled, plain) = (
            HEX.encode(&log.log_id),
            log.settled_before,
            log.plain_wanted,
        );
        tell!(told, "log {id} settled before {settled} plain {plain}");
        for exception in &log.exceptions {
            let sequence = exception.sequence;
            match &exception.outcome {
                None => tell!(told, "{sequence} nothing"),
                Some(Outcome::Rejected(rejected)) => {
                    let v1::Rejected { reason, text, undo } = rejected;
                    tell!(told, "{sequence} rejected {reason} {text:?} undo {undo}");
                }
                Some(Outcome::Deferred(deferred)) => {
                    let (reason, until) = (&deferred.reason, deferred.until_ms);
                    tell!(told, "{sequence} deferred {reason} until {until}");
                }
            }
        }
        if let Some(conflict) = &log.conflict {
            let next = conflict.server_next_sequence;
            tell!(told, "conflict {} next {next}", conflict.cause);
        }
    }
    for frame in &outcomes.frames {
        tell!(told, "frame {} result {}", frame.index, frame.result);
    }
    told
}
