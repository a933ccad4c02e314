//! Mallory: a participant with a key and without the SDK.

use std::fmt::Write as _;

use askel_proto::v1;
use askel_sync::{
    id::{LogId, OpId, PassTag, PlaceId, SlotId, StepSourceId},
    op::{
        CheckIn, Correction, CorrectionReason, FavouriteRemoved, Manner, Measure, Op, Origin,
        Payload, ProfileField, ProfileSet, SessionRef, StepCount, Tally, Verdict, Witness,
    },
    time::{Quarter, Timestamp},
};

use crate::{chance::Chance, raw::RawDevice, trace::Trace};

/// What Mallory can do.
const TRICK_WORDS: &[&str] = &[
    "sends garbage as an op",
    "leaves a gap in a log",
    "writes into another's log",
    "puts another op at a sequence that is taken",
    "uses the greatest numbers there are",
    "hands in another's op as an own one",
    "counts people and scans passes like staff",
    "voids another's check-in",
    "sends a huge batch",
    "sends ops of a kind that nobody knows",
    "removes another's favourites",
    "sends bytes that are no batch",
];

/// How many tricks there are.
pub(crate) const TRICKS: usize = TRICK_WORDS.len();

/// A trick in words.
pub(crate) fn describe(trick: usize) -> &'static str {
    TRICK_WORDS.get(trick).copied().unwrap_or("does something")
}

/// What Mallory knows of others: what went over the air.
#[derive(Default)]
pub(crate) struct Overheard {
    /// The next sequence of each log, as far as it was heard.
    pub(crate) ends: Vec<Origin>,
    /// Ops of logs that the server knows.
    pub(crate) ops: Vec<Op>,
    pub(crate) passes: Vec<PassTag>,
}

impl Overheard {
    fn ids(&self) -> Vec<OpId> {
        self.ops.iter().map(Op::id).collect()
    }
}

/// Mallory's device.
pub(crate) struct Mallory {
    pub(crate) device: RawDevice,
    pub(crate) log: LogId,
    pub(crate) next: u64,
    pub(crate) trace: Trace,
}

impl Mallory {
    /// Plays a trick.
    pub(crate) async fn play(
        &mut self,
        trick: usize,
        overheard: &Overheard,
        chance: &mut Chance,
        now: Timestamp,
    ) {
        let batches = self.batches(trick, overheard, chance, now);
        let request = v1::SyncRequest {
            batches,
            ..v1::SyncRequest::default()
        };
        let told = match self.device.sync(request, now).await {
            Ok(parts) => self.take(&parts),
            Err(status) => format!("refused: {}", status.message()),
        };
        self.trace.note(format!("Mallory: {told}"));
    }

    fn take(&mut self, parts: &[v1::SyncResponse]) -> String {
        use v1::sync_response::Part;
        let mut told = String::new();
        for part in parts {
            if let Some(Part::Outcomes(outcomes)) = &part.part {
                for log in &outcomes.logs {
                    if log.log_id == self.log.as_bytes() || log.log_id.is_empty() {
                        self.next = self.next.max(log.settled_before);
                    }
                    let _ = write!(
                        told,
                        "settled before {}, {} exceptions, conflict {:?}; ",
                        log.settled_before,
                        log.exceptions.len(),
                        log.conflict
                    );
                }
            }
        }
        told
    }

