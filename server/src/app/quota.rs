//! How many ops a device may hand in within an hour, its own and those it carries. In memory: a
//! restart forgets what was used, and so does each full hour of the server's clock. What was used on
//! other nodes counts as soon as it is heard of.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use askel_sync::{
    id::{DeviceId, TenantId},
    limits::OPS_PER_HOUR_MAX,
    time::Timestamp,
};

use super::{AppError, Reason};

const HOUR_MS: i64 = 3_600_000;
/// As a count.
const OPS_MAX: u64 = OPS_PER_HOUR_MAX as u64;

/// Whose ops.
pub(super) type Whose = (TenantId, DeviceId);

/// What is used of the hour. Devices without ops in it are not in here.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    hour: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    since_ms: i64,
    used: HashMap<Whose, u64>,
}

impl Hour {
    /// Forgets the hour before.
    fn turn(&mut self, now: Timestamp) {
        let since_ms = now.as_ms().saturating_sub(now.as_ms().rem_euclid(HOUR_MS));
        if self.since_ms != since_ms {
            self.since_ms = since_ms;
            self.used.clear();
        }
    }
}

impl Quotas {
    /// Takes room for `ops` of each device, all or nothing, before they are looked at: many calls at
    /// once are not more than one after the other.
    ///
    /// # Errors
    /// `OPS_LIMITED`, with the time to wait, when one of them has not so much left.
    pub(super) fn take(&self, whose: &[Whose], ops: u64, now: Timestamp) -> Result<(), AppError> {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        hour.turn(now);
        let since_ms = hour.since_ms;
        let fits = |whose: &Whose| {
            let used = hour.used.get(whose).copied().unwrap_or(0);
            used.saturating_add(ops) <= OPS_MAX
        };
        if !whose.iter().all(fits) {
            let left_ms = since_ms.saturating_add(HOUR_MS).saturating_sub(now.as_ms());
            return Err(AppError::Later {
                reason: Reason::OpsLimited,
                retry_after_ms: u64::try_from(left_ms).unwrap_or_default(),
            });
        }
        for whose in whose.iter().filter(|_| ops > 0) {
            let used = hour.used.entry(*whose).or_default();
            *used = used.saturating_add(ops);
        }
        Ok(())
    }

    /// Another node took in so many of a device's.
    pub(super) fn note(&self, whose: Whose, ops: u64, now: Timestamp) {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        hour.turn(now);
        let used = hour.used.entry(whose).or_default();
        *used = used.saturating_add(ops);
    }

    /// Gives back what was taken for ops that were no news: whoever sends again after a cut uses
    /// nothing up.
    pub(super) fn give_back(&self, whose: &[Whose], ops: u64) {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        for whose in whose {
            if let Some(used) = hour.used.get_mut(whose) {
                *used = used.saturating_sub(ops);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_460_451_600_000;

    fn whose(device: u8) -> Whose {
        (
            TenantId::from_bytes([1; 16]),
            DeviceId::from_bytes([device; 16]),
        )
    }

    fn wait_ms(taken: &Result<(), AppError>) -> Option<u64> {
        match taken {
            Err(AppError::Later { retry_after_ms, .. }) => Some(*retry_after_ms),
            _ => None,
        }
    }

    #[test]
    fn a_device_has_so_much_an_hour_and_its_own() {
        let quotas = Quotas::default();
        let at = |ms: i64| Timestamp::from_ms(NOON + ms);
        assert!(quotas.take(&[whose(1)], OPS_MAX, at(0)).is_ok());
        let refused = quotas.take(&[whose(1)], 1, at(1_000));
        assert_eq!(wait_ms(&refused), Some(3_599_000));
        assert!(quotas.take(&[whose(2)], 1, at(1_000)).is_ok(), "its own");
        let both = quotas.take(&[whose(2), whose(1)], 1, at(2_000));
        assert!(both.is_err(), "one of two is used up");
        quotas.give_back(&[whose(1)], 1);
        assert!(quotas.take(&[whose(1)], 1, at(3_000)).is_ok());
        assert!(
            quotas.take(&[whose(1)], 1, at(HOUR_MS)).is_ok(),
            "a new hour"
        );
    }
}
