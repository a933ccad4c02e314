//! A server in memory: opens and judges batches by the rules of `askel-sync`, keeps streams, and
//! disturbs the line when told to.

mod answer;
mod enrolment;
mod forms;
mod judging;
mod line;
mod push;
mod restore;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use askel_proto::v1;
use askel_sync::{
    admission::{Admission, AdmittedOp, ClockReading, Role, Strength},
    catalog::Catalog,
    fold::ParticipantState,
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, SlotId},
    key::PublicKey,
    op::{Op, Origin, PassSeen, Payload, SessionRef},
    pass::{self, PassForm},
    stream::StreamKey,
    time::{BootTime, ClockSegment, Timestamp},
};
use sha2::{Digest as _, Sha256};

use super::{PLACE, World};

/// What goes wrong with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// The request does not arrive.
    RequestLost,
    /// The answer is cut after so many parts; the request was carried out.
    CutAfter(usize),
    /// The server says that the credential is stale, and its time.
    Stale,
    /// The server says that it knows more of the log than this writer.
    HeadAhead,
    /// The first op of the next batch is refused.
    Reject,
    /// The first op of the next batch is refused, and may be handed in again.
    RejectToResubmit,
    /// The first op of the next batch is deferred, and nobody can say until when.
    Defer,
    /// The chunk is not what was published.
    BadChunk,
    /// Chunks after so many do not arrive; once.
    ChunksLostAfter(usize),
    /// After so many parts nothing comes any more; the request was carried out.
    SilentAfter(usize),
    /// No answer comes.
    Silence,
    /// The caller was erased.
    Erased,
    /// No short form fits, once.
    LongFormOnce,
    /// The next device gets no staff certificate.
    NoCertificate,
    /// The next device's staff certificate is signed by this key.
    CertifiedBy(Certifier),
    /// A page at the head of the caller's first standard stream tells another sum.
    WrongSum,
    /// The next compact batch refers to what the desk does not hold any more.
    PlainWanted,
    /// Come again in so many milliseconds: refused.
    TooMany(u64),
    /// The same, at the end of an answer.
    NotBefore(u64),
    /// What comes before the next frame has not arrived.
    FrameLater,
    /// Longer requests do not arrive, until the line is mended.
    Narrow(usize),
    /// The server's clock says this, until it is mended. Else it believes the clock of whoever asks.
    Clock(Timestamp),
    /// What is said next of being woken is refused.
    PushRefused,
    /// The same does not arrive.
    PushLost,
    /// Empty parts without end, this far apart, and none of them the last.
    Drip(Duration),
}

/// Whose key a staff certificate is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certifier {
    /// In the key list, and revoked.
    Revoked,
    /// In the key list, for passes.
    PassIssuer,
    /// In no list.
    Stranger,
}

pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) catalog: Catalog,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    /// How often the desk was restored.
    generation: u32,
    /// How far its streams were in the backup.
    parent_heads: BTreeMap<StreamKey, usize>,
    disturbances: Vec<Disturbance>,
    requests: Vec<v1::SyncRequest>,
    /// What the request at hand tells of other boots.
    boots: Vec<BootTime>,
    /// How long the requests were that a narrow line lost.
    lost_bytes: Vec<usize>,
    devices: BTreeMap<DeviceId, Device>,
    logs: BTreeMap<LogId, (DeviceId, Vec<Settled>)>,
    streams: BTreeMap<StreamKey, Vec<AdmittedOp>>,
    accepted: Vec<OpId>,
    passes: BTreeMap<PassTag, ParticipantId>,
    ops: BTreeMap<(LogId, u64), Op>,
    last_clock: Option<ClockReading>,
    /// The clock segment that each device told last.
    segments: BTreeMap<DeviceId, v1::ClockSegment>,
    /// How many clock segments the batches handed in named, each as often as it was.
    segments_named: usize,
    limits: v1::Limits,
    own_sequence: u64,
    /// Streams that are nobody's any more.
    gone: Vec<StreamKey>,
    /// What devices said of being woken, and it arrived.
    pushes: Vec<Option<v1::PushRegistration>>,
}

