//! A server in memory: opens and judges batches by the rules of `askel-sync`, keeps streams, and
//! disturbs the line when told to.

mod forms;
mod restore;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use askel_client_sdk::{Advice, Credential, Refusal, SyncAnswer, Transport, TransportError};
use askel_proto::v1::{self, sync_response::Part};
use askel_sync::{
    admission::{
        Admission, AdmittedOp, Author, AuthorStanding, CheckInFact, ClockReading, Clocks, Facts,
        Judgement, PlaceScope, Role, Strength, judge,
    },
    catalog::Catalog,
    fold::{ChallengeTotals, ParticipantState},
    id::{DeviceId, LogId, OpId, ParticipantId, PassTag, PlaceId},
    key::{PublicKey, StaffCertificate, device_id},
    lifeboat,
    limits::CATALOG_CHUNK_BYTES,
    log::Batch,
    op::{AwardConfirmed, Op, Origin, Payload, Register, SessionRef, Witness},
    pass::{self, PassForm},
    rule::evaluate,
    stream::{StreamKey, route},
    time::{ClockSegment, LocalDate, Timestamp},
};
use async_trait::async_trait;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::World;

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
    /// The first op of the next batch is deferred, to be offered again at once.
    Defer,
    /// The chunk is not what was published.
    BadChunk,
    /// Chunks after so many do not arrive; once.
    ChunksLostAfter(usize),
    /// No answer comes.
    Silence,
    /// The caller was erased.
    Erased,
    /// No short form fits, once.
    LongFormOnce,
    /// The next device gets no staff certificate.
    NoCertificate,
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
    devices: BTreeMap<DeviceId, Device>,
    logs: BTreeMap<LogId, (DeviceId, Vec<Settled>)>,
    streams: BTreeMap<StreamKey, Vec<AdmittedOp>>,
    accepted: Vec<OpId>,
    passes: BTreeMap<PassTag, ParticipantId>,
    ops: BTreeMap<(LogId, u64), Op>,
    last_clock: Option<ClockReading>,
    limits: v1::Limits,
    own_sequence: u64,
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
        self.state()
            .put(stream, (77_777, vec![0x08, 0x01]), None, now);
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

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn enrol_key(&self, key: &[u8], code: &str, now: Timestamp) -> v1::EnrolResponse {
        let key = PublicKey::from_bytes(key).expect("a key");
        let device = device_id(self.world.tenant, &key);
        let is_staff = code.len() > 20;
        let is_volunteer = code == World::volunteer_code();
        let role = match (is_staff, is_volunteer) {
            (_, true) => Role::Volunteer,
            (true, _) => Role::Staff,
            (false, _) => Role::Participant,
        };
        // One invitation, one person: whoever comes with it is the same.
        let participant = (!is_staff).then(|| ParticipantId::from_bytes(first16(&[b"person"])));
        let tag = PassTag::from_bytes(first16(&[b"phone", key.as_bytes()]));
        let mut state = self.state();
        state.devices.insert(
            device,
            Device {
                key,
                role,
                participant,
            },
        );
        if let Some(participant) = participant {
            state.passes.insert(tag, participant);
        }
        let uncertified = state.next_disturbance(|one| one == Disturbance::NoCertificate);
        let certified = is_staff && uncertified.is_none();
        let world = &self.world;
        let lease = StaffCertificate {
            device,
            role,
            places: Vec::new(),
            from: now,
            until: now.saturating_add_ms(8 * 24 * 3_600_000),
        };
        let signed_pass = || pass::issue(tag, PassForm::Phone, world.tenant, &world.pass_issuer);
        v1::EnrolResponse {
            device_id: device.to_vec(),
            role: role.into(),
            participant_id: participant.map(ParticipantId::to_vec).unwrap_or_default(),
            state: v1::DeviceState::Active.into(),
            key_list: Some(world.key_list()),
            pass: participant.map(|_| signed_pass()),
            staff_certificate: certified.then(|| {
                lease
                    .sign(world.tenant, &world.staff_certifier)
                    .expect("eight days")
            }),
            server_time_ms: now.as_ms(),
            audience: "desk".to_owned(),
            ..v1::EnrolResponse::default()
        }
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
            payload,
            origin,
        };
        self.streams
            .entry(stream)
            .or_default()
            .push(AdmittedOp { op, admission });
    }
}

/// What the desk knows, for judging.
struct Known<'a> {
    state: &'a State,
    catalog: &'a Catalog,
}

