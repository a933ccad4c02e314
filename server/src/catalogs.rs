//! The newest catalog of each tenant, parsed once on each node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_store::{PageRequest, Store, StoreError};
use askel_sync::{
    catalog::Catalog,
    id::{StreamId, TenantId},
    stream::{StreamKey, listed::day_handle},
    time::{DAY_MS, LocalDate, Timestamp},
};

use crate::{
    clock::Clock,
    entropy::{Entropy, EntropyFailed, draw},
    limits::{CATALOG_LOOK_MS, DAY_HANDLE_DAYS},
};

/// Hands out newest catalogs. Everyone in this process who publishes tells it; of what another node
/// publishes it hears when it looks.
pub(crate) struct Catalogs {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    newest: Mutex<HashMap<TenantId, Held>>,
    /// Of the catalogs' streams; a restore, which changes them, is another process.
    handles: Mutex<HashMap<TenantId, StreamId>>,
}

/// A catalog, and when it was known to be the newest.
#[derive(Debug, Clone)]
struct Held {
    catalog: Arc<Catalog>,
    looked_at: Duration,
}

/// Names streams that are begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewHandles {
    catalog: Option<StreamId>,
    now: Timestamp,
}

impl NewHandles {
    /// A handle: what its readers can work out, or random. Random for a place's day that may have been there
    /// before and was dropped: its cursors mean nothing any more.
    pub(crate) fn of(
        self,
        key: StreamKey,
        entropy: &dyn Entropy,
    ) -> Result<StreamId, EntropyFailed> {
        match (key, self.catalog) {
            (StreamKey::PlaceDay(place, date), Some(catalog)) if self.is_new(date) => {
                Ok(day_handle(catalog, place, date))
            }
            _ => draw(entropy).map(StreamId::from_bytes),
        }
    }

    /// Whether a day is too young to have been dropped.
    fn is_new(self, date: LocalDate) -> bool {
        let today = self.now.as_ms().div_euclid(DAY_MS);
        today.saturating_sub(date.as_days().into()) <= DAY_HANDLE_DAYS.into()
    }
}

