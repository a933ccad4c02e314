//! Small values to build tests of.

use std::sync::atomic::{AtomicU64, Ordering};

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId, SlotId, StreamId, TenantId},
    key::{KeyPair, device_id},
    op::{Op, Origin, SessionRef},
    stream::StreamKey,
    time::{LocalDate, Timestamp},
};

use crate::{
    Append, Audit, AuditAction, Entry, EntryOutcome, Grant, Invitation, NewDevice, PageRequest,
    Projection, RecoverySheet, Store, StreamTarget, TallyChange,
};

pub(super) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(super) const OTHER_TENANT: TenantId = TenantId::from_bytes([2; 16]);
pub(super) const NOW: Timestamp = Timestamp::from_ms(1_460_440_800_000);
/// How long the invitations and approvals of these tests are good.
pub(super) const HOUR_MS: i64 = 3_600_000;

pub(super) fn participant(n: u8) -> ParticipantId {
    ParticipantId::from_bytes([n; 16])
}

pub(super) fn pass(n: u8) -> PassTag {
    PassTag::from_bytes([n; 16])
}

/// The stream of a participant.
pub(super) fn own_stream(n: u8) -> StreamKey {
    StreamKey::Participant(participant(n))
}

pub(super) fn audit(action: AuditAction) -> Audit {
    Audit {
        at: NOW,
        actor: None,
        action,
        target: "things/1".to_owned(),
    }
}

/// An audit for calls whose entry is not looked at.
pub(super) fn any_audit() -> Audit {
    audit(AuditAction::InvitationCreated)
}

pub(super) fn first_page(size: u32) -> PageRequest {
    PageRequest {
        size,
        after: Vec::new(),
    }
}

/// The length of the audit log: how many calls changed something.
pub(super) async fn audit_length(store: &impl Store) -> usize {
    store
        .list_audit(TENANT, &first_page(1_000))
        .await
        .unwrap()
        .items
        .len()
}

/// A device that wants to be enrolled; each number is another key, participant and pass.
pub(super) fn new_device(n: u8) -> NewDevice {
    let public_key = KeyPair::from_seed(&[n; 32]).public_key();
    NewDevice {
        id: device_id(TENANT, &public_key),
        public_key,
        new_participant: participant(n),
        new_pass: pass(n),
        now: NOW,
        lease_until: NOW.saturating_add_ms(HOUR_MS),
        probation_until: NOW.saturating_add_ms(2 * HOUR_MS),
    }
}

/// An unused invitation of a participant by the operator; each number is another code.
pub(super) fn invitation(n: u8) -> Invitation {
    Invitation {
        id: [n; 16],
        code_hash: [n; 32],
        role: Role::Participant,
        scope: None,
        participant: None,
        inviter: None,
        created_at: NOW,
        expires_at: NOW.saturating_add_ms(HOUR_MS),
        used_by: None,
    }
}

/// Enrols device `n` as participant `n` with pass `n`.
pub(super) async fn enrol_participant(store: &impl Store, n: u8) -> DeviceId {
    store
        .record_invitation(TENANT, &invitation(n), &any_audit())
        .await
        .unwrap();
    let grant = Grant::Invitation([n; 32]);
    store
        .enrol(TENANT, &grant, &new_device(n), &any_audit())
        .await
        .unwrap()
        .id
}

/// A sheet of participant `n`, made by device `n`.
pub(super) fn sheet_of(n: u8, code_hash: [u8; 32]) -> RecoverySheet {
    RecoverySheet {
        participant: participant(n),
        code_hash,
        maker: new_device(n).id,
    }
}

/// What an accepted op does.
#[derive(Clone, Default)]
pub(super) struct Effects {
    pub(super) streams: Vec<StreamKey>,
    pub(super) dirty: Option<ParticipantId>,
    pub(super) derived: Option<(StreamKey, u32, Vec<u8>)>,
    pub(super) tally: Option<TallyChange>,
}

impl Effects {
    /// Appears in these streams.
    pub(super) fn on(streams: &[StreamKey]) -> Self {
        Self {
            streams: streams.to_vec(),
            ..Self::default()
        }
    }
}