impl Facts for Known<'_> {
    fn pass_holder(&self, pass: PassTag, _: Timestamp) -> Option<ParticipantId> {
        self.state.passes.get(&pass).copied()
    }

    fn check_in(&self, id: OpId) -> Option<CheckInFact> {
        let ops = self.state.streams.values().flatten();
        let admitted = ops.into_iter().find(|admitted| admitted.id() == id)?;
        match admitted.op.parse() {
            Ok(Some(Payload::CheckIn(check_in))) => Some(CheckInFact {
                subject: admitted.admission.subject?,
                place: check_in.place,
                corrected_at: admitted.admission.corrected_at,
                session: check_in.session,
                pass: match check_in.witness {
                    Witness::PassScan(pass) => Some(pass),
                    _ => None,
                },
                log: Some(admitted.op.origin.log),
            }),
            _ => None,
        }
    }

    fn correction_revision(&self, check_in: OpId) -> Option<u32> {
        let ops = self.state.streams.values().flatten();
        let revision = |admitted: &AdmittedOp| match admitted.op.parse() {
            Ok(Some(Payload::Correction(correction))) if correction.check_in == check_in => {
                Some(correction.revision)
            }
            _ => None,
        };
        Some(ops.filter_map(revision).max().unwrap_or(0))
    }

    fn register_revision(&self, _: ParticipantId, _: &Register) -> Option<u32> {
        None
    }

    fn is_erased(&self, _: ParticipantId) -> bool {
        false
    }

    fn is_pass_erased(&self, _: PassTag) -> bool {
        false
    }

    fn is_log_erased(&self, _: LogId) -> bool {
        false
    }

    fn log_writer(&self, log: LogId) -> Option<(DeviceId, Option<ParticipantId>)> {
        let (device, _) = self.state.logs.get(&log)?;
        Some((*device, self.state.devices.get(device)?.participant))
    }

    fn local_date(&self, place: PlaceId, at: Timestamp) -> Option<LocalDate> {
        self.catalog.local_date(place, at)
    }

    fn session_date(
        &self,
        place: PlaceId,
        at: Timestamp,
        session: SessionRef,
    ) -> Option<LocalDate> {
        self.catalog.session_date(place, at, session)
    }
}

impl Desk {
    /// The log, and whether its writer may go on with it: what is past a conflict is not taken in.
    fn take_batch(
        &self,
        state: &mut State,
        sealed: &v1::SealedBatch,
        device: DeviceId,
        now: ClockReading,
    ) -> Result<LogId, LogId> {
        let known = state.devices[&device].clone();
        let batch = Batch::open(sealed, self.world.tenant, device, &known.key).expect("sealed");
        let fresh = || (device, Vec::new());
        state.logs.entry(batch.log).or_insert_with(fresh);
        for (sequence, op) in batch.sequenced() {
            state
                .ops
                .entry((batch.log, sequence))
                .or_insert_with(|| op.clone());
            let index = usize::try_from(sequence).expect("small");
            let held = state.logs[&batch.log].1.get(index).cloned();
            match &held {
                Some(held) if held.op() != op.id() => return Err(batch.log),
                // A log has a gap where the desk has forgotten.
                None if state.logs[&batch.log].1.len() != index => {
                    assert!(state.generation > 0, "a log has a gap");
                    return Ok(batch.log);
                }
                Some(_) | None => {}
            }
            if matches!(held, None | Some(Settled::Deferred(_))) {
                let settled = self.settle(state, op, &batch, now);
                let log = &mut state.logs.get_mut(&batch.log).expect("there").1;
                log.truncate(index);
                log.push(settled);
            }
        }
        if let Some(participant) = known.participant {
            self.confirm(state, participant, now.wall);
        }
        Ok(batch.log)
    }

    fn take_frame(
        &self,
        state: &mut State,
        sealed: &[u8],
        now: ClockReading,
    ) -> v1::frame_outcome::Result {
        let Ok(frame) = lifeboat::open(&self.world.ingest, self.world.tenant, sealed) else {
            return v1::frame_outcome::Result::Refused;
        };
        let author = DeviceId::try_from(&*frame.device_id).expect("an id");
        let unsaid = v1::SyncRequest::default();
        for batch in &frame.batches {
            let batch = &self.plain(state, &unsaid, author, batch);
            // A conflict is the writer's to hear of, and what it wrote then comes again.
            let _ = self.take_batch(state, batch, author, now);
        }
        v1::frame_outcome::Result::Taken
    }