    fn batches(
        &self,
        trick: usize,
        overheard: &Overheard,
        chance: &mut Chance,
        now: Timestamp,
    ) -> Vec<v1::SealedBatch> {
        let ops = |ops: Vec<Payload>| {
            let ops = (self.next..).zip(ops).map(|(sequence, payload)| {
                let origin = Origin {
                    log: self.log,
                    sequence,
                };
                Op::new(origin, &payload)
            });
            ops.collect::<Vec<Op>>()
        };
        let own =
            |payloads: Vec<Payload>| vec![self.device.seal(self.log, self.next, ops(payloads))];
        let check_in = || check_in(now, Witness::SelfReport);
        match trick {
            0 => {
                let mut payload = vec![0; 40];
                chance.fill(&mut payload);
                let mut garbage = ops(vec![check_in()]);
                garbage[0].payload = payload.into();
                vec![self.device.seal(self.log, self.next, garbage)]
            }
            1 => vec![self.device.seal(self.log, self.next + 7, {
                let mut later = ops(vec![check_in()]);
                later[0].origin.sequence = self.next + 7;
                later
            })],
            2 => some(&overheard.ends, chance)
                .map(|end| {
                    let op = Op::new(end, &check_in());
                    self.device.seal(end.log, end.sequence, vec![op])
                })
                .into_iter()
                .collect(),
            3 => vec![self.device.seal(self.log, 0, {
                let origin = Origin {
                    log: self.log,
                    sequence: 0,
                };
                vec![Op::new(
                    origin,
                    &picture(now, 1, u32::try_from(chance.below(60)).unwrap_or(0)),
                )]
            })],
            4 => own(extremes()),
            5 => {
                let mut stolen = overheard.ops.clone();
                stolen.retain(|op| op.origin.log != self.log);
                let op =
                    (!stolen.is_empty()).then(|| stolen.swap_remove(chance.below(stolen.len())));
                op.map(|op| self.device.seal(self.log, self.next, vec![op]))
                    .into_iter()
                    .collect()
            }
            6 => {
                let scan = some(&overheard.passes, chance)
                    .map(|pass| self::check_in(now, Witness::PassScan(pass)));
                own([tally(now)].into_iter().chain(scan).collect())
            }
            7 => own(some(&overheard.ids(), chance)
                .map(|op| void(op, now))
                .into_iter()
                .collect()),
            8 => own((0..500).map(|n| steps(now, n)).collect()),
            9 => {
                let mut unknown = ops(vec![check_in()]);
                unknown[0].kind = 77_777;
                vec![self.device.seal(self.log, self.next, unknown)]
            }
            10 => own(some(&overheard.ids(), chance)
                .map(|op| {
                    Payload::FavouriteRemoved(FavouriteRemoved {
                        place: PlaceId::new(1),
                        occurred_at: now,
                        added: vec![op],
                    })
                })
                .into_iter()
                .collect()),
            _ => {
                let mut bytes = vec![0; 200];
                chance.fill(&mut bytes);
                vec![v1::SealedBatch {
                    batch: bytes,
                    signature: vec![1; 64],
                    ..v1::SealedBatch::default()
                }]
            }
        }
    }
}

fn some<T: Copy>(of: &[T], chance: &mut Chance) -> Option<T> {
    (!of.is_empty()).then(|| of[chance.below(of.len())])
}

fn check_in(now: Timestamp, witness: Witness) -> Payload {
    Payload::CheckIn(CheckIn {
        place: PlaceId::new(1),
        occurred_at: now,
        session: SessionRef::Slot(SlotId::new(1)),
        manner: Manner::OnSite,
        catalog_version: 1,
        witness,
    })
}

fn picture(at: Timestamp, revision: u32, picture: u32) -> Payload {
    Payload::ProfileSet(ProfileSet {
        occurred_at: at,
        field: ProfileField::Picture(picture),
        revision,
    })
}

fn steps(now: Timestamp, quarters_ago: i64) -> Payload {
    let at = now.saturating_add_ms(quarters_ago * -900_000);
    Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([0x66; 16]),
        bucket: Quarter::containing(at).expect("after 1970"),
        count: 1,
        revision: 1,
        measure: Measure::Steps,
    })
}

fn tally(now: Timestamp) -> Payload {
    Payload::Tally(Tally {
        place: PlaceId::new(1),
        occurred_at: now,
        session: SessionRef::Slot(SlotId::new(1)),
        manner: Manner::OnSite,
        delta: 50,
    })
}

fn void(check_in: OpId, now: Timestamp) -> Payload {
    Payload::Correction(Correction {
        check_in,
        revision: 1,
        verdict: Verdict::Void,
        reason: CorrectionReason::ScannedByMistake,
        occurred_at: now,
    })
}

fn extremes() -> Vec<Payload> {
    let latest = Timestamp::from_ms(i64::MAX);
    vec![
        picture(latest, u32::MAX, 63),
        picture(Timestamp::from_ms(4_070_908_800_000), 1_000_000, 63),
        Payload::StepCount(StepCount {
            source: StepSourceId::from_bytes([0x66; 16]),
            bucket: Quarter::new(u32::MAX),
            count: u32::MAX,
            revision: u32::MAX,
            measure: Measure::Steps,
        }),
        check_in(latest, Witness::SelfReport),
    ]
}
