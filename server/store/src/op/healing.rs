//! Streams of before a restore: what they are the ancestors of, and what of them came back.

use askel_sync::{
    id::{LogId, StreamId},
    stream::StreamKey,
};

/// Whether a handle is the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lineage {
    /// It is.
    Current,
    /// It was, before a restore.
    Ancestor {
        /// Up to this position both streams say the same.
        head: u64,
        /// Up to this position of the ancestor readers have handed everything back; `head` at least.
        healed_to: u64,
    },
}

/// What readers hand back of a stream of before: everything in a span of its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healed {
    /// How that is known.
    pub by: HealedBy,
    /// The handle of before.
    pub ancestor: StreamId,
    /// The position before the first.
    pub after: u64,
    /// The last position.
    pub up_to: u64,
}

/// How it is known that nothing of a span is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealedBy {
    /// It was handed back.
    Pages,
    /// A reader says that others have brought it back. That is counted, and believed by no other
    /// reader.
    Word,
}

/// What somebody says a server held before its restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A stream went at least so far.
    Stream {
        /// The handle of before.
        ancestor: StreamId,
        /// The last position seen.
        position: u64,
    },
    /// A log was settled at least so far.
    Log {
        /// The log.
        log: LogId,
        /// The first sequence that was not.
        next_sequence: u64,
    },
}

/// What is known of losses, over all restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Healing {
    /// Positions of streams that readers handed back.
    pub healed: u64,
    /// Positions that somebody claimed and nobody has handed back.
    pub missing: u64,
    /// Logs whose writers knew more settled than the server.
    pub logs: u64,
    /// The ops they knew settled beyond that.
    pub log_ops: u64,
}

/// Positions beyond a restore's head that somebody may say were there: whoever says more is mistaken, or
/// lies. Pages with their MAC prove themselves.
pub const LOST_MAX: u64 = 1_000_000;
/// Spans kept of one stream of what readers say.
const SPANS_MAX: usize = 256;

/// A stream of before a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The stream that continues it.
    pub stream: StreamKey,
    /// Up to this position both say the same.
    pub head: u64,
    /// The furthest position that somebody claimed or handed back.
    pub claimed: u64,
    /// Spans handed back, as (position before the first, last position): ascending, apart, above
    /// `head`.
    pub healed: Vec<(u64, u64)>,
    /// Those, and the spans of which readers say that nothing is missing, in the same way.
    pub told: Vec<(u64, u64)>,
}

impl Ancestor {
    /// A stream that ended at `head`.
    pub const fn new(stream: StreamKey, head: u64) -> Self {
        Self {
            stream,
            head,
            claimed: head,
            healed: Vec::new(),
            told: Vec::new(),
        }
    }

    /// How a reader with its handle stands.
    pub fn lineage(&self) -> Lineage {
        let whole = self.healed.first().filter(|(after, _)| *after == self.head);
        Lineage::Ancestor {
            head: self.head,
            healed_to: whole.map_or(self.head, |(_, up_to)| *up_to),
        }
    }

    /// Notes a span that came back. Returns whether that is news.
    pub fn heal(&mut self, by: HealedBy, after: u64, up_to: u64) -> bool {
        let span = (after.max(self.head), up_to.max(self.head));
        let is_idle_talk = span.1 > self.furthest() || self.told.len() >= SPANS_MAX;
        if by == HealedBy::Word && is_idle_talk {
            return false;
        }
        let is_counted = add(&mut self.told, span);
        if is_counted {
            self.claimed = self.claimed.max(span.1);
        }
        match by {
            HealedBy::Pages => add(&mut self.healed, span) || is_counted,
            HealedBy::Word => is_counted,
        }
    }

    /// Notes a claim, unless it is beyond what can be. Returns whether that is news.
    pub fn claim(&mut self, position: u64) -> bool {
        let news = position > self.claimed && position <= self.furthest();
        if news {
            self.claimed = position;
        }
        news
    }

    fn furthest(&self) -> u64 {
        self.head.saturating_add(LOST_MAX)
    }

    /// Positions handed back, and those claimed that are not.
    pub fn count(&self) -> (u64, u64) {
        let spans = self.told.iter();
        let healed = spans
            .map(|(after, up_to)| up_to.saturating_sub(*after))
            .fold(0, u64::saturating_add);
        let lost = self.claimed.saturating_sub(self.head);
        (healed, lost.saturating_sub(healed))
    }
}

