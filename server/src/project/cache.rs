//! Folded states in memory, at most so many; the one that was not used for longest goes first.

use std::collections::{BTreeMap, HashMap};

use askel_sync::id::ParticipantId;

/// A bounded cache. What is taken out and not put back is forgotten, so that a failed round leaves
/// nothing half done behind.
#[derive(Debug)]
pub(super) struct Cache<T> {
    held: HashMap<ParticipantId, (u64, T)>,
    by_use: BTreeMap<u64, ParticipantId>,
    uses: u64,
    size_max: usize,
}

impl<T> Cache<T> {
    pub(super) fn new(size_max: usize) -> Self {
        Self {
            held: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            size_max,
        }
    }

    pub(super) fn take(&mut self, participant: ParticipantId) -> Option<T> {
        let (used, value) = self.held.remove(&participant)?;
        self.by_use.remove(&used);
        Some(value)
    }

    pub(super) fn put(&mut self, participant: ParticipantId, value: T) {
        self.take(participant);
        self.uses = self.uses.saturating_add(1);
        self.by_use.insert(self.uses, participant);
        self.held.insert(participant, (self.uses, value));
        while self.held.len() > self.size_max {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            self.held.remove(&oldest);
        }
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.by_use.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_unused_for_longest_goes_when_there_is_one_too_many() {
        let id = |byte| ParticipantId::from_bytes([byte; 16]);
        let mut cache = Cache::new(2);
        cache.put(id(1), "a");
        cache.put(id(2), "b");
        let first = cache.take(id(1)).expect("held");
        cache.put(id(1), first);
        cache.put(id(3), "c");
        assert_eq!(cache.take(id(2)), None);
        assert_eq!(cache.take(id(1)), Some("a"));
        assert_eq!(cache.take(id(3)), Some("c"));
    }
}
