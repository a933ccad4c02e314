//! The answers under way, of each device: what such an answer has still to say is held for it, however
//! slowly it is read. Of a device with too many the first ends: a phone that lost its connections comes in,
//! and one that reads nothing holds no more than these.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askel_sync::id::{DeviceId, TenantId};

use crate::limits::DEVICE_ANSWERS_MAX;

/// Whose an answer is.
type Whose = (TenantId, DeviceId);

/// What all of them have still to say.
pub(in crate::rpc) struct OpenAnswers<T>(Arc<Mutex<Open<T>>>);

struct Open<T> {
    next: u64,
    devices: HashMap<Whose, BTreeMap<u64, Option<T>>>,
}

impl<T> Clone for OpenAnswers<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for OpenAnswers<T> {
    fn default() -> Self {
        let open = Open {
            next: 0,
            devices: HashMap::new(),
        };
        Self(Arc::new(Mutex::new(open)))
    }
}

impl<T> OpenAnswers<T> {
    /// Keeps what an answer has still to say.
    pub(super) fn keep(&self, whose: Whose, rest: T) -> Place<T> {
        let (number, _ended) = {
            let mut open = self.lock();
            let number = open.next;
            open.next = number.saturating_add(1);
            let own = open.devices.entry(whose).or_default();
            own.insert(number, Some(rest));
            let ended = (own.len() > DEVICE_ANSWERS_MAX).then(|| own.pop_first());
            (number, ended)
        };
        Place {
            all: self.clone(),
            whose,
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's place among them. Dropped, nothing is kept for it.
pub(super) struct Place<T> {
    all: OpenAnswers<T>,
    whose: Whose,
    number: u64,
}

impl<T> Place<T> {
    /// What is still to be said, to say some of it; `None` when later ones have ended the answer.
    pub(super) fn take(&self) -> Option<T> {
        let mut open = self.all.lock();
        let own = open.devices.get_mut(&self.whose)?;
        own.get_mut(&self.number)?.take()
    }

    /// What is still to be said after that.
    pub(super) fn put(&self, rest: T) {
        let mut open = self.all.lock();
        let own = open.devices.get_mut(&self.whose);
        if let Some(kept) = own.and_then(|own| own.get_mut(&self.number)) {
            *kept = Some(rest);
        }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        let _ended = {
            let mut open = self.all.lock();
            let Some(own) = open.devices.get_mut(&self.whose) else {
                return;
            };
            let ended = own.remove(&self.number);
            if own.is_empty() {
                open.devices.remove(&self.whose);
            }
            ended
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Whose = (TenantId::from_bytes([1; 16]), DeviceId::from_bytes([1; 16]));
    const OTHER: Whose = (TenantId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));

    #[test]
    fn of_a_device_with_one_answer_too_many_the_first_ends() {
        let answers = OpenAnswers::default();
        let rest = Arc::new(());
        let keep = |whose| answers.keep(whose, Arc::clone(&rest));
        let of_other = keep(OTHER);
        let mut open: Vec<_> = (0..DEVICE_ANSWERS_MAX).map(|_| keep(PHONE)).collect();
        assert!(open.iter().all(|place| {
            let rest = place.take();
            rest.map(|rest| place.put(rest)).is_some()
        }));
        open.push(keep(PHONE));
        assert!(open[0].take().is_none() && open[1].take().is_some());
        assert!(of_other.take().is_some());
        // What an ended one was just saying is not kept.
        open[0].put(Arc::clone(&rest));
        assert!(open[0].take().is_none());
        drop((open, of_other));
        assert_eq!(Arc::strong_count(&rest), 1);
        assert!(answers.lock().devices.is_empty());
    }
}
