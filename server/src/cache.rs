//! Things in memory, at most so many; the one that was not used for longest goes first.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// A bounded cache. What is taken out and not put back is forgotten, so that work that fails leaves
/// nothing half done behind.
#[derive(Debug)]
pub(crate) struct Cache<K, T> {
    held: HashMap<K, (u64, T)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
    size_max: usize,
}

impl<K: Copy + Eq + Hash, T> Cache<K, T> {
    pub(crate) fn new(size_max: usize) -> Self {
        Self {
            held: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            size_max,
        }
    }

    /// Without using it.
    pub(crate) fn get(&self, key: &K) -> Option<&T> {
        self.held.get(key).map(|(_, value)| value)
    }

    pub(crate) fn take(&mut self, key: K) -> Option<T> {
        let (used, value) = self.held.remove(&key)?;
        self.by_use.remove(&used);
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: T) {
        self.take(key);
        self.uses = self.uses.saturating_add(1);
        self.by_use.insert(self.uses, key);
        self.held.insert(key, (self.uses, value));
        while self.held.len() > self.size_max {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            self.held.remove(&oldest);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.by_use.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_unused_for_longest_goes_when_there_is_one_too_many() {
        let mut cache = Cache::new(2);
        cache.put(1, "a");
        cache.put(2, "b");
        let first = cache.take(1).expect("held");
        cache.put(1, first);
        cache.put(3, "c");
        assert_eq!(cache.get(&2), None);
        assert_eq!(cache.get(&1), Some(&"a"));
        assert_eq!(cache.take(2), None);
        assert_eq!(cache.take(1), Some("a"));
        assert_eq!(cache.take(3), Some("c"));
    }
}