    fn settle(&self, state: &mut State, op: &Op, batch: &Batch, now: ClockReading) -> Settled {
        let id = op.id();
        let known = state.devices[&batch.device].clone();
        let refusal = |one| {
            matches!(
                one,
                Disturbance::Reject | Disturbance::RejectToResubmit | Disturbance::Defer
            )
        };
        match state.next_disturbance(refusal) {
            Some(Disturbance::Reject) => return Settled::Rejected(id, v1::Undo::Discard),
            Some(Disturbance::RejectToResubmit) => {
                return Settled::Rejected(id, v1::Undo::Resubmit);
            }
            Some(_) => return Settled::Deferred(id),
            None => {}
        }
        let author = Author {
            device: batch.device,
            role: known.role,
            participant: known.participant,
            scope: PlaceScope::All,
            lease_until: None,
            standing: AuthorStanding::Full,
        };
        let clocks = Clocks {
            written_in: batch.clock_segment,
            sent_with: Some(now),
            told: None,
            received_at: now.wall,
        };
        let facts = Known {
            state,
            catalog: &self.catalog,
        };
        let Judgement::Accepted { admission, payload } =
            judge(op, batch.log, &author, clocks, &facts)
        else {
            return Settled::Rejected(id, v1::Undo::Discard);
        };
        if state.accepted.contains(&id) {
            return Settled::Accepted(id);
        }
        let route = route(id, &payload, &admission, None, &facts);
        let admitted = AdmittedOp {
            op: op.clone(),
            admission,
        };
        for stream in route.streams {
            state
                .streams
                .entry(stream)
                .or_default()
                .push(admitted.clone());
        }
        if let Some((stream, seen)) = route.derived {
            state.say(stream, &Payload::PassSeen(seen), None, now.wall);
        }
        state.accepted.push(id);
        Settled::Accepted(id)
    }

    fn confirm(&self, state: &mut State, participant: ParticipantId, now: Timestamp) {
        let stream = StreamKey::Participant(participant);
        let folded = {
            let ops = state.streams.get(&stream).cloned().unwrap_or_default();
            ParticipantState::fold(participant, &ops, &self.catalog)
        };
        let evaluation = evaluate(&folded, &ChallengeTotals::new(), &self.catalog);
        let confirmed: BTreeSet<_> = folded.confirmed().map(|one| one.award).collect();
        for eligible in evaluation.eligible {
            if !confirmed.contains(&eligible.award) {
                let payload = Payload::AwardConfirmed(AwardConfirmed {
                    award: eligible.award,
                    goal: eligible.goal,
                    stage: eligible.stage,
                    rule_version: 1,
                    catalog_hash: self.catalog.hash().to_vec(),
                    occurred_at: now,
                });
                state.say(stream, &payload, Some(participant), now);
            }
        }
    }

    fn outcomes(
        &self,
        state: &mut State,
        request: &v1::SyncRequest,
        device: DeviceId,
        now: ClockReading,
    ) -> Vec<v1::LogOutcome> {
        let is_long = request.positions.is_empty();
        let conflict = is_long
            .then(|| state.next_disturbance(|one| one == Disturbance::HeadAhead))
            .flatten();
        let mut logs = BTreeMap::new();
        for (from_last, head) in request.log_heads.iter().rev().enumerate() {
            let log = LogId::try_from(&*head.log_id).expect("an id");
            let held = state.logs.get(&log).map_or(0, |(_, settled)| settled.len());
            if (conflict.is_some() && from_last == 0) || held as u64 > head.next_sequence {
                logs.insert(log, conflict_of(&head.log_id));
            }
        }
        for batch in &request.batches {
            let batch = &self.plain(state, request, device, batch);
            let log = v1::Batch::decode(&*batch.batch).expect("a batch").log_id;
            if logs
                .get(&LogId::try_from(&*log).expect("an id"))
                .is_some_and(|one| one.conflict.is_some())
            {
                continue;
            }
            match self.take_batch(state, batch, device, now) {
                Ok(log) => logs.insert(log, outcome_of(log, &state.logs[&log].1)),
                Err(log) => logs.insert(log, conflict_of(log.as_bytes())),
            };
        }
        for (log, outcome) in Self::forgotten(state, &request.log_heads) {
            logs.entry(log).or_insert(outcome);
        }
        logs.into_values().collect()
    }

