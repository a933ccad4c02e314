//! Ops with their origins and judgements.

use bytes::{Bytes, BytesMut};

use super::{
    FrameError,
    act::{Act, Load},
    fingerprint::Fingerprint,
    judgement::{Judged, Judgements},
    odds::{Bit, Choice, Number},
    origin::Origins,
    payload::Payloads,
    wire::{Decoder, Learner, Wire},
};
use crate::{
    admission::Admission,
    id::{LogId, TenantId},
    op::{Op, Origin},
};

/// All odds and memories of one direction.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    origins: Origins,
    is_own: [Bit; 4],
    /// The last two answers.
    own_history: usize,
    is_same_kind: [Bit; 32],
    kinds: [Choice<u32>; 8],
    kind: Number,
    judgements: Judgements,
    payloads: Payloads,
    /// The op in hand begins a batch.
    is_first: bool,
    /// Of every op and judgement so far.
    pub(super) fingerprint: Fingerprint,
}

/// One op to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// The op.
    pub(super) op: &'a Op,
    /// Its judgement, in streams.
    pub(super) admission: Option<&'a Admission>,
    /// Whether the reader holds the op itself.
    pub(super) is_own: bool,
}

/// What a reader brings along.
pub(super) struct Reading<'a> {
    /// Finds an op that the reader holds.
    pub(super) own: &'a dyn Fn(Origin) -> Option<Op>,
    /// Whether rows have judgements.
    pub(super) is_admitted: bool,
    /// Bytes of payloads that may still be read.
    pub(super) budget: usize,
    /// The payload in hand.
    pub(super) scratch: Vec<u8>,
    /// All payloads, one after the other: each by itself would need memory of its own.
    pub(super) payloads: BytesMut,
}

impl Reading<'_> {
    fn keep(&mut self) -> Bytes {
        self.payloads.extend_from_slice(&self.scratch);
        self.payloads.split().freeze()
    }
}

impl Rows {
    pub(super) const NEW: Self = Self {
        origins: Origins::NEW,
        is_own: [Bit::NEW; 4],
        own_history: 0,
        is_same_kind: [Bit::NEW; 32],
        kinds: [const { Choice::NEW }; 8],
        kind: Number::NEW,
        judgements: Judgements::NEW,
        payloads: Payloads::NEW,
        is_first: false,
        fingerprint: Fingerprint::NEW,
    };

    /// Forgets all values and keeps the odds.
    pub(super) fn forget(&mut self) {
        self.origins.forget();
        self.judgements.forget();
        self.payloads.forget();
        self.own_history = 0;
        self.fingerprint = Fingerprint::NEW;
    }

    /// Begins a batch: its first op is here, and was written near this time, or the log's last one.
    pub(super) fn begin_batch(&mut self, first: Origin, near: Option<i64>) {
        self.origins.expect(first);
        let last = self.claimed();
        self.judgements.received = near.or(last).unwrap_or(0);
        self.is_first = true;
    }

    /// When the last op of the log in hand that tells a time happened, by its writer.
    pub(super) fn claimed(&mut self) -> Option<i64> {
        self.origins.log().and_then(|log| log.claimed)
    }

    /// Takes an op in that both sides know, or writes it.
    pub(super) fn put<W: Wire>(&mut self, wire: &mut W, tenant: TenantId, row: Row<'_>) {
        let Row {
            op,
            admission,
            is_own,
        } = row;
        let before = self.judgements.received;
        self.origins.code(wire, before, op.origin);
        self.own(wire, is_own);
        if is_own {
            self.kind(&mut Learner, op.kind);
        } else {
            self.kind(wire, op.kind);
        }
        let judged = admission.map(|admission| self.judged(wire, op.kind, admission.into()));
        let mut act = self.act(tenant, judged, usize::MAX);
        // What is written has only shapes that payloads have.
        let mut load = Load {
            given: &op.payload,
            out: &mut Vec::new(),
        };
        let _ = if is_own {
            let learner = &mut Learner;
            self.payloads.code(learner, op.kind, &mut act, &mut load)
        } else {
            self.payloads.code(wire, op.kind, &mut act, &mut load)
        };
        if let Some((admission, judged)) = admission.zip(judged) {
            let times = (act.claimed, judged.received);
            let corrected = admission.corrected_at.as_ms();
            self.judgements
                .corrected(wire, &mut self.origins, times, corrected);
        }
        self.keep(op, &act, admission);
    }

