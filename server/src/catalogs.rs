//! The newest catalog of each tenant, parsed once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use askel_store::{Store, StoreError};
use askel_sync::{catalog::Catalog, id::TenantId};

/// Hands out newest catalogs. Everyone in this process who publishes tells it.
pub(crate) struct Catalogs {
    store: Arc<dyn Store>,
    newest: Mutex<HashMap<TenantId, Arc<Catalog>>>,
}

impl Catalogs {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            newest: Mutex::default(),
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

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Arc<Catalog>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
