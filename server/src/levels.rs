//! What waits, looked at now and then: how much, and for how long it has been seen waiting.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use askel_store::StoreError;
use askel_sync::id::{ParticipantId, TenantId};

use crate::{
    components::Components,
    config::Config,
    lifecycle::Stop,
    limits::{LEVELS_COUNTED_MAX, LEVELS_LOOK_MS},
    meters::meters,
};

/// Looks at what waits, where somebody is told of it.
pub(crate) struct Levels {
    components: Components,
    backed_up: PathBuf,
    is_told: bool,
    tenants: HashMap<TenantId, Seen>,
}

/// What waited at the last look of a tenant, and since when it has been seen.
#[derive(Default)]
struct Seen {
    dirty: Waiting<(ParticipantId, u64)>,
    outbox: Waiting<u64>,
}

impl Levels {
    pub(crate) fn of(config: &Config, components: &Components) -> Self {
        let telemetry = &config.telemetry;
        Self {
            components: components.clone(),
            backed_up: config.store.backed_up_path(),
            is_told: telemetry.prometheus || telemetry.otlp_endpoint.url().is_some(),
            tenants: HashMap::new(),
        }
    }

    /// Looks until the stop begins.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        while self.is_told {
            if let Err(error) = self.look().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what waits can't be counted");
            }
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = tokio::time::sleep(Duration::from_millis(LEVELS_LOOK_MS)) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let store = &self.components.store;
        let now = self.components.clock.monotonic();
        let (mut dirty, mut outbox, mut lag) = (0_usize, 0_usize, Duration::ZERO);
        for tenant in store.list_tenants().await? {
            let seen = self.tenants.entry(tenant.id).or_default();
            let waiting = store.list_dirty(tenant.id, LEVELS_COUNTED_MAX).await?;
            // Each once, for however many reasons.
            let people: BTreeSet<_> = waiting.iter().map(|dirty| dirty.participant).collect();
            dirty = dirty.saturating_add(people.len());
            let waiting = waiting
                .iter()
                .map(|dirty| (dirty.participant, dirty.generation));
            lag = lag.max(seen.dirty.see(waiting, now));
            let waiting = store.list_outbox(tenant.id, LEVELS_COUNTED_MAX).await?;
            outbox = outbox.saturating_add(waiting.len());
            let waiting = waiting.iter().map(|item| item.id);
            lag = lag.max(seen.outbox.see(waiting, now));
        }
        let meters = meters();
        meters.projector.dirty.record(dirty as u64, &[]);
        meters.projector.outbox_depth.record(outbox as u64, &[]);
        meters.projector.lag.record(lag.as_secs_f64(), &[]);
        if let Some(age) = self.backup_age() {
            meters.backup_age.record(age.as_secs_f64(), &[]);
        }
        Ok(())
    }

    /// `None` where nothing says that a backup was ever made.
    fn backup_age(&self) -> Option<Duration> {
        let made = std::fs::metadata(&self.backed_up).ok()?.modified().ok()?;
        let made = made.duration_since(UNIX_EPOCH).ok()?;
        let now = u64::try_from(self.components.clock.now().as_ms()).ok()?;
        // A clock that was set back since makes it no younger than now.
        Some(Duration::from_millis(now).saturating_sub(made))
    }
}

/// What waits, each since it was first seen.
struct Waiting<K>(BTreeMap<K, Duration>);

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Waiting<K> {
    /// Takes up what waits now, and says for how long the first of it has.
    fn see(&mut self, waiting: impl Iterator<Item = K>, now: Duration) -> Duration {
        let mut before = std::mem::take(&mut self.0);
        self.0 = waiting
            .map(|key| {
                let since = before.remove(&key).unwrap_or(now);
                (key, since)
            })
            .collect();
        let first = self.0.values().min().copied();
        first.map_or(Duration::ZERO, |first| now.saturating_sub(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_longest_says_how_long_and_what_is_done_no_more() {
        let at = Duration::from_secs;
        let mut waiting = Waiting::default();
        assert_eq!(waiting.see([1, 2].into_iter(), at(10)), at(0));
        assert_eq!(waiting.see([2, 3].into_iter(), at(25)), at(15));
        assert_eq!(waiting.see([3].into_iter(), at(40)), at(15));
        assert_eq!(waiting.see([].into_iter(), at(55)), at(0));
        assert_eq!(waiting.see([3].into_iter(), at(70)), at(0), "a new one");
    }
}