    /// Reads an op.
    ///
    /// # Errors
    /// [`FrameError`] when the reader does not hold an op that was left out, when bytes run out, or when
    /// there can be no such op.
    pub(super) fn get(
        &mut self,
        wire: &mut Decoder<'_>,
        tenant: TenantId,
        reading: &mut Reading<'_>,
    ) -> Result<(Op, Option<Admission>), FrameError> {
        let before = self.judgements.received;
        let origin = self.origins.code(wire, before, NOWHERE);
        let own = if self.own(wire, false) {
            Some((reading.own)(origin).ok_or(FrameError::OwnOpMissing)?)
        } else {
            None
        };
        let kind = match &own {
            Some(own) => self.kind(&mut Learner, own.kind),
            None => self.kind(wire, 0),
        };
        let judged = reading
            .is_admitted
            .then(|| self.judged(wire, kind, Judged::default()));
        let mut act = self.act(tenant, judged, reading.budget);
        reading.scratch.clear();
        let mut load = Load {
            given: own.as_ref().map_or(&[], |own| &own.payload),
            out: &mut reading.scratch,
        };
        let op = if let Some(own) = &own {
            act.budget = usize::MAX;
            self.payloads
                .code(&mut Learner, kind, &mut act, &mut load)?;
            own.clone()
        } else {
            self.payloads.code(wire, kind, &mut act, &mut load)?;
            let budget = reading.budget.checked_sub(reading.scratch.len());
            reading.budget = budget.ok_or(FrameError::TooManyBytes)?;
            Op {
                kind,
                payload: reading.keep(),
                origin,
            }
        };
        if act.is_over {
            return Err(FrameError::TooManyBytes);
        }
        let admission = match judged {
            Some(judged) => {
                let times = (act.claimed, judged.received);
                let corrected = self.judgements.corrected(wire, &mut self.origins, times, 0);
                Some(judged.admission(corrected).ok_or(FrameError::Malformed)?)
            }
            None => None,
        };
        self.keep(&op, &act, admission.as_ref());
        Ok((op, admission))
    }

    fn own<W: Wire>(&mut self, wire: &mut W, is_own: bool) -> bool {
        let is_own = match self.is_own.get_mut(self.own_history & 3) {
            Some(odds) => odds.code(wire, is_own),
            None => is_own,
        };
        self.own_history = self.own_history << 1 | usize::from(is_own);
        is_own
    }

    fn kind<W: Wire>(&mut self, wire: &mut W, kind: u32) -> u32 {
        let Some(log) = self.origins.log() else {
            return kind;
        };
        let class = match log.kind {
            0 => 0,
            4 => 1,
            1..=3 => 2,
            5..=9 => 3,
            10..=29 => 4,
            _ => 5,
        };
        let outlook = log.outlook(self.judgements.received);
        let is_same = match self.is_same_kind.get_mut(outlook << 3 | class) {
            Some(odds) if class > 0 => odds.code(wire, log.kind == kind),
            _ => false,
        };
        if !is_same && let Some(kinds) = self.kinds.get_mut(class) {
            let number = &mut self.kind;
            log.kind = kinds.code(wire, kind, |wire, kind| {
                u32::try_from(number.code(wire, u64::from(kind))).unwrap_or(u32::MAX)
            });
        }
        log.kind
    }

    fn judged<W: Wire>(&mut self, wire: &mut W, kind: u32, judged: Judged) -> Judged {
        let before = self.judgements.received;
        let judged = self.judgements.code(wire, &mut self.origins, kind, judged);
        self.is_first = !self.origins.is_same || judged.received != before;
        judged
    }

    fn act(&mut self, tenant: TenantId, judged: Option<Judged>, budget: usize) -> Act {
        let received = self.judgements.received;
        let is_first = self.is_first;
        let claimed = self.claimed();
        let near = claimed.filter(|_| !is_first).unwrap_or(received);
        let mut act = Act::new(tenant, near, is_first, budget);
        act.subject = judged.and_then(Judged::participant);
        act.source = self.origins.log().map_or([0; 16], |log| log.source);
        act
    }

    fn keep(&mut self, op: &Op, act: &Act, admission: Option<&Admission>) {
        if let Some(log) = self.origins.log() {
            log.claimed = act.claimed.or(log.claimed);
            log.due = act.due.or(log.due);
            log.source = act.source;
        }
        self.is_first = false;
        let about = act.about.unwrap_or(0);
        self.payloads.fields.citable.keep(op, about);
        self.fingerprint.op(op);
        if let Some(admission) = admission {
            self.fingerprint.admission(admission);
        }
    }
}

/// Where nothing is.
const NOWHERE: Origin = Origin {
    log: LogId::from_bytes([0; 16]),
    sequence: 0,
};
