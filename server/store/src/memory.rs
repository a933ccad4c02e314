//! The reference store: everything in memory, synchronous inside, lost with the process.
//!
//! One file an aggregate, each a plain struct without locks; [`MemoryStore`] holds them behind one
//! mutex, so every call is one transaction. No method waits.

mod audit;
mod catalog;
mod enrolment;
mod erasure;
mod job_lease;
mod op;
mod projection;
mod push;
mod restore;
mod retention;
mod tenant;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use askel_sync::id::TenantId;

use crate::{PageOf, PageRequest, Tenant};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tenants: Mutex<BTreeMap<TenantId, TenantData>>,
}

/// All that is held for one tenant.
#[derive(Debug, Clone, Default)]
struct TenantData {
    tenant: Option<Tenant>,
    enrolment: enrolment::Enrolment,
    ops: op::Ops,
    projection: projection::Derived,
    catalogs: catalog::Catalogs,
    audit: audit::AuditLog,
    erased: erasure::Graveyard,
    restores: restore::Restores,
    jobs: job_lease::Jobs,
    pushes: push::Pushes,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own with all that this one holds now.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            tenants: Mutex::new(self.lock().clone()),
        }
    }

    /// A call that panicked has not left anything half done that a later one could not stand:
    /// writes are decided before the first change.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, TenantData>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<R>(&self, tenant: TenantId, read: impl FnOnce(&TenantData) -> R) -> R {
        match self.lock().get(&tenant) {
            Some(data) => read(data),
            None => read(&TenantData::default()),
        }
    }

    fn write<R>(&self, tenant: TenantId, write: impl FnOnce(&mut TenantData) -> R) -> R {
        let mut tenants = self.lock();
        let data = tenants.entry(tenant).or_default();
        let written = write(data);
        data.forget_pushes_of_the_gone();
        written
    }
}

/// A page of what `items` yields in the list's order, with each item's key; `key_bytes` is the
/// length of a key. Keys rise as byte strings.
fn page_of<T>(
    items: impl Iterator<Item = (Vec<u8>, T)>,
    request: &PageRequest,
    key_bytes: usize,
) -> PageOf<T> {
    if !request.after.is_empty() && request.after.len() != key_bytes {
        return PageOf::empty();
    }
    let fetch = usize::try_from(request.fetch()).unwrap_or(usize::MAX);
    let items = items
        .filter(|(key, _)| *key > request.after)
        .take(fetch)
        .collect();
    let page = PageOf::cut(items, request, |(key, _)| key.clone());
    PageOf {
        items: page.items.into_iter().map(|(_, item)| item).collect(),
        next: page.next,
    }
}
