//! Guesses at whom a person is who stands before staff: counted by the device that invites, so that
//! one guesser uses up nobody else's attempts at enrolling. In memory: a restart forgets them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use askel_sync::{
    id::{DeviceId, TenantId},
    time::Timestamp,
};

/// The wrong guesses of each device that are not forgotten yet.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    wrong: Mutex<HashMap<(TenantId, DeviceId), Vec<Timestamp>>>,
}

impl Guesses {
    /// Takes one of the device's guesses in advance, so that many at once are not more than one
    /// after the other; `false` when it has used up `max` since `since`.
    pub(super) fn take(&self, whose: (TenantId, DeviceId), max: u64, times: Times) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, guesses| {
            guesses.retain(|at| *at >= times.since);
            !guesses.is_empty()
        });
        let guesses = wrong.entry(whose).or_default();
        let free = u64::try_from(guesses.len()).is_ok_and(|guesses| guesses < max);
        if free {
            guesses.push(times.now);
        }
        free
    }

    /// A device guessed wrong on another node.
    pub(super) fn note(&self, whose: (TenantId, DeviceId), now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.entry(whose).or_default().push(now);
    }

    /// Gives back a guess that was right.
    pub(super) fn give_back(&self, whose: (TenantId, DeviceId)) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guesses) = wrong.get_mut(&whose) {
            guesses.pop();
        }
    }
}

/// Now, and since when guesses count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now: Timestamp,
    pub(super) since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_guesses_are_counted_by_device_and_forgotten() {
        let guesses = Guesses::default();
        let whose = |n| (TenantId::from_bytes([1; 16]), DeviceId::from_bytes([n; 16]));
        let times = |now| Times {
            now: Timestamp::from_ms(now),
            since: Timestamp::from_ms(now - 10),
        };
        assert!(guesses.take(whose(1), 2, times(100)));
        assert!(guesses.take(whose(1), 2, times(101)));
        assert!(!guesses.take(whose(1), 2, times(102)));
        assert!(guesses.take(whose(2), 2, times(102)), "its own");
        guesses.give_back(whose(1));
        assert!(guesses.take(whose(1), 2, times(103)), "a right one is none");
        assert!(
            guesses.take(whose(1), 2, times(111)),
            "the first is forgotten"
        );
    }
}
