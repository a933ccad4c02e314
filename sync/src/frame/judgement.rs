//! Admissions: like those of the op before, mostly.

use super::{
    cite::handle,
    odds::{Bit, Choice, Distance, Number, Tree},
    origin::{Origins, SERVER_KINDS, Subject, Verdict},
    wire::Wire,
};
use crate::{
    admission::{Admission, Flags, Role, Strength},
    id::ParticipantId,
    time::Timestamp,
};

/// A judgement but for the corrected time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Judged {
    /// When the server first saw it, in milliseconds.
    pub(super) received: i64,
    /// Whom it is about.
    pub(super) subject: Subject,
    verdict: Verdict,
}

/// The odds of judgements.
#[derive(Debug, Clone)]
pub(super) struct Judgements {
    is_same_receipt: [Bit; 2],
    grain: [Tree<4>; 2],
    receipt: [[Distance; 4]; 2],
    is_same_subject: Bit,
    subjects: Choice<Subject>,
    is_anyone: Bit,
    verdicts: Vec<(u32, Verdict)>,
    is_same_verdict: Bit,
    verdict: [Number; 3],
    is_as_claimed: [Bit; 2],
    corrected: Distance,
    /// When the server saw the op before.
    pub(super) received: i64,
    subject: Subject,
}

/// Kinds whose judgement is kept in mind.
const VERDICTS_MAX: usize = 64;
/// Milliseconds that times of receipt are whole multiples of.
const GRAINS: [i64; 4] = [1, 1_000, 60_000, 3_600_000];

impl Judgements {
    pub(super) const NEW: Self = Self {
        is_same_receipt: [Bit::NEW; 2],
        grain: [Tree::NEW; 2],
        receipt: [const { [const { Distance::NEW }; 4] }; 2],
        is_same_subject: Bit::NEW,
        subjects: Choice::NEW,
        is_anyone: Bit::NEW,
        verdicts: Vec::new(),
        is_same_verdict: Bit::NEW,
        verdict: [const { Number::NEW }; 3],
        is_as_claimed: [Bit::NEW; 2],
        corrected: Distance::NEW,
        received: 0,
        subject: Subject::Unknown,
    };

    /// Forgets whom and when, and keeps the odds.
    pub(super) fn forget(&mut self) {
        self.subjects.forget();
        self.received = 0;
        self.subject = Subject::Unknown;
    }

    /// All but the corrected time, of the op that `origins` stands at.
    pub(super) fn code<W: Wire>(
        &mut self,
        wire: &mut W,
        origins: &mut Origins,
        kind: u32,
        judged: Judged,
    ) -> Judged {
        let received = self.received(wire, (origins.is_same, kind), judged.received);
        let Some(log) = origins.log() else {
            return judged;
        };
        let expected = match log.subject {
            Subject::Unknown => self.subject,
            known => known,
        };
        let subject = if self.is_same_subject.code(wire, judged.subject == expected) {
            expected
        } else {
            self.subject(wire, judged.subject)
        };
        let verdict = self.verdict(wire, (kind, log.verdict), judged.verdict);
        log.subject = subject;
        log.verdict = verdict;
        self.subject = subject;
        Judged {
            received,
            subject,
            verdict,
        }
    }

    fn subject<W: Wire>(&mut self, wire: &mut W, subject: Subject) -> Subject {
        let is_anyone = &mut self.is_anyone;
        self.subjects.code(wire, subject, |wire, subject| {
            let id = match subject {
                Subject::Participant(id) => Some(id),
                _ => None,
            };
            if is_anyone.code(wire, id.is_some()) {
                Subject::Participant(handle(wire, id.unwrap_or_default()))
            } else {
                Subject::Nobody
            }
        })
    }

