//! A scan for what only an erased person had: who lived there, and what would be found of the first of
//! them. Each backend scans what it keeps.

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{
        DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, SlotId, StreamId, TenantId,
    },
    key::{KeyPair, device_id},
    op::{Op, OpKind, Origin, PassSeen, Payload, SessionRef},
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};

use crate::{
    Append, Approval, Audit, AuditAction, Contribution, Entry, EntryOutcome, Grant, Invitation,
    NewDevice, PassRecord, Projection, PushRegistration, PushToken, RecoverySheet, Store,
    StreamTarget,
};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_ms(1_460_440_800_000);

/// Bytes that nothing else has, of a person and a thing.
fn marked(n: u8, what: &str) -> [u8; 32] {
    let mut bytes = [n; 32];
    let text = format!("canary-{what}");
    bytes[1..][..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

fn half(bytes: [u8; 32]) -> [u8; 16] {
    *bytes.first_chunk().unwrap()
}

fn push_token(n: u8) -> String {
    format!("canary-push-token-{n}")
}

fn person(n: u8) -> ParticipantId {
    ParticipantId::from_bytes(half(marked(n, "person")))
}

fn audit() -> Audit {
    Audit {
        at: NOW,
        actor: None,
        action: AuditAction::DeviceEnrolled,
        target: "things/1".to_owned(),
    }
}

fn admitted(log: LogId, sequence: u64, kind: u32, payload: Vec<u8>, about: u8) -> AdmittedOp {
    AdmittedOp {
        op: Op {
            kind,
            payload: payload.into(),
            origin: Origin { log, sequence },
        },
        admission: Admission {
            corrected_at: NOW,
            received_at: NOW,
            subject: (kind != OpKind::PassSeen as u32).then_some(person(about)),
            strength: Strength::SelfReport,
            flags: Flags::default(),
            author_role: Role::Participant,
        },
    }
}

fn seen(log: LogId, sequence: u64, pass: PassTag, check_in: OpId, n: u8) -> AdmittedOp {
    let payload = Payload::PassSeen(PassSeen {
        pass,
        place: PlaceId::new(1),
        occurred_at: NOW,
        session: SessionRef::Slot(SlotId::new(1)),
        check_in,
        voided: false,
        revision: 0,
    });
    admitted(log, sequence, payload.kind() as u32, payload.encode(), n)
}

fn target(key: StreamKey) -> StreamTarget {
    let id = match key {
        StreamKey::Participant(participant) => *participant.as_bytes(),
        _ => [0xdd; 16],
    };
    StreamTarget {
        key,
        new_id: StreamId::from_bytes(id),
    }
}

fn entry(device: DeviceId, op: &AdmittedOp, on: StreamKey) -> Entry {
    let Origin { log, sequence } = op.op.origin;
    let waiting = || {
        let pass = PassTag::from_bytes([op.op.payload[0]; 16]);
        let sighting = seen(log, sequence, pass, op.id(), 0).op;
        (on, sighting.kind, sighting.payload.to_vec())
    };
    Entry {
        log,
        device,
        sequence,
        op: op.id(),
        outcome: EntryOutcome::Accepted {
            admitted: Box::new(op.clone()),
            streams: vec![target(on)],
            dirty: op.admission.subject,
            derived: (sequence % 100 == 7).then(waiting),
            tally: None,
        },
    }
}

async fn enrol(store: &impl Store, n: u8) -> DeviceId {
    let invitation = Invitation {
        id: half(marked(n, "invited")),
        code_hash: marked(n, "invitation"),
        role: Role::Participant,
        scope: None,
        participant: None,
        inviter: None,
        created_at: NOW,
        expires_at: NOW.saturating_add_ms(1_000),
        used_by: None,
    };
    let recorded = store.record_invitation(TENANT, &invitation, &audit()).await;
    recorded.unwrap();
    let public_key = KeyPair::from_seed(&[n; 32]).public_key();
    let device = NewDevice {
        id: device_id(TENANT, &public_key),
        public_key,
        new_participant: person(n),
        new_pass: PassTag::from_bytes([n; 16]),
        now: NOW,
        lease_until: NOW,
        probation_until: NOW,
    };
    let grant = Grant::Invitation(marked(n, "invitation"));
    let enrolled = store.enrol(TENANT, &grant, &device, &audit()).await;
    let device = enrolled.unwrap().id;
    let sheet = RecoverySheet {
        participant: person(n),
        code_hash: marked(n, "sheet"),
        maker: device,
    };
    let sheet = store.record_recovery_sheet(TENANT, &sheet, &audit()).await;
    sheet.unwrap();
    let approval = Approval {
        participant: person(n),
        approved: DeviceId::from_bytes(half(marked(n, "approved"))),
        replaced: None,
        maker: device,
        expires_at: NOW,
    };
    let approved = store.record_approval(TENANT, &approval, &audit()).await;
    approved.unwrap();
    let card = PassRecord::good(PassTag::from_bytes(half(marked(n, "card"))), person(n));
    let card = store
        .record_card(TENANT, half(marked(n, "request")), card, &audit())
        .await;
    card.unwrap();
    let registration = PushRegistration {
        token: PushToken::new(push_token(n)).unwrap(),
        quiet_minutes: None,
        zone: None,
    };
    let registered = store.register_push(TENANT, device, &registration).await;
    assert!(registered.unwrap());
    device
}

/// What two people and a scanner leave behind, written in turn; the ids of the first one's ops.
/// Has two people live, the first with so many ops, which are told.
pub async fn live(store: &impl Store, ops_each: u64) -> Vec<OpId> {
    let devices = [enrol(store, 1).await, enrol(store, 2).await];
    let scanner = DeviceId::from_bytes([9; 16]);
    let day = StreamKey::PlaceDay(PlaceId::new(1), LocalDate::from_days(16_900));
    let mut ops = Vec::new();
    let mut batch = Append::default();
    for sequence in 0..ops_each {
        for (n, device) in (1..).zip(devices) {
            let log = LogId::from_bytes([n; 16]);
            // Lengths that differ leave pages split in many ways.
            let mut payload = marked(n, "payload").to_vec();
            payload.resize(40 + usize::try_from(sequence * 37 % 900).unwrap(), n);
            payload.extend(marked(n, "payload"));
            let op = admitted(log, sequence, 4, payload, n);
            let own = StreamKey::Participant(person(n));
            let place = 2 * sequence + u64::from(n) - 1;
            let pass = PassTag::from_bytes([n; 16]);
            let sighting = seen(LogId::from_bytes([9; 16]), place, pass, op.id(), n);
            if n == 1 {
                ops.extend([op.id(), sighting.id()]);
            }
            let entries = [entry(device, &op, own), entry(scanner, &sighting, day)];
            batch.entries.extend(entries);
        }
        if sequence % 10 == 9 {
            let batch = std::mem::take(&mut batch);
            store.append(TENANT, &batch, NOW).await.unwrap();
        }
    }
    let contribution = Contribution {
        goal: GoalId::new(1),
        participant: person(1),
        points: 3,
    };
    let projection = Append {
        projection: Projection {
            contributions: vec![contribution],
            ..Projection::default()
        },
        ..Append::default()
    };
    store.append(TENANT, &projection, NOW).await.unwrap();
    ops
}

/// What only the first person had, named; eight things and then their ops.
pub fn canaries(ops: &[OpId]) -> Vec<(String, Vec<u8>)> {
    let words = [
        "payload",
        "sheet",
        "approved",
        "request",
        "invited",
        "invitation",
    ];
    let mut canaries: Vec<(String, Vec<u8>)> = words
        .map(|what| {
            let marked = marked(1, what);
            let length = 8 + what.len();
            (what.to_owned(), marked[..length].to_vec())
        })
        .to_vec();
    let key = KeyPair::from_seed(&[1; 32]).public_key();
    canaries.push(("key".to_owned(), key.as_bytes().to_vec()));
    canaries.push(("push token".to_owned(), push_token(1).into_bytes()));
    canaries.extend(
        ops.iter()
            .map(|op| (format!("{op:?}"), op.as_bytes().to_vec())),
    );
    canaries
}

/// Erases the first person.
pub async fn erase_the_first(store: &impl Store) {
    store.erase(TENANT, person(1), &audit()).await.unwrap();
}