#[derive(Clone)]
struct Device {
    key: PublicKey,
    role: Role,
    participant: Option<ParticipantId>,
}

#[derive(Clone)]
enum Settled {
    Accepted(OpId),
    Rejected(OpId, v1::Undo),
    Deferred(OpId),
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::of(World::new())
    }

    pub(crate) fn of(world: World) -> Self {
        let catalog = Catalog::parse(&world.content).expect("a catalog in form");
        let desk = Self {
            world,
            catalog,
            state: Mutex::default(),
        };
        let published = Payload::CatalogPublished(desk.world.published());
        let mut state = desk.state.lock().expect("no panic");
        state.say(StreamKey::Catalog, &published, None, super::TUESDAY_NOON);
        drop(state);
        desk
    }

    /// Disturbs one of the next calls; several in their order.
    pub(crate) fn disturb(&self, disturbance: Disturbance) {
        self.state().disturbances.push(disturbance);
    }

    /// Nothing is wrong with the line any more.
    pub(crate) fn mend(&self) {
        self.state().disturbances.clear();
    }

    /// Limits to announce with the next long answer.
    pub(crate) fn announce(&self, limits: v1::Limits) {
        self.state().limits = limits;
    }

    /// Agrees with no short form but one of the newest limits.
    pub(crate) fn forget_limits(&self) {
        self.state().disturbances.push(Disturbance::LongFormOnce);
    }

    /// The Sync requests that arrived.
    pub(crate) fn requests(&self) -> Vec<v1::SyncRequest> {
        self.state().requests.clone()
    }

    /// How many clock segments the batches handed in named, each as often as it was.
    pub(crate) fn segments_named(&self) -> usize {
        self.state().segments_named
    }

    /// How long the requests were that a narrow line lost.
    pub(crate) fn lost_bytes(&self) -> Vec<usize> {
        self.state().lost_bytes.clone()
    }

    /// Ops accepted, each as often as it was.
    pub(crate) fn accepted(&self) -> Vec<OpId> {
        self.state().accepted.clone()
    }

    /// A participant's state, folded from their stream.
    pub(crate) fn participant(&self, id: ParticipantId) -> ParticipantState {
        let state = self.state();
        let ops = state
            .streams
            .get(&StreamKey::Participant(id))
            .cloned()
            .unwrap_or_default();
        ParticipantState::fold(id, &ops, &self.catalog)
    }

    /// Puts an op of the server's into a stream.
    pub(crate) fn say(&self, stream: StreamKey, payload: &Payload, now: Timestamp) {
        self.state().say(stream, payload, None, now);
    }

    /// Tells the tablets of a place of a scan that this desk does not hold: on which day, and which.
    pub(crate) fn see_elsewhere(&self, pass: PassTag, at: Timestamp) -> (StreamKey, OpId) {
        let date = self.catalog.local_date(PLACE, at);
        let date = date.expect("a place of the catalog");
        let stream = StreamKey::PlaceDay(PLACE, date);
        let check_in = OpId::from_bytes(*pass.as_bytes());
        let seen = PassSeen {
            pass,
            place: PLACE,
            occurred_at: at,
            session: SessionRef::Slot(SlotId::new(2)),
            check_in,
            voided: false,
            revision: 0,
        };
        self.say(stream, &Payload::PassSeen(seen), at);
        (stream, check_in)
    }

    /// Erases what a stream says of a pass, and tells its readers.
    pub(crate) fn blank(&self, stream: StreamKey, pass: PassTag, now: Timestamp) {
        let mut state = self.state();
        let ops = state.streams.entry(stream).or_default();
        for (sequence, admitted) in (1..).zip(ops) {
            if matches!(admitted.op.parse(), Ok(Some(Payload::PassSeen(seen))) if seen.pass == pass)
            {
                let log = LogId::from_bytes([0; 16]);
                admitted.op = Op::new(Origin { log, sequence }, &Payload::Blank);
            }
        }
        state.say(stream, &Payload::PassErased(pass), None, now);
    }

    /// Puts an op of a kind that no version knows yet into a stream.
    pub(crate) fn say_unknown(&self, stream: StreamKey, now: Timestamp) {
        self.say_raw(stream, (77_777, vec![0x08, 0x01]), None, now);
    }

    /// Puts an op of any kind, with any payload, into a stream.
    pub(crate) fn say_raw(
        &self,
        stream: StreamKey,
        op: (u32, Vec<u8>),
        subject: Option<ParticipantId>,
        now: Timestamp,
    ) {
        self.state().put(stream, op, subject, now);
    }

    /// Puts another op in the place of one that readers hold already: its judgement was a minute later.
    pub(crate) fn change_in_the_past(&self, stream: StreamKey) {
        let mut state = self.state();
        let ops = state.streams.get_mut(&stream).expect("a stream");
        let admission = &mut ops[0].admission;
        admission.received_at = admission.received_at.saturating_add_ms(60_000);
    }

    /// Nobody may read this stream any more.
    pub(crate) fn withdraw(&self, stream: StreamKey) {
        self.state().gone.push(stream);
    }

    /// A printed card of a participant.
    pub(crate) fn card(&self, participant: ParticipantId) -> String {
        let tag = PassTag::from_bytes(first16(&[b"card", &participant.as_bytes()[..]]));
        self.state().passes.insert(tag, participant);
        let signed = pass::issue(
            tag,
            PassForm::Card,
            self.world.tenant,
            &self.world.pass_issuer,
        );
        pass::to_text(&signed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl State {
    fn next_disturbance(&mut self, is: impl Fn(Disturbance) -> bool) -> Option<Disturbance> {
        let index = self.disturbances.iter().position(|one| is(*one))?;
        Some(self.disturbances.remove(index))
    }

    fn is_disturbed(&mut self, disturbance: Disturbance) -> bool {
        self.next_disturbance(|one| one == disturbance).is_some()
    }

    /// What the server's clock says, if it does not believe whoever asks.
    fn own_clock(&self) -> Option<Timestamp> {
        self.disturbances.iter().find_map(|one| match one {
            Disturbance::Clock(says) => Some(*says),
            _ => None,
        })
    }

    /// How long the next answer asks to wait, in milliseconds.
    fn wait_asked(&mut self) -> u64 {
        match self.next_disturbance(|one| matches!(one, Disturbance::NotBefore(_))) {
            Some(Disturbance::NotBefore(ms)) => ms,
            _ => 0,
        }
    }

    fn say(
        &mut self,
        stream: StreamKey,
        payload: &Payload,
        subject: Option<ParticipantId>,
        now: Timestamp,
    ) {
        self.put(
            stream,
            (payload.kind() as u32, payload.encode()),
            subject,
            now,
        );
    }

    /// The caller's clock, as it was last told.
    fn clock_of(&mut self, request: &v1::SyncRequest) -> ClockReading {
        if let Some(clock) = request.client_clock {
            let segment = clock.segment.expect("a segment");
            self.last_clock = Some(ClockReading {
                wall: Timestamp::from_ms(clock.wall_ms),
                segment: ClockSegment {
                    boot_id: segment.boot_id,
                    wall_minus_monotonic_ms: segment.wall_minus_monotonic_ms,
                },
            });
        }
        self.last_clock.expect("a clock was told before")
    }

    fn put(
        &mut self,
        stream: StreamKey,
        (kind, payload): (u32, Vec<u8>),
        subject: Option<ParticipantId>,
        now: Timestamp,
    ) {
        let origin = Origin {
            log: LogId::from_bytes([0xFE; 16]),
            sequence: self.own_sequence,
        };
        self.own_sequence += 1;
        let admission = Admission {
            corrected_at: now,
            received_at: now,
            subject,
            strength: Strength::Unspecified,
            flags: askel_sync::admission::Flags::default(),
            author_role: Role::Server,
        };
        let op = Op {
            kind,
            payload: payload.into(),
            origin,
        };
        self.streams
            .entry(stream)
            .or_default()
            .push(AdmittedOp { op, admission });
    }
}

fn first16(parts: &[&[u8]]) -> [u8; 16] {
    let digest = Sha256::digest(parts.concat());
    digest[..16].try_into().expect("16 bytes")
}