/// Adds a span to those that are there. Returns whether that is news.
fn add(spans: &mut Vec<(u64, u64)>, (after, up_to): (u64, u64)) -> bool {
    let known = |(from, to): &(u64, u64)| *from <= after && up_to <= *to;
    if after >= up_to || spans.iter().any(known) {
        return false;
    }
    let apart = |(from, to): &(u64, u64)| *to < after || up_to < *from;
    let (mut others, touching): (Vec<_>, Vec<_>) = spans.drain(..).partition(|span| apart(span));
    let merged = touching.into_iter().fold((after, up_to), |span, other| {
        (span.0.min(other.0), span.1.max(other.1))
    });
    others.push(merged);
    others.sort_unstable();
    *spans = others;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ancestor(spans: &[(u64, u64)]) -> Ancestor {
        let mut ancestor = Ancestor::new(StreamKey::Catalog, 10);
        for (after, up_to) in spans {
            ancestor.heal(HealedBy::Pages, *after, *up_to);
        }
        ancestor
    }

    #[test]
    fn spans_add_up_in_any_order() {
        let check = |spans: &[(u64, u64)], healed: &[(u64, u64)], to: u64| {
            for spans in [spans.to_vec(), spans.iter().rev().copied().collect()] {
                let ancestor = ancestor(&spans);
                assert_eq!(ancestor.healed, healed, "{spans:?}");
                let lineage = Lineage::Ancestor {
                    head: 10,
                    healed_to: to,
                };
                assert_eq!(ancestor.lineage(), lineage, "{spans:?}");
            }
        };
        check(&[], &[], 10);
        check(&[(10, 12), (12, 15)], &[(10, 15)], 15);
        check(&[(12, 15)], &[(12, 15)], 10);
        check(&[(10, 12), (14, 15)], &[(10, 12), (14, 15)], 12);
        check(&[(5, 12), (11, 13), (3, 9), (13, 13)], &[(10, 13)], 13);
    }

    #[test]
    fn what_was_claimed_and_did_not_come_back_is_missing() {
        let mut ancestor = ancestor(&[(12, 15)]);
        assert_eq!(ancestor.count(), (3, 2));
        assert!(ancestor.claim(20));
        assert!(!ancestor.claim(18));
        assert_eq!(ancestor.count(), (3, 7));
        assert!(!ancestor.heal(HealedBy::Pages, 13, 15), "known");
        assert!(ancestor.heal(HealedBy::Pages, 10, 20));
        assert_eq!(ancestor.count(), (10, 0));
    }

    #[test]
    fn a_readers_word_is_counted_and_sends_no_other_reader_home() {
        let mut ancestor = Ancestor::new(StreamKey::Catalog, 10);
        ancestor.claim(20);
        assert!(ancestor.heal(HealedBy::Word, 10, 18));
        assert!(!ancestor.heal(HealedBy::Word, 12, 18), "known");
        assert_eq!(ancestor.count(), (8, 2));
        let untouched = Lineage::Ancestor {
            head: 10,
            healed_to: 10,
        };
        assert_eq!(ancestor.lineage(), untouched);
        assert!(ancestor.heal(HealedBy::Pages, 10, 12), "in fact");
        assert_eq!(ancestor.count(), (8, 2));
    }

    #[test]
    fn what_can_not_be_is_passed_over() {
        let mut ancestor = Ancestor::new(StreamKey::Catalog, 10);
        for position in [10 + LOST_MAX + 1, 1 << 62, u64::MAX] {
            assert!(!ancestor.claim(position));
            assert!(!ancestor.heal(HealedBy::Word, 12, position));
        }
        assert_eq!(ancestor, Ancestor::new(StreamKey::Catalog, 10));
        assert!(ancestor.claim(10 + LOST_MAX));
        for span in 0..10_000 {
            ancestor.heal(HealedBy::Word, 20 + 2 * span, 21 + 2 * span);
        }
        assert_eq!(ancestor.told.len(), SPANS_MAX);
        // Pages are what they are.
        assert!(ancestor.heal(HealedBy::Pages, 10, 20 + LOST_MAX));
        assert_eq!(ancestor.count(), (10 + LOST_MAX, 0));
    }
}
