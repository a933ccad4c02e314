//! An app with a bug: what no other app would hand in, among what is good.

use std::collections::BTreeMap;

use askel_proto::v1::{self, outcome_exception::Outcome, sync_response::Part};
use askel_sync::{
    admission::Role,
    id::{LogId, OpId, PlaceId, SlotId, StepSourceId},
    op::{
        Evidence, Manner, Measure, Op, Origin, Payload, ProfileField, ProfileSet, SessionRef,
        StepCount, Tally,
    },
    time::{DAY_MS, Quarter, Timestamp},
};

use super::OPS_PER_SYNC;
use crate::{chance::Chance, raw::RawDevice, world::World};

/// What its ops are refused for, in turn.
const REASONS: [&str; 5] = [
    "PAYLOAD_MALFORMED",
    "OP_NOT_ALLOWED",
    "CITED_OP_UNKNOWN",
    "REVISION_AHEAD",
    "ORIGIN_NOT_YOURS",
];
/// A log of another device.
const FOREIGN: Origin = Origin {
    log: LogId::from_bytes([0x0B; 16]),
    sequence: 0,
};

/// A phone and a tablet with that app.
pub(super) struct Buggy {
    phone: RawDevice,
    tablet: RawDevice,
    log: LogId,
    next: u64,
}

impl Buggy {
    /// They are enrolled.
    pub(super) async fn begin(world: &World) -> Self {
        let mut chance = Chance::of(2, "an app with a bug", 0);
        let host = || std::sync::Arc::clone(&world.host);
        let link = world.host.invite(Role::Participant).await;
        let phone = RawDevice::enrol(host(), &link, &mut chance).await;
        let link = world.host.invite(Role::Staff).await;
        let tablet = RawDevice::enrol(host(), &link, &mut chance).await;
        let now = world.true_time.now();
        let foreign = Op::new(FOREIGN, &tally(now));
        let batch = tablet.seal(FOREIGN.log, 0, vec![foreign]);
        send(&tablet, world, batch).await;
        let mut buggy = Self {
            phone,
            tablet,
            log: LogId::from_bytes([0x0A; 16]),
            next: 0,
        };
        let picture = buggy.op(&picture(now, 1));
        buggy.seal_and_send(world, vec![picture]).await;
        buggy
    }

    /// Hands in good ops with a bad one among them, where there is to be one; what it was refused for.
    /// It is told of that one, why, and of no other.
    pub(super) async fn hand_in(
        &mut self,
        world: &World,
        turn: Option<usize>,
        faults: &mut Vec<String>,
    ) -> BTreeMap<String, usize> {
        let now = world.true_time.now();
        let mut ops = Vec::new();
        let mut expected = BTreeMap::new();
        for written in 0..OPS_PER_SYNC {
            if let Some(turn) = turn.filter(|_| written == OPS_PER_SYNC / 2) {
                expected.insert(self.next, REASONS[turn % REASONS.len()].to_owned());
                ops.push(self.bad(turn, now));
            } else {
                let payload = steps(now, self.next);
                ops.push(self.op(&payload));
            }
        }
        let told = self.seal_and_send(world, ops).await;
        if told != expected {
            faults.push(format!(
                "an app with a bug is told {told:?}, not {expected:?}"
            ));
        }
        let mut reasons = BTreeMap::new();
        for reason in told.into_values() {
            *reasons.entry(reason).or_default() += 1;
        }
        reasons
    }

    /// The tablet hands in what it did before its lease ended, and since: what it was refused for.
    pub(super) async fn hand_in_after_the_lease(
        &mut self,
        world: &World,
        faults: &mut Vec<String>,
    ) -> Option<String> {
        let now = world.true_time.now();
        let before = now.saturating_add_ms(-35 * DAY_MS);
        let log = LogId::from_bytes([0x0C; 16]);
        let ops = [before, now, before].into_iter().zip(0..);
        let ops = ops.map(|(at, sequence)| Op::new(Origin { log, sequence }, &tally(at)));
        let batch = self.tablet.seal(log, 0, ops.collect());
        let told = send(&self.tablet, world, batch).await;
        if told != BTreeMap::from([(1, "LEASE_ENDED".to_owned())]) {
            faults.push(format!("a tablet without a lease is told {told:?}"));
        }
        told.into_values().next()
    }

    fn bad(&mut self, turn: usize, now: Timestamp) -> Op {
        match turn % REASONS.len() {
            0 => {
                let mut op = self.op(&steps(now, 0));
                op.payload = vec![0xFF; 9].into();
                op
            }
            1 => self.op(&tally(now)),
            2 => {
                let evidence = Evidence {
                    check_in: OpId::from_bytes([0x0D; 16]),
                    code: vec![1],
                };
                self.op(&Payload::Evidence(evidence))
            }
            3 => self.op(&picture(now, 1_000_000)),
            _ => {
                self.next += 1;
                let mut op = Op::new(FOREIGN, &steps(now, 0));
                op.origin.sequence += u64::try_from(turn).unwrap_or(0);
                op
            }
        }
    }

    fn op(&mut self, payload: &Payload) -> Op {
        let origin = Origin {
            log: self.log,
            sequence: self.next,
        };
        self.next += 1;
        Op::new(origin, payload)
    }

    async fn seal_and_send(&self, world: &World, ops: Vec<Op>) -> BTreeMap<u64, String> {
        let first = self.next - u64::try_from(ops.len()).unwrap_or(0);
        let batch = self.phone.seal(self.log, first, ops);
        send(&self.phone, world, batch).await
    }
}

/// What was refused, by place in the log, and why; or what became of the whole.
async fn send(device: &RawDevice, world: &World, batch: v1::SealedBatch) -> BTreeMap<u64, String> {
    let request = v1::SyncRequest {
        batches: vec![batch],
        ..v1::SyncRequest::default()
    };
    let parts = match device.sync(request, world.true_time.now()).await {
        Ok(parts) => parts,
        Err(status) => return BTreeMap::from([(u64::MAX, status.message().to_owned())]),
    };
    let logs = parts.iter().filter_map(|part| match &part.part {
        Some(Part::Outcomes(outcomes)) => Some(&outcomes.logs),
        _ => None,
    });
    let exceptions = logs.flatten().flat_map(|log| &log.exceptions);
    let told = exceptions.map(|exception| {
        let why = match &exception.outcome {
            Some(Outcome::Rejected(rejected)) if !rejected.text.is_empty() => {
                rejected.reason.clone()
            }
            other => format!("{other:?}"),
        };
        (exception.sequence, why)
    });
    told.collect()
}

fn steps(now: Timestamp, quarters_ago: u64) -> Payload {
    let quarters = i64::try_from(quarters_ago).unwrap_or(0).saturating_add(1);
    let at = now.saturating_add_ms(quarters * -900_000);
    Payload::StepCount(StepCount {
        source: StepSourceId::from_bytes([0x0E; 16]),
        bucket: Quarter::containing(at).expect("after 1970"),
        count: 1,
        revision: 1,
        measure: Measure::Steps,
    })
}

fn tally(at: Timestamp) -> Payload {
    Payload::Tally(Tally {
        place: PlaceId::new(1),
        occurred_at: at,
        session: SessionRef::Slot(SlotId::new(1)),
        manner: Manner::OnSite,
        delta: 1,
    })
}

fn picture(at: Timestamp, revision: u32) -> Payload {
    Payload::ProfileSet(ProfileSet {
        occurred_at: at,
        field: ProfileField::Picture(7),
        revision,
    })
}
