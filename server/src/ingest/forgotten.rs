//! Whether the writer of a log has forgotten a part of it, or never knew it.

use askel_store::ERASED_OP;
use askel_sync::id::OpId;

use super::{Conflict, Head, facts::Known};

impl Head {
    /// Whether it names more than there is here: ops past the log's end, or a last op that was erased
    /// since. That one its writer names no more once it knows.
    pub(super) fn tells_more_than(&self, server_next: u64, last_op: Option<OpId>) -> bool {
        let is_named = self.last_op_prefix.is_some_and(|prefix| prefix != [0; 8]);
        if last_op == Some(ERASED_OP) {
            server_next == self.next_sequence && is_named
        } else {
            server_next < self.next_sequence
        }
    }
}

/// What a writer tells of its log, beside what stands up to `server_next`.
pub(super) fn forgotten(known: &Known, head: &Head, server_next: u64) -> Option<Conflict> {
    if server_next > head.next_sequence && !askel_sync::planted!(HeadAheadIgnored) {
        return Some(Conflict::HeadAhead);
    }
    let last = head.next_sequence.checked_sub(1);
    let last = last.zip(head.last_op_prefix);
    let is_another = |(sequence, prefix): (u64, [u8; 8])| {
        let entry = known.held.get(&(head.log, sequence));
        // What was erased is not there to be compared with.
        let entry = entry.filter(|entry| entry.op != ERASED_OP);
        entry.is_some_and(|entry| !entry.op.as_bytes().starts_with(&prefix))
    };
    let mut told = [last, head.settled].into_iter().flatten();
    told.any(is_another).then_some(Conflict::SequenceTaken)
}
