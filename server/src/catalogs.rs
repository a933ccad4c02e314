//! The newest catalog of each tenant, parsed once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_store::{Store, StoreError};
use askel_sync::{
    catalog::Catalog,
    id::{StreamId, TenantId},
    stream::{StreamKey, listed::day_handle},
};

use crate::entropy::{Entropy, EntropyFailed, draw};

/// Hands out newest catalogs. Everyone in this process who publishes tells it.
pub(crate) struct Catalogs {
    store: Arc<dyn Store>,
    newest: Mutex<HashMap<TenantId, Arc<Catalog>>>,
    /// Of the catalogs' streams; a restore, which changes them, is another process.
    handles: Mutex<HashMap<TenantId, StreamId>>,
}

/// Names streams that are begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewHandles {
    catalog: Option<StreamId>,
}

impl NewHandles {
    /// A handle: what its readers can work out, or random.
    pub(crate) fn of(
        self,
        key: StreamKey,
        entropy: &dyn Entropy,
    ) -> Result<StreamId, EntropyFailed> {
        match (key, self.catalog) {
            (StreamKey::PlaceDay(place, date), Some(catalog)) => {
                Ok(day_handle(catalog, place, date))
            }
            _ => draw(entropy).map(StreamId::from_bytes),
        }
    }
}

impl Catalogs {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            newest: Mutex::default(),
            handles: Mutex::default(),
        }
    }

    /// The newest catalog; `None` before the first is published.
    pub(crate) async fn newest(
        &self,
        tenant: TenantId,
    ) -> Result<Option<Arc<Catalog>>, StoreError> {
        let held = self.held().get(&tenant).map(Arc::clone);
        if held.is_some() {
            return Ok(held);
        }
        let Some(stored) = self.store.lookup_catalog(tenant, None).await? else {
            return Ok(None);
        };
        let catalog = Catalog::parse(&stored.content)
            .map_err(|_| StoreError::Inconsistent("a stored catalog can't be parsed"))?;
        let catalog = Arc::new(catalog);
        self.replace(tenant, Arc::clone(&catalog));
        Ok(Some(catalog))
    }

    /// A version was published; an older one than the one held changes nothing.
    pub(crate) fn replace(&self, tenant: TenantId, catalog: Arc<Catalog>) {
        let mut held = self.held();
        let newer = held
            .get(&tenant)
            .is_none_or(|held| held.version() <= catalog.version());
        if newer {
            held.insert(tenant, catalog);
        }
    }

    /// How streams are named that are begun now.
    pub(crate) async fn new_handles(&self, tenant: TenantId) -> Result<NewHandles, StoreError> {
        let handles = || self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let held = handles().get(&tenant).copied();
        if held.is_some() {
            return Ok(NewHandles { catalog: held });
        }
        let streams = [StreamKey::Catalog];
        let heads = self.store.lookup_streams(tenant, &streams).await?;
        let catalog = heads.first().map(|head| head.id);
        if let Some(catalog) = catalog {
            handles().insert(tenant, catalog);
        }
        Ok(NewHandles { catalog })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Arc<Catalog>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
