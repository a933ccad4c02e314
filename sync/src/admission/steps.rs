//! Which quarter steps count in.

use super::{Admission, Flags};
use crate::{
    limits::CLOCK_SKEW_TOLERATED_MS,
    op::StepCount,
    time::{QUARTER_MS, Quarter},
};

/// The quarter in which steps count; `None` when it had not begun yet when they were received: nobody
/// has walked them.
///
/// A writer names quarters by its own clock. Where admission corrected that clock, the steps count in
/// the quarter that lies nearest to the corrected time, and never in one after their receipt. The
/// name stays the register's: a later revision supersedes them wherever they count.
pub fn counted_in(count: &StepCount, admission: &Admission) -> Option<Quarter> {
    let received_at = admission.received_at;
    if admission.flags.contains(Flags::CLOCK_CORRECTED) {
        // A corrected time past the receipt was held there and marked.
        if admission.flags.contains(Flags::CLOCK_UNSURE) {
            return None;
        }
        let middle = admission.corrected_at.saturating_add_ms(QUARTER_MS / 2);
        return Quarter::containing(middle.min(received_at));
    }
    let ahead_ms = count.bucket.begins_at().saturating_ms_since(received_at);
    (ahead_ms <= CLOCK_SKEW_TOLERATED_MS).then_some(count.bucket)
}
