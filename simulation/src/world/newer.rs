//! A phone of a later version: it says what no other phone and no server knows yet.

use std::sync::Arc;

use askel_proto::v1;
use askel_sync::{
    catalog::Catalog,
    id::{LogId, PlaceId},
    op::{CheckIn, Manner, Op, Origin, Payload, Witness},
};

use super::World;
use crate::{catalog, chance::Chance, raw::RawDevice};

/// Its number among devices: behind all others.
const NEWER: usize = 1_000;
/// A kind of a later version.
const UNKNOWN_KIND: u32 = 77_777;
/// A field of a later version, with the value 1: tag 200, a varint.
const UNKNOWN_FIELD: [u8; 3] = [0xC0, 0x0C, 0x01];

/// The phone, once it is enrolled.
pub(crate) struct Newer {
    pub(crate) device: RawDevice,
    /// All that it wrote, with whether the server knows the kind.
    pub(crate) ops: Vec<(Op, bool)>,
}

impl World {
    /// It writes an op, of a kind that is known or not, and hands everything in that it ever wrote, in a
    /// new log each time.
    pub(super) async fn newer_writes(&mut self, is_known: bool, chance: &mut Chance) {
        if self.newer.is_none() {
            self.newer = self.enrol_newer(chance).await;
        }
        let now = self.true_time.now();
        let log = draw_log(chance);
        let first = catalog::content(self.host.tenant.id, 1);
        let catalog = Catalog::parse(&first).expect("a good catalog");
        let Some(newer) = &mut self.newer else {
            self.trace.note("the newer phone is not let in yet");
            return;
        };
        let sequence = u64::try_from(newer.ops.len()).unwrap_or(0);
        let place = PlaceId::new(1 + u32::try_from(chance.below(3)).unwrap_or(0));
        let check_in = CheckIn {
            place,
            occurred_at: now,
            session: catalog.session_at(place, now),
            manner: Manner::OnSite,
            catalog_version: 1,
            witness: Witness::SelfReport,
        };
        let mut op = Op::new(Origin { log, sequence }, &Payload::CheckIn(check_in));
        op.payload = [&op.payload[..], &UNKNOWN_FIELD[..]].concat().into();
        if !is_known {
            op.kind = UNKNOWN_KIND;
        }
        self.oracle.wrote(NEWER, &op);
        newer.ops.push((op, is_known));
        self.newer_hands_in(chance).await;
    }

    /// It hands in everything that it ever wrote, in a new log: so does a phone that may have forgotten.
    pub(crate) async fn newer_hands_in(&mut self, chance: &mut Chance) {
        let Some(newer) = &self.newer else { return };
        let log = draw_log(chance);
        let ops: Vec<Op> = newer.ops.iter().map(|(op, _)| op.clone()).collect();
        let request = v1::SyncRequest {
            batches: vec![newer.device.seal(log, 0, ops)],
            ..v1::SyncRequest::default()
        };
        let now = self.true_time.now();
        let told = match newer.device.sync(request, now).await {
            Ok(parts) => self.newer_is_told(&parts),
            Err(status) => format!("refused: {}", status.message()),
        };
        self.trace.note(format!("the newer phone: {told}"));
    }

    /// What is unknown waits; what is known is taken, whatever else it says.
    fn newer_is_told(&self, parts: &[v1::SyncResponse]) -> String {
        use v1::{outcome_exception::Outcome, sync_response::Part};
        let Some(newer) = &self.newer else {
            return String::new();
        };
        let logs = parts.iter().filter_map(|part| match &part.part {
            Some(Part::Outcomes(outcomes)) => Some(&outcomes.logs),
            _ => None,
        });
        let mut told = 0;
        for log in logs.flatten() {
            if log.conflict.is_some() || log.plain_wanted {
                return format!("{:?}", log.conflict);
            }
            for (sequence, (_, is_known)) in (0..log.settled_before).zip(&newer.ops) {
                let outcome = log.exceptions.iter().find(|one| one.sequence == sequence);
                let is_right = match outcome.and_then(|one| one.outcome.as_ref()) {
                    None => *is_known,
                    Some(Outcome::Deferred(_)) => !is_known,
                    Some(Outcome::Rejected(_)) => false,
                };
                if !is_right {
                    let what = format!("a later version is told {outcome:?}");
                    self.oracle.violation(what);
                }
                told += 1;
            }
        }
        format!("{told} of {} settled", newer.ops.len())
    }

    /// The first phone lets it in.
    async fn enrol_newer(&self, chance: &mut Chance) -> Option<Newer> {
        let first = self.enrolled(0)?;
        let key = RawDevice::draw_key(chance);
        first.approve_device(&key.public_key(), None).await.ok()?;
        let device = RawDevice::come_back(Arc::clone(&self.host), key).await?;
        let person = first.enrolled()?.participant?;
        self.oracle.owns(person, NEWER);
        Some(Newer {
            device,
            ops: Vec::new(),
        })
    }
}

fn draw_log(chance: &mut Chance) -> LogId {
    let mut log = [0; 16];
    chance.fill(&mut log);
    LogId::from_bytes(log)
}