    fn answer(
        &self,
        state: &mut State,
        request: &v1::SyncRequest,
        device: DeviceId,
    ) -> Vec<v1::SyncResponse> {
        let now = state.clock_of(request);
        let is_short = !request.positions.is_empty();
        // A server that knows more than this writer does not agree with its short form.
        let is_ahead = is_short && state.disturbances.contains(&Disturbance::HeadAhead);
        let logs = if is_ahead {
            Vec::new()
        } else {
            self.outcomes(state, request, device, now)
        };
        let frames = (0..).zip(&request.carried_frames);
        let frames = frames
            .map(|(index, frame)| v1::FrameOutcome {
                index,
                result: self.take_frame(state, &frame.sealed, now).into(),
            })
            .collect();
        for page in &request.returned_pages {
            self.take_returned(state, device, page);
        }
        let mut parts = vec![Part::Outcomes(v1::Outcomes { logs, frames })];
        let is_doubted = is_short && state.is_disturbed(Disturbance::LongFormOnce);
        let short = self.short_form(state, request, device);
        let short = short.filter(|_| is_short && !is_ahead && !is_doubted);
        let named = Self::named(state, request, short.as_ref().and_then(|(_, log)| *log));
        if let Some((keys, log)) = &short {
            let of_log = |outcome: &mut v1::LogOutcome| {
                if Some(&*outcome.log_id) == log.as_ref().map(|log| &log.as_bytes()[..]) {
                    outcome.log_id.clear();
                }
            };
            if let Some(Part::Outcomes(outcomes)) = parts.first_mut() {
                outcomes.logs.iter_mut().for_each(of_log);
            }
            parts.extend(self.short_pages(state, request, keys, &named));
        }
        let participant = state.devices[&device].participant;
        let mut streams = Vec::new();
        for cursor in &request.cursors {
            let selector = cursor.selector.expect("a selector");
            let key = StreamKey::select(&selector, device, participant)
                .expect("known")
                .expect("own");
            let info = Self::stream_info(state, key, cursor);
            let position = Self::position(&info, cursor);
            streams.push(info);
            let pages = self.pages(state, request, (key, position), &named);
            parts.extend(pages.into_iter().map(Part::Page));
        }
        if !is_short || !streams.is_empty() {
            let opening = v1::SyncOpening {
                version: 1,
                // It has no clock of its own.
                server_time_ms: request.client_clock.map_or(0, |clock| clock.wall_ms),
                streams,
                limits: (!is_short).then_some(v1::Limits {
                    carried_frames_max: 32,
                    ..state.limits
                }),
                ..v1::SyncOpening::default()
            };
            parts.insert(0, Part::Opening(opening));
        }
        parts.push(Part::Closing(v1::SyncClosing {
            long_form_wanted: is_short && short.is_none(),
            ..v1::SyncClosing::default()
        }));
        parts
            .into_iter()
            .map(|part| v1::SyncResponse { part: Some(part) })
            .collect()
    }
}

fn first16(parts: &[&[u8]]) -> [u8; 16] {
    let digest = Sha256::digest(parts.concat());
    digest[..16].try_into().expect("16 bytes")
}

fn conflict_of(log_id: &[u8]) -> v1::LogOutcome {
    let conflict = v1::LogConflict {
        cause: v1::log_conflict::Cause::HeadAhead.into(),
        server_next_sequence: 1_000,
    };
    // How far the log has come on the server, with ops of a writer that forgot them.
    v1::LogOutcome {
        log_id: log_id.to_vec(),
        settled_before: 1_000,
        conflict: Some(conflict),
        ..Default::default()
    }
}

fn outcome_of(log: LogId, settled: &[Settled]) -> v1::LogOutcome {
    use v1::outcome_exception::Outcome;
    let exception = |(sequence, settled): (u64, &Settled)| {
        let outcome = match settled {
            Settled::Accepted(_) => return None,
            Settled::Rejected(_, undo) => Outcome::Rejected(v1::Rejected {
                reason: "OP_NOT_ALLOWED".to_owned(),
                text: "Ei käy.".to_owned(),
                undo: (*undo).into(),
            }),
            Settled::Deferred(_) => Outcome::Deferred(v1::Deferred {
                until_ms: 1,
                reason: "LATER".to_owned(),
            }),
        };
        Some(v1::OutcomeException {
            sequence,
            outcome: Some(outcome),
        })
    };
    v1::LogOutcome {
        log_id: log.to_vec(),
        settled_before: settled.len() as u64,
        exceptions: (0..).zip(settled).filter_map(exception).collect(),
        ..v1::LogOutcome::default()
    }
}

fn caller(credential: &Credential) -> DeviceId {
    let parsed = askel_sync::key::credential::CallCredential::parse(credential.as_str());
    parsed.expect("a credential").claimed.device
}

