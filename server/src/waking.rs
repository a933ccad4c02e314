//! Has sent what is due.
//!
//! Each push is leased for a while, so that of several nodes one sends it. A node that ends between
//! sending and noting so leaves the lease to run out, and the push is sent once more: the phone that has
//! not got the first gets one.

use std::{sync::Arc, time::Duration};

use askel_store::{LeasedPush, PushEnd, StoreError};
use askel_sync::{catalog::Catalog, id::TenantId, time::Timestamp};
use futures::{StreamExt as _, stream};

use crate::{
    catalogs::Catalogs,
    components::Components,
    config::PushConfig,
    entropy::draw,
    lifecycle::Stop,
    limits::{
        PUSH_FAILURES_MAX, PUSH_LEASE_MS, PUSH_PAUSE_MS_MAX, PUSH_REFUSED_WAIT_MS, PUSHES_AT_ONCE,
        PUSHES_LEASED_MAX,
    },
    meters::{PushOutcome, meters},
    push::{Attempt, QuietHours, Woken, after_quiet},
};

/// Sends, tenant by tenant.
pub(crate) struct Sender {
    components: Components,
    catalogs: Arc<Catalogs>,
    look: Duration,
}

/// What became of a push that was leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The push service took it, or said that the token is none.
    Heard,
    /// It is quiet where the phone is.
    Quiet,
    /// The push service asked for this much patience.
    PutOff(Duration),
}

/// What became of those of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// None is left that is due.
    All,
    /// There may be more.
    Some,
    /// None was taken, and so much patience was asked for.
    PutOff(Duration),
}

/// Whether there may be more that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    Something,
}

impl Sender {
    pub(crate) fn new(
        components: Components,
        catalogs: Arc<Catalogs>,
        config: &PushConfig,
    ) -> Self {
        Self {
            components,
            catalogs,
            look: Duration::from_millis(config.look_ms),
        }
    }

    /// Sends what is due, now and then, until the stop.
    pub(crate) async fn run(&self, mut stop: Stop) {
        let mut patient_until = Timestamp::from_ms(0);
        loop {
            let round = async {
                if self.round(&mut patient_until).await == Left::Nothing {
                    tokio::time::sleep(self.look).await;
                }
            };
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = round => {}
            }
        }
    }

    /// Some of each tenant's, unless the push service asked for patience.
    async fn round(&self, patient_until: &mut Timestamp) -> Left {
        let now = self.components.clock.now();
        if now < *patient_until {
            return Left::Nothing;
        }
        let tenants = match self.components.store.list_tenants().await {
            Ok(tenants) => tenants,
            Err(error) => return failed(&error),
        };
        let mut left = Left::Nothing;
        for tenant in tenants {
            match self.share(tenant.id).await {
                Ok(Share::All) => {}
                Ok(Share::Some) => left = Left::Something,
                // Whoever is next in line would be told the same.
                Ok(Share::PutOff(asked)) => {
                    let asked_ms = i64::try_from(asked.as_millis()).unwrap_or(i64::MAX);
                    *patient_until = now.saturating_add_ms(asked_ms.min(PUSH_PAUSE_MS_MAX));
                    return Left::Nothing;
                }
                Err(error) => left = left.max(failed(&error)),
            }
        }
        left
    }

    async fn share(&self, tenant: TenantId) -> Result<Share, StoreError> {
        let (store, now) = (&self.components.store, self.components.clock.now());
        let until = now.saturating_add_ms(PUSH_LEASE_MS);
        let pushes = store.lease_pushes(tenant, now, until, PUSHES_LEASED_MAX);
        let pushes = pushes.await?;
        if pushes.is_empty() {
            return Ok(Share::All);
        }
        let catalog = self.catalogs.newest(tenant).await?;
        let catalog = catalog.as_deref();
        let leased = pushes.len();
        let done: Vec<_> = stream::iter(pushes)
            .map(|push| self.settle(tenant, catalog, push))
            .buffer_unordered(PUSHES_AT_ONCE)
            .collect()
            .await;
        let done = done.into_iter().collect::<Result<Vec<Done>, _>>()?;
        let asked = done.iter().filter_map(|done| match done {
            Done::PutOff(asked) => Some(*asked),
            Done::Heard | Done::Quiet => None,
        });
        match asked.min() {
            Some(asked) if !done.contains(&Done::Heard) => Ok(Share::PutOff(asked)),
            _ if u32::try_from(leased) == Ok(PUSHES_LEASED_MAX) => Ok(Share::Some),
            _ => Ok(Share::All),
        }
    }

    async fn settle(
        &self,
        tenant: TenantId,
        catalog: Option<&Catalog>,
        push: LeasedPush,
    ) -> Result<Done, StoreError> {
        let random = || {
            draw(&*self.components.entropy)
                .map(u64::from_le_bytes)
                .map_err(|_| StoreError::Inconsistent("no randomness for a push"))
        };
        let now = self.components.clock.now();
        let awake = awake_at(&push, catalog, now, random()?);
        let (done, end) = if awake > now {
            let failures = push.failures;
            (
                Done::Quiet,
                PushEnd::Again {
                    at: awake,
                    failures,
                },
            )
        } else {
            let attempt = Attempt {
                now,
                failures: push.failures,
                random: random()?,
            };
            let token = &push.registration.token;
            let woken = self.components.push.wake(token, attempt).await;
            let (done, end, outcome) = ending(&push, now, woken);
            meters().pushed(outcome);
            (done, end)
        };
        self.components
            .store
            .settle_push(tenant, &push, end)
            .await?;
        Ok(done)
    }
}

