//! Knows what was acknowledged to whom, and sees at once when something of it is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askel_client_sdk::{SeenOp, SeenStanding, Timestamp, TransportError};
use askel_proto::v1;
use askel_sync::{
    id::{LogId, OpId, ParticipantId},
    op::{Op, Origin},
    time::{DAY_MS, MINUTE_MS},
};
use prost::Message as _;

use self::ended::Ended;
pub(crate) use self::ended::{Adrift, Told};
use crate::{cast::name, time::TrueTime, trace::Trace};

mod ended;

/// What a device was doing when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It was asked to write something.
    Wrote,
    /// It synced: nothing new may be there.
    Synced,
    /// It was started again: what was being written may be there.
    Started,
    /// It was put back: what is there now is what it has.
    PutBack,
}

/// An op that some device had on its disk.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) device: usize,
    /// The true time.
    pub(crate) at: Timestamp,
    pub(crate) op: Op,
}

/// What was accepted is kept so long, by the true time: a server that is put back wants it back. A device's
/// time may be off by what a message is under way.
const KEPT_MS_MIN: i64 = 35 * DAY_MS - 10 * MINUTE_MS;

/// Refusals that an honest device must never get.
const NEVER: &[&str] = &[
    "INTERNAL",
    "BATCH_MALFORMED",
    "WRITER_NOT_SIGNER",
    "SIGNATURE_INVALID",
    "MESSAGE_MALFORMED",
    "MESSAGE_TOO_LARGE",
    "FIELD_INVALID",
    "LIMIT_EXCEEDED",
    "STREAM_NOT_YOURS",
];

/// The oracle.
pub(crate) struct Oracle {
    trace: Trace,
    true_time: Arc<TrueTime>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lives: BTreeMap<usize, BTreeMap<OpId, SeenOp>>,
    written: BTreeMap<OpId, Written>,
    /// Who was told first, and at which true time.
    accepted: BTreeMap<OpId, (usize, Timestamp)>,
    rejected: BTreeMap<OpId, usize>,
    people: BTreeSet<ParticipantId>,
    /// Names of devices that may know who their owner is.
    phones: BTreeSet<String>,
    ended: Ended,
    /// The boots in which a device has heard all that the server says.
    tied: BTreeSet<(usize, u64)>,
    violations: Vec<String>,
}

impl Oracle {
    pub(crate) fn new(trace: Trace, true_time: Arc<TrueTime>) -> Self {
        Self {
            trace,
            true_time,
            state: Mutex::default(),
        }
    }