#[async_trait]
impl Transport for Desk {
    fn use_server(&self, _: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        if self
            .state()
            .next_disturbance(|one| one == Disturbance::RequestLost)
            .is_some()
        {
            return Err(TransportError::Unreachable);
        }
        let now = super::TUESDAY_NOON;
        Ok(self.enrol_key(&request.device_public_key, &request.invitation_code, now))
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        let next_sheet = v1::RecoverySheet {
            code: askel_sync::invitation::long_code([0x5A; 16]),
            created_at_ms: 0,
        };
        let with_sheet = matches!(
            request.right,
            Some(v1::come_back_request::Right::RecoveryCode(_))
        );
        Ok(v1::EnrolResponse {
            recovery_sheet: with_sheet.then_some(next_sheet),
            ..self.enrol_key(&request.device_public_key, "", super::TUESDAY_NOON)
        })
    }

    async fn create_recovery_sheet(
        &self,
        _: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        let code = askel_sync::invitation::long_code([0xA5; 16]);
        Ok(v1::RecoverySheet {
            code,
            created_at_ms: 0,
        })
    }

    async fn approve_device(
        &self,
        _: &Credential,
        _: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        Ok(v1::ApproveDeviceResponse::default())
    }

    async fn refuse_device(
        &self,
        _: &Credential,
        _: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        Ok(v1::OwnDevice::default())
    }

    async fn revoke_own_device(
        &self,
        _: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        let device = DeviceId::try_from(&*request.device_id).expect("an id");
        self.state().devices.remove(&device);
        Ok(v1::OwnDevice::default())
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        _: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        let current = caller(credential);
        let state = self.state();
        let device = |id: &DeviceId| v1::OwnDevice {
            device_id: id.to_vec(),
            state: v1::DeviceState::Active.into(),
            current: *id == current,
            ..v1::OwnDevice::default()
        };
        Ok(v1::ListOwnDevicesResponse {
            devices: state.devices.keys().map(device).collect(),
            ..v1::ListOwnDevicesResponse::default()
        })
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        // What travels is bytes.
        let request = v1::SyncRequest::decode(&*request.encode_to_vec()).expect("a request");
        let mut state = self.state();
        let line = |one| {
            matches!(
                one,
                Disturbance::RequestLost
                    | Disturbance::CutAfter(_)
                    | Disturbance::Stale
                    | Disturbance::Silence
                    | Disturbance::Erased
            )
        };
        let disturbance = state.next_disturbance(line);
        match disturbance {
            Some(Disturbance::RequestLost) => return Err(TransportError::Unreachable),
            Some(Disturbance::Stale) => return Err(stale()),
            Some(Disturbance::Erased) => return Err(erased()),
            Some(Disturbance::Silence) => return Ok(Box::pin(tokio_stream::pending())),
            _ => {}
        }
        state.requests.push(request.clone());
        let device = caller(credential);
        let mut parts: Vec<_> = self
            .answer(&mut state, &request, device)
            .into_iter()
            .map(Ok)
            .collect();
        if let Some(Disturbance::CutAfter(count)) = disturbance {
            parts.truncate(count);
            parts.push(Err(TransportError::Unreachable));
        }
        Ok(Box::pin(tokio_stream::iter(parts)))
    }

    async fn get_catalog_chunk(
        &self,
        _: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        let mut state = self.state();
        let disturbance = state.next_disturbance(|one| {
            matches!(one, Disturbance::BadChunk | Disturbance::ChunksLostAfter(_))
        });
        match disturbance {
            Some(Disturbance::ChunksLostAfter(0)) => return Err(TransportError::Unreachable),
            Some(Disturbance::ChunksLostAfter(left)) => {
                state
                    .disturbances
                    .push(Disturbance::ChunksLostAfter(left - 1));
            }
            _ => {}
        }
        let offset = usize::try_from(request.offset).expect("small");
        let rest = &self.world.content[offset..];
        let mut data = rest[..rest.len().min(CATALOG_CHUNK_BYTES)].to_vec();
        if disturbance == Some(Disturbance::BadChunk) {
            data[0] ^= 1;
        }
        let size_bytes = self.world.content.len() as u64;
        Ok(v1::CatalogChunk {
            data,
            offset: request.offset,
            size_bytes,
        })
    }
}

fn erased() -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::EnrolAgain,
        reason: "ERASED".to_owned(),
        text: String::new(),
        retry_after: None,
        server_time_ms: None,
    })
}

fn stale() -> TransportError {
    TransportError::Refused(Refusal {
        advice: Advice::RetryLater,
        reason: "CREDENTIAL_STALE".to_owned(),
        text: String::new(),
        retry_after: None,
        server_time_ms: Some(super::TUESDAY_NOON.as_ms()),
    })
}
