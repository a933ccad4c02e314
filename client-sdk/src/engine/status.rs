//! How syncing stands, and when to try next.

use askel_sync::time::{MINUTE_MS, Timestamp};

use super::{
    Decided, Engine, ONLY, rejected_op,
    row::{Attempt, Row, Standing, Write},
};
use crate::{RejectedOp, Status};

/// The first wait after a failed attempt, in milliseconds; it doubles.
const RETRY_MS_MIN: i64 = MINUTE_MS / 2;
/// The longest wait after a failed attempt, in milliseconds.
const RETRY_MS_MAX: i64 = 6 * 60 * MINUTE_MS;
/// Doublings of the wait.
const DOUBLINGS_MAX: u32 = 10;

impl Engine {
    /// How syncing stands, without looking at anything but counters and the oldest op.
    pub(crate) fn status(&self) -> Status {
        let pending = self.model.unsettled_count();
        let oldest = self.model.unsettled().next().map(|(_, own)| own.written_at);
        let attempt = &self.model.attempt;
        Status {
            pending,
            oldest,
            last_reason: attempt.last_reason.clone(),
            // What is pending and was never tried is due since it was written.
            next_attempt: attempt.next_at.or(oldest),
            rejected: self.model.rejected_count(),
            healed: attempt.healed,
        }
    }

    /// Ops the server refused.
    pub(crate) fn rejected(&self) -> Vec<RejectedOp> {
        self.model.rejected().filter_map(rejected_op).collect()
    }

    /// Takes in that an attempt failed. `jitter` is a random number: phones that failed together don't
    /// come back together.
    pub(crate) fn attempt_failed(
        &self,
        reason: &str,
        retry_after_ms: i64,
        now: Timestamp,
        jitter: u8,
    ) -> Decided<()> {
        let held = &self.model.attempt;
        let failures = held.failures.saturating_add(1);
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let wait_ms = RETRY_MS_MIN
            .saturating_mul(1_i64 << doublings)
            .min(RETRY_MS_MAX);
        let spread_ms = wait_ms.div_euclid(1_024).saturating_mul(i64::from(jitter));
        let wait_ms = wait_ms.saturating_add(spread_ms).max(retry_after_ms);
        self.set_attempt(Attempt {
            failures,
            last_reason: Some(reason.to_owned()),
            next_at: Some(now.saturating_add_ms(wait_ms)),
            ..held.clone()
        })
    }

    /// Takes in that an attempt went through.
    pub(crate) fn attempt_done(&self, retry_after_ms: i64, now: Timestamp) -> Decided<()> {
        let deferred = self
            .model
            .unsettled()
            .filter_map(|(_, own)| match own.standing {
                Standing::Deferred { until } => Some(until),
                _ => None,
            });
        let asked = (retry_after_ms > 0).then(|| now.saturating_add_ms(retry_after_ms));
        self.set_attempt(Attempt {
            failures: 0,
            last_reason: None,
            next_at: asked.max(deferred.min()),
            ..self.model.attempt.clone()
        })
    }

    /// Written only when it says something new: a sync that changes nothing costs no write.
    fn set_attempt(&self, attempt: Attempt) -> Decided<()> {
        if attempt == self.model.attempt {
            return Decided::new(Vec::new(), ());
        }
        Decided::new(vec![Write::Put(ONLY, Row::Attempt(attempt))], ())
    }
}