    fn verdict<W: Wire>(
        &mut self,
        wire: &mut W,
        (kind, of_log): (u32, Verdict),
        verdict: Verdict,
    ) -> Verdict {
        let known = self.verdicts.iter_mut().find(|(known, _)| *known == kind);
        let expected = known.as_ref().map_or(of_log, |(_, verdict)| *verdict);
        let read = if self.is_same_verdict.code(wire, verdict == expected) {
            expected
        } else {
            let mut read = verdict;
            for (odds, value) in self.verdict.iter_mut().zip(&mut read.0) {
                *value = odds.code(wire, *value);
            }
            read
        };
        if let Some((_, last)) = known {
            *last = read;
        } else if self.verdicts.len() < VERDICTS_MAX {
            self.verdicts.push((kind, read));
        }
        read
    }

    fn received<W: Wire>(
        &mut self,
        wire: &mut W,
        (is_same_log, kind): (bool, u32),
        received: i64,
    ) -> i64 {
        let before = self.received;
        if let Some(odds) = self.is_same_receipt.get_mut(usize::from(is_same_log))
            && odds.code(wire, received == before)
        {
            return before;
        }
        let by_server = usize::from(kind >= SERVER_KINDS);
        let is_whole = |grain: &i64| received.checked_rem(*grain) == Some(0);
        let grain = GRAINS.iter().rposition(is_whole).unwrap_or(0);
        let (Some(grains), Some(receipts)) = (
            self.grain.get_mut(by_server),
            self.receipt.get_mut(by_server),
        ) else {
            return received;
        };
        let grain = grains.code(wire, u32::try_from(grain).unwrap_or(0));
        let grain = usize::try_from(grain).unwrap_or(0);
        let (Some(unit), Some(distance)) = (GRAINS.get(grain), receipts.get_mut(grain)) else {
            return received;
        };
        let [near, received] = [before, received].map(|at| at.div_euclid(*unit));
        self.received = distance.code(wire, near, received).wrapping_mul(*unit);
        self.received
    }

    /// The corrected time: what the op claims, moved as the log's last one was, and never later than it
    /// was received.
    pub(super) fn corrected<W: Wire>(
        &mut self,
        wire: &mut W,
        origins: &mut Origins,
        (claimed, received): (Option<i64>, i64),
        corrected: i64,
    ) -> i64 {
        let Some(log) = origins.log() else {
            return corrected;
        };
        let expected = claimed.map_or(received, |claimed| {
            claimed.saturating_add(log.shift).min(received)
        });
        let is_shifted = usize::from(log.shift != 0);
        let odds = self.is_as_claimed.get_mut(is_shifted);
        if odds.is_some_and(|odds| odds.code(wire, corrected == expected)) {
            return expected;
        }
        let corrected = self.corrected.code(wire, expected, corrected);
        log.shift = claimed.map_or(0, |claimed| corrected.saturating_sub(claimed));
        corrected
    }
}

impl From<&Admission> for Judged {
    fn from(admission: &Admission) -> Self {
        let number = |number: i32| u64::try_from(number).unwrap_or(0);
        let subject = admission.subject;
        Self {
            received: admission.received_at.as_ms(),
            subject: subject.map_or(Subject::Nobody, |id| Subject::Participant(*id.as_bytes())),
            verdict: Verdict([
                number(admission.strength as i32),
                u64::from(admission.flags.bits()),
                number(admission.author_role as i32),
            ]),
        }
    }
}

impl Judged {
    /// Whom it is about, if anyone.
    pub(super) fn participant(self) -> Option<ParticipantId> {
        match self.subject {
            Subject::Participant(id) => Some(ParticipantId::from_bytes(id)),
            _ => None,
        }
    }

    /// With the corrected time; `None` when there can be no such judgement.
    pub(super) fn admission(self, corrected: i64) -> Option<Admission> {
        let Verdict([strength, flags, role]) = self.verdict;
        let number = |number: u64| i32::try_from(number).ok();
        Some(Admission {
            corrected_at: Timestamp::from_ms(corrected),
            received_at: Timestamp::from_ms(self.received),
            subject: self.participant(),
            strength: Strength::try_from(number(strength)?).ok()?,
            flags: Flags::from_bits(u32::try_from(flags).ok()?),
            author_role: Role::try_from(number(role)?).ok()?,
        })
    }
}