/// A writer with a log of its own.
pub(super) struct Writer {
    pub(super) log: LogId,
    pub(super) device: DeviceId,
    next: u64,
}

impl Writer {
    pub(super) fn new(n: u8) -> Self {
        Self::of(n, DeviceId::from_bytes([n; 16]))
    }

    /// With a device that was enrolled.
    pub(super) fn of(n: u8, device: DeviceId) -> Self {
        Self {
            log: LogId::from_bytes([n; 16]),
            device,
            next: 0,
        }
    }

    /// The next entry: an op of this log, accepted.
    pub(super) fn accepted(&mut self, effects: Effects) -> Entry {
        let admitted = admitted_op(self.log, self.next);
        self.entry(admitted.id(), accepted(admitted, effects))
    }

    /// The next entry: an op of another log, accepted here too.
    pub(super) fn carried(&mut self, admitted: &AdmittedOp, effects: Effects) -> Entry {
        self.entry(admitted.id(), accepted(admitted.clone(), effects))
    }

    /// The next entry, refused.
    pub(super) fn rejected(&mut self, reason: &str) -> Entry {
        let op = admitted_op(self.log, self.next).id();
        self.entry(op, refused(reason))
    }

    /// The next entry, refused; about this participant.
    pub(super) fn rejected_about(&mut self, subject: ParticipantId) -> Entry {
        let op = admitted_op(self.log, self.next).id();
        let outcome = EntryOutcome::Rejected {
            reason: "no".to_owned(),
            subject: Some(subject),
        };
        self.entry(op, outcome)
    }

    /// The next entry, deferred.
    pub(super) fn deferred(&mut self) -> Entry {
        let op = admitted_op(self.log, self.next).id();
        self.entry(op, EntryOutcome::Deferred)
    }

    fn entry(&mut self, op: OpId, outcome: EntryOutcome) -> Entry {
        let entry = Entry {
            log: self.log,
            device: self.device,
            sequence: self.next,
            op,
            outcome,
        };
        self.next += 1;
        entry
    }
}

/// The entry with another outcome: its own op accepted.
pub(super) fn settled(entry: &Entry, effects: Effects) -> Entry {
    let outcome = accepted(admitted_op(entry.log, entry.sequence), effects);
    Entry {
        outcome,
        ..entry.clone()
    }
}

pub(super) fn accepted(admitted: AdmittedOp, effects: Effects) -> EntryOutcome {
    EntryOutcome::Accepted {
        admitted: Box::new(admitted),
        streams: effects.streams.into_iter().map(target).collect(),
        dirty: effects.dirty,
        derived: effects.derived,
        tally: effects.tally,
    }
}

/// Refused, about nobody.
pub(super) fn refused(reason: &str) -> EntryOutcome {
    EntryOutcome::Rejected {
        reason: reason.to_owned(),
        subject: None,
    }
}

/// A stream with a handle that is drawn anew each time.
pub(super) fn target(key: StreamKey) -> StreamTarget {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    StreamTarget {
        key,
        new_id: StreamId::from_bytes(id),
    }
}

/// An op first written at a place of a log; the same each time.
pub(super) fn admitted_op(log: LogId, sequence: u64) -> AdmittedOp {
    AdmittedOp {
        op: Op {
            kind: 4,
            payload: b"walked".as_slice().into(),
            origin: Origin { log, sequence },
        },
        admission: Admission {
            corrected_at: NOW,
            received_at: NOW,
            subject: Some(participant(9)),
            strength: Strength::SelfReport,
            flags: Flags::CLOCK_CORRECTED,
            author_role: Role::Participant,
        },
    }
}

pub(super) fn entries(entries: impl Into<Vec<Entry>>) -> Append {
    Append {
        entries: entries.into(),
        ..Append::default()
    }
}

pub(super) fn projection(projection: Projection) -> Append {
    Append {
        projection,
        ..Append::default()
    }
}

pub(super) fn tally(delta: i32) -> TallyChange {
    TallyChange {
        place: PlaceId::new(1),
        date: LocalDate::from_days(16_903),
        session: SessionRef::Slot(SlotId::new(1)),
        delta,
    }
}