impl Catalogs {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            newest: Mutex::default(),
            handles: Mutex::default(),
        }
    }

    /// The newest catalog, or one that was so a moment ago; `None` before the first is published.
    pub(crate) async fn newest(
        &self,
        tenant: TenantId,
    ) -> Result<Option<Arc<Catalog>>, StoreError> {
        let now = self.clock.monotonic();
        let patience = Duration::from_millis(CATALOG_LOOK_MS);
        let fresh = |held: &&Held| now.saturating_sub(held.looked_at) < patience;
        if let Some(held) = self.held().get(&tenant).filter(fresh) {
            return Ok(Some(Arc::clone(&held.catalog)));
        }
        self.look(tenant).await
    }

    /// The newest catalog of all that were recorded before this is called, by whichever node.
    pub(crate) async fn look(&self, tenant: TenantId) -> Result<Option<Arc<Catalog>>, StoreError> {
        // Before the store is asked: what is recorded meanwhile is seen at the next look.
        let now = self.clock.monotonic();
        let only_one = PageRequest {
            size: 1,
            after: Vec::new(),
        };
        let versions = self.store.list_catalogs(tenant, &only_one).await?;
        let newest = versions.items.first().map(|newest| newest.hash);
        self.known_by(tenant, newest, now).await
    }

    /// The same, by the hash of what the newest is, or was when the clock stood at `now`.
    pub(crate) async fn known_by(
        &self,
        tenant: TenantId,
        newest: Option<[u8; 32]>,
        now: Duration,
    ) -> Result<Option<Arc<Catalog>>, StoreError> {
        let Some(newest) = newest else {
            return Ok(None);
        };
        let held = self.held().get(&tenant).cloned();
        let same = |held: &Held| held.catalog.hash() == &newest;
        if let Some(held) = held.filter(same) {
            return Ok(Some(self.keep(tenant, held.catalog, now)));
        }
        let Some(stored) = self.store.lookup_catalog(tenant, None).await? else {
            return Ok(None);
        };
        let catalog = Catalog::parse(&stored.content)
            .map_err(|_| StoreError::Inconsistent("a stored catalog can't be parsed"))?;
        Ok(Some(self.keep(tenant, Arc::new(catalog), now)))
    }

    /// A version was published here; an older one than the one held changes nothing.
    pub(crate) fn replace(&self, tenant: TenantId, catalog: Arc<Catalog>) {
        let now = self.clock.monotonic();
        self.keep(tenant, catalog, now);
    }

    /// Keeps the newer one, and gives it back.
    fn keep(&self, tenant: TenantId, catalog: Arc<Catalog>, looked_at: Duration) -> Arc<Catalog> {
        let mut held = self.held();
        let newer = |held: &&Held| held.catalog.version() > catalog.version();
        if let Some(held) = held.get(&tenant).filter(newer) {
            return Arc::clone(&held.catalog);
        }
        let entry = Held {
            catalog: Arc::clone(&catalog),
            looked_at,
        };
        held.insert(tenant, entry);
        catalog
    }

    /// How streams are named that are begun now.
    pub(crate) async fn new_handles(&self, tenant: TenantId) -> Result<NewHandles, StoreError> {
        let now = self.clock.now();
        let handles = || self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let held = handles().get(&tenant).copied();
        if held.is_some() {
            return Ok(NewHandles { catalog: held, now });
        }
        let streams = [StreamKey::Catalog];
        let heads = self.store.lookup_streams(tenant, &streams).await?;
        let catalog = heads.first().map(|head| head.id);
        if let Some(catalog) = catalog {
            handles().insert(tenant, catalog);
        }
        Ok(NewHandles { catalog, now })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Held>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use askel_proto::v1;
    use askel_store::{Audit, AuditAction, CatalogStore as _, CatalogVersion, memory::MemoryStore};
    use askel_sync::{catalog, id::PlaceId};
    use std::sync::atomic::{AtomicU64, Ordering};

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_ms(1);

    #[derive(Default)]
    struct Watch(AtomicU64);

    impl Clock for Watch {
        fn now(&self) -> Timestamp {
            NOW
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    /// What another node does: records a version.
    async fn publish(store: &MemoryStore, version: u32) {
        let content = catalog::encode(&v1::Catalog {
            tenant_id: TENANT.to_vec(),
            version,
            time_zones: vec![v1::TimeZone {
                id: 1,
                name: "UTC".to_owned(),
                ..v1::TimeZone::default()
            }],
            ..v1::Catalog::default()
        });
        let parsed = Catalog::parse(&content).expect("a catalog");
        let audit = Audit {
            at: NOW,
            actor: None,
            action: AuditAction::CatalogPublished,
            target: String::new(),
        };
        let version = CatalogVersion {
            version,
            hash: *parsed.hash(),
            content,
            signature: Vec::new(),
            published_at: NOW,
        };
        let recorded = store.record_catalog(TENANT, &version, &audit).await;
        assert!(recorded.expect("recorded"));
    }

    #[test]
    fn a_day_that_may_have_been_dropped_gets_a_random_handle() {
        let catalog = StreamId::from_bytes([4; 16]);
        let handles = NewHandles {
            catalog: Some(catalog),
            now: Timestamp::from_ms(100 * DAY_MS),
        };
        let of = |day: i32| {
            let (place, date) = (PlaceId::new(1), LocalDate::from_days(day));
            let handle = handles.of(StreamKey::PlaceDay(place, date), &SystemEntropy);
            handle.expect("randomness") == day_handle(catalog, place, date)
        };
        let days = [101, 100, 100 - DAY_HANDLE_DAYS, 100 - DAY_HANDLE_DAYS - 1];
        assert_eq!(days.map(of), [true, true, true, false]);
    }

    #[tokio::test]
    async fn what_another_node_publishes_counts_a_moment_later() {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(Watch::default());
        let catalogs = Catalogs::new(Arc::clone(&store) as _, Arc::clone(&clock) as _);
        let newest = async || {
            let newest = catalogs.newest(TENANT).await.expect("a store");
            newest.map(|catalog| catalog.version())
        };
        assert_eq!(newest().await, None);
        publish(&store, 1).await;
        assert_eq!(newest().await, Some(1), "none is never kept");
        publish(&store, 2).await;
        clock.0.store(CATALOG_LOOK_MS - 1, Ordering::Relaxed);
        assert_eq!(newest().await, Some(1));
        clock.0.store(CATALOG_LOOK_MS, Ordering::Relaxed);
        assert_eq!(newest().await, Some(2));
        publish(&store, 3).await;
        let looked = catalogs.look(TENANT).await.expect("a store");
        assert_eq!(looked.map(|catalog| catalog.version()), Some(3));
        assert_eq!(newest().await, Some(3), "whoever looked tells the others");
        clock.0.store(2 * CATALOG_LOOK_MS, Ordering::Relaxed);
        assert_eq!(newest().await, Some(3));
    }

    #[tokio::test]
    async fn what_was_published_here_counts_at_once_and_stays() {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(Watch::default());
        let catalogs = Catalogs::new(Arc::clone(&store) as _, Arc::clone(&clock) as _);
        publish(&store, 1).await;
        let first = catalogs.newest(TENANT).await.expect("a store");
        let first = first.expect("a catalog");
        publish(&store, 2).await;
        let stored = store.lookup_catalog(TENANT, None).await.expect("a store");
        let content = stored.expect("stored").content;
        let second = Arc::new(Catalog::parse(&content).expect("a catalog"));
        catalogs.replace(TENANT, second);
        catalogs.replace(TENANT, first);
        for at in [0, CATALOG_LOOK_MS, 3 * CATALOG_LOOK_MS] {
            clock.0.store(at, Ordering::Relaxed);
            let newest = catalogs.newest(TENANT).await.expect("a store");
            assert_eq!(newest.map(|catalog| catalog.version()), Some(2));
        }
    }
}