    /// Something that must never happen has happened.
    pub(crate) fn violation(&self, what: String) {
        self.trace.note(format!("VIOLATION {what}"));
        self.state().violations.push(what);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// A participant, whose id no scanner may see, with a phone.
    pub(crate) fn meets(&self, person: ParticipantId, phone: String) {
        let mut state = self.state();
        state.people.insert(person);
        state.phones.insert(phone);
    }

    /// Looks at all own ops of a device, and returns those that it was newly told are accepted.
    pub(crate) fn look(&self, device: usize, seen: Vec<SeenOp>, look: Look) -> Vec<OpId> {
        let now = self.true_time.now();
        let mut faults = Vec::new();
        let mut lost: Vec<(OpId, String)> = Vec::new();
        let mut dropped: Vec<(OpId, i64)> = Vec::new();
        let mut newly = Vec::new();
        let mut state = self.state();
        let seen: BTreeMap<OpId, SeenOp> = seen.into_iter().map(|op| (op.id, op)).collect();
        let former = state.lives.remove(&device).unwrap_or_default();
        if look != Look::PutBack {
            lost.extend(not_there(device, &former, &seen));
            let gone = former.values().filter(|op| !seen.contains_key(&op.id));
            let gone = gone.filter(|op| op.standing == SeenStanding::Accepted);
            let kept = |op: &SeenOp| {
                let (_, told_at) = state.accepted.get(&op.id)?;
                Some((op.id, now.saturating_ms_since(*told_at)))
            };
            dropped.extend(gone.filter_map(kept));
        }
        for op in seen.values() {
            let held = former.get(&op.id);
            if held.is_none() && look == Look::Synced {
                faults.push(format!("{}: a sync made {}", name(device), told(op)));
            }
            if matches!(look, Look::Wrote | Look::Started) {
                state.written.entry(op.id).or_insert_with(|| Written {
                    device,
                    at: now,
                    op: op.op.clone(),
                });
            }
            match op.standing {
                SeenStanding::Accepted => {
                    state.accepted.entry(op.id).or_insert_with(|| {
                        newly.push(op.id);
                        (device, now)
                    });
                }
                SeenStanding::Rejected => {
                    state.rejected.insert(op.id, device);
                }
                SeenStanding::Open => {}
            }
        }
        state.lives.insert(device, seen);
        drop(state);
        for fault in faults {
            self.violation(fault);
        }
        // What is about someone erased goes at once.
        lost.retain(|(op, _)| !self.may_be_erased(*op));
        for (_, what) in lost {
            self.violation(what);
        }
        dropped.retain(|(op, kept_ms)| *kept_ms < KEPT_MS_MIN && !self.may_be_erased(*op));
        for (op, kept_ms) in dropped {
            let (op, kept_days) = (short(op), kept_ms / DAY_MS);
            let what = format!("{} drops op {op} after {kept_days} days", name(device));
            self.violation(what);
        }
        newly
    }

    /// A device's part of an answer: nobody at a door learns who people are.
    pub(crate) fn hears(&self, device: &str, part: &v1::SyncResponse) {
        if self.state().phones.contains(device) {
            return;
        }
        let bytes = part.encode_to_vec();
        let people: Vec<ParticipantId> = self.state().people.iter().copied().collect();
        for person in people {
            let id = person.as_bytes();
            if bytes.windows(id.len()).any(|window| window == id) {
                self.violation(format!("{device} was told a participant's id"));
            }
        }
    }

    /// A refusal that an honest device must never get.
    pub(crate) fn hears_refusal(&self, device: &str, error: &TransportError) {
        let TransportError::Refused(refusal) = error else {
            return;
        };
        if NEVER.contains(&&*refusal.reason) {
            self.violation(format!("{device} is refused: {}", refusal.reason));
        }
    }

    /// A device without the SDK writes an op.
    pub(crate) fn wrote(&self, device: usize, op: &Op) {
        let at = self.true_time.now();
        let written = Written {
            device,
            at,
            op: op.clone(),
        };
        self.state().written.insert(op.id(), written);
    }

    pub(crate) fn written(&self, op: OpId) -> Option<Written> {
        self.state().written.get(&op).cloned()
    }

    /// What was ever told to be accepted.
    pub(crate) fn accepted(&self) -> Vec<(OpId, usize)> {
        let state = self.state();
        let accepted = state.accepted.iter();
        accepted.map(|(op, (by, _))| (*op, *by)).collect()
    }

    /// What any of these devices holds.
    pub(crate) fn held(&self, by: &BTreeSet<usize>) -> BTreeSet<OpId> {
        let state = self.state();
        let lives = state.lives.iter().filter(|(device, _)| by.contains(device));
        lives.flat_map(|(_, life)| life.keys()).copied().collect()
    }

    /// A device has synced wholly in a boot: it knows what the time was.
    pub(crate) fn ties(&self, device: usize, boot: u64) {
        self.state().tied.insert((device, boot));
    }

    /// Which devices hold an op, and whether each has synced wholly in the boot that wrote it.
    pub(crate) fn holders(&self, op: OpId) -> Vec<(usize, bool)> {
        let state = self.state();
        let lives = state.lives.iter();
        let holders = lives.filter_map(|(device, life)| Some((*device, life.get(&op)?)));
        holders
            .map(|(device, op)| (device, state.tied.contains(&(device, op.segment.boot_id))))
            .collect()
    }

    /// What a device holds.
    pub(crate) fn life(&self, device: usize) -> Vec<SeenOp> {
        let state = self.state();
        let life = state.lives.get(&device);
        life.map(|life| life.values().cloned().collect())
            .unwrap_or_default()
    }

    /// What goes over the air: the ends of logs, and ops of logs that the server knows.
    pub(crate) fn overhear(&self) -> (Vec<Origin>, Vec<Op>) {
        let state = self.state();
        let ops = || state.lives.values().flat_map(BTreeMap::values);
        let known: BTreeSet<LogId> = ops()
            .filter(|op| op.standing == SeenStanding::Accepted)
            .map(|op| op.op.origin.log)
            .collect();
        let mut ends: BTreeMap<LogId, u64> = BTreeMap::new();
        for op in ops().filter(|op| op.sealed) {
            let end = ends.entry(op.carrier.log).or_default();
            *end = (*end).max(op.carrier.sequence + 1);
        }
        let ends = ends.into_iter();
        let ends = ends.map(|(log, sequence)| Origin { log, sequence });
        let is_open = |op: &&SeenOp| op.standing == SeenStanding::Open;
        let sent = ops().filter(is_open);
        let sent = sent.filter(|op| known.contains(&op.op.origin.log));
        (ends.collect(), sent.map(|op| op.op.clone()).collect())
    }

    /// A device is put back to `image`, where it had given up so many logs: whether the server has more of
    /// its log than it will remember. Without an op it can't be told which log is open, but before the
    /// first was given up there was one.
    pub(crate) fn forgets(&self, device: usize, image: &[SeenOp], given_up: u32) -> bool {
        let open = image.last().map(|op| op.carrier.log);
        let had_none = image.is_empty() && given_up == 0;
        let kept: BTreeSet<OpId> = image.iter().map(|op| op.id).collect();
        let life = self.life(device);
        life.iter().any(|op| {
            op.standing == SeenStanding::Accepted
                && (had_none || Some(op.carrier.log) == open)
                && !kept.contains(&op.id)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ops that were there and are not any more, without a reason.
fn not_there(
    device: usize,
    former: &BTreeMap<OpId, SeenOp>,
    seen: &BTreeMap<OpId, SeenOp>,
) -> Vec<(OpId, String)> {
    let rewritten: BTreeSet<Origin> = seen.values().map(|op| op.op.origin).collect();
    let is_lost = |op: &&SeenOp| {
        let may_change = !op.sealed && rewritten.contains(&op.op.origin);
        !seen.contains_key(&op.id) && op.standing != SeenStanding::Accepted && !may_change
    };
    former
        .values()
        .filter(is_lost)
        .map(|op| (op.id, format!("{} has lost {}", name(device), told(op))))
        .collect()
}

/// An op in few words.
pub(crate) fn told(op: &SeenOp) -> String {
    format!(
        "op {} of kind {} at {} of log {:02x?}",
        short(op.id),
        op.op.kind,
        op.op.origin.sequence,
        &op.op.origin.log.as_bytes()[..2]
    )
}

/// The first bytes of an id.
pub(crate) fn short(op: OpId) -> String {
    data_encoding::HEXLOWER.encode(&op.as_bytes()[..4])
}