/// What follows from what the push service said.
fn ending(push: &LeasedPush, now: Timestamp, woken: Woken) -> (Done, PushEnd, PushOutcome) {
    let put_off = |wait, outcome| match again(push, now, wait) {
        PushEnd::Over => (Done::PutOff(wait), PushEnd::Over, PushOutcome::GivenUp),
        end => (Done::PutOff(wait), end, outcome),
    };
    match woken {
        Woken::Sent => (Done::Heard, PushEnd::Over, PushOutcome::Sent),
        Woken::Unregistered => (
            Done::Heard,
            PushEnd::Unregistered,
            PushOutcome::Unregistered,
        ),
        Woken::Later(wait) => put_off(wait, PushOutcome::Later),
        Woken::Refused => put_off(
            Duration::from_millis(PUSH_REFUSED_WAIT_MS),
            PushOutcome::Refused,
        ),
    }
}

fn failed(error: &StoreError) -> Left {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "pushes wait for the store");
    Left::Nothing
}

/// When its phone may be woken: now, or once its quiet hours are over. Without a catalog nothing is
/// known of zones, and there is nothing to be woken for.
fn awake_at(
    push: &LeasedPush,
    catalog: Option<&Catalog>,
    now: Timestamp,
    random: u64,
) -> Timestamp {
    let quiet = push.registration.quiet_minutes;
    let quiet = quiet.and_then(|(from, until)| QuietHours::new(from, until));
    let Some(catalog) = catalog else {
        return now;
    };
    let zone = push.registration.zone.and_then(|zone| catalog.zone(zone));
    let zone = zone.unwrap_or_else(|| catalog.home_zone());
    after_quiet(now, quiet, zone, random)
}

/// Once more, unless that was tried often enough: the phone finds what is new when it next looks.
fn again(push: &LeasedPush, now: Timestamp, wait: Duration) -> PushEnd {
    let failures = push.failures.saturating_add(1);
    if failures >= PUSH_FAILURES_MAX {
        tracing::warn!(failures, "a wake-up is given up");
        return PushEnd::Over;
    }
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    PushEnd::Again {
        at: now.saturating_add_ms(wait_ms),
        failures,
    }
}

#[cfg(test)]
mod tests;
