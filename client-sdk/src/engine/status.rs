//! How syncing stands, and when to try next.

use askel_sync::{
    admission::ClockReading,
    time::{DAY_MS, Timestamp},
};

use super::{
    Decided, Engine, ONLY,
    liveness::{self, Waiting},
    rejected_op,
    row::{Attempt, Row, Standing, Write},
};
use crate::{Change, Notice, NoticeKind, RejectedOp, Status};

/// How long an op waits that the server put off without saying until when, in milliseconds.
pub(super) const DEFERRED_MS: i64 = DAY_MS;
/// The longest that an op waits, whatever clocks say, in milliseconds.
const DEFERRED_MS_MAX: i64 = 7 * DAY_MS;
/// A catalog came that is not what was announced, or not signed by anyone whose keys are known.
const CATALOG_UNVERIFIED: &str = "CATALOG_UNVERIFIED";

/// Whether an attempt that failed has brought anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gain {
    None,
    Some,
}

impl Engine {
    /// How syncing stands, without looking at anything but counters and the oldest op.
    pub(crate) fn status(&self, now: ClockReading) -> Status {
        let attempt = &self.model.attempt;
        let thrown_away = self.model.catalog.later.map(|_| CATALOG_UNVERIFIED);
        Status {
            pending: self.model.unsettled_count(),
            oldest: self.model.unsettled().next().map(|(_, own)| own.written_at),
            last_reason: attempt
                .last_reason
                .clone()
                .or_else(|| thrown_away.map(str::to_owned)),
            next_attempt: liveness::next_attempt(attempt, self.waiting(now), now.wall),
            rejected: self.model.rejected_count(),
            healed: attempt.healed,
            mismatches: attempt.mismatches,
            carried: self.model.carried.len(),
            notice: attempt.notice.map(|kind| self.notice(kind)),
        }
    }

    /// What waits for the server.
    fn waiting(&self, read: ClockReading) -> Waiting {
        let now = read.wall;
        let mut waiting = Waiting::default();
        for (_, own) in self.model.unsettled() {
            let Standing::Deferred { until } = own.standing else {
                // Another clock may have written it, that was ahead of this one.
                waiting.ready_since = Some(own.written_at.min(now));
                break;
            };
            waiting.until(now.saturating_add_ms(self.deferred_ms(until, read)));
        }
        if let Some(at) = self.catalog_waits_until(now) {
            waiting.until(at);
        }
        let is_enrolled = self.model.enrolment().is_some();
        let frames_at = self.first_frame_at(now).filter(|_| is_enrolled);
        if frames_at == Some(now) || self.has_pages_set_aside() {
            waiting.ready_since.get_or_insert(now);
        } else if let Some(at) = frames_at {
            waiting.until(at);
        }
        waiting
    }

    /// How long a deferred op waits yet, in milliseconds; 0 for one that is due. A clock that was set since
    /// makes none wait for it to come around again.
    pub(super) fn deferred_ms(&self, until: Timestamp, now: ClockReading) -> i64 {
        let wait_ms = until.saturating_ms_since(self.server_time_of(now));
        if wait_ms > DEFERRED_MS_MAX {
            return 0;
        }
        wait_ms.max(0)
    }

    /// Ops the server refused.
    pub(crate) fn rejected(&self) -> Vec<RejectedOp> {
        self.model.rejected().filter_map(rejected_op).collect()
    }

    /// Takes in that an attempt failed, or was cut. One that brought something is the first failure again:
    /// over a slow line the rest is not far.
    pub(crate) fn attempt_failed(
        &self,
        (reason, gain): (&str, Gain),
        retry_after_ms: i64,
        now: Timestamp,
        jitter: u8,
    ) -> Decided<()> {
        let mut held = self.model.attempt.clone();
        if gain == Gain::Some {
            held.failures = 0;
        }
        self.set_attempt(liveness::failed(&held, reason, retry_after_ms, now, jitter))
    }

    /// Takes in that an attempt went through.
    pub(crate) fn attempt_done(
        &self,
        retry_after_ms: i64,
        now: Timestamp,
        jitter: u8,
    ) -> Decided<()> {
        let held = &self.model.attempt;
        self.set_attempt(liveness::went_through(held, retry_after_ms, now, jitter))
    }

    /// The person has read what they were told.
    pub(crate) fn dismiss_notice(&self) -> Decided<()> {
        self.set_attempt(Attempt {
            notice: None,
            ..self.model.attempt.clone()
        })
    }

    /// What to tell the person, in their language.
    pub(super) fn notice(&self, kind: NoticeKind) -> Notice {
        Notice {
            kind,
            text: kind.text(self.language()).to_owned(),
        }
    }

    /// The change that tells a person of something.
    pub(super) fn notice_change(&self, kind: NoticeKind) -> Change {
        Change::Notice(self.notice(kind))
    }

    /// Written only when it says something new: a sync that changes nothing costs no write.
    fn set_attempt(&self, attempt: Attempt) -> Decided<()> {
        if attempt == self.model.attempt {
            return Decided::new(Vec::new(), ());
        }
        Decided::new(vec![Write::Put(ONLY, Row::Attempt(attempt))], ())
    }
}
