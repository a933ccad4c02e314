//! The audit log in memory.

use askel_sync::id::TenantId;
use async_trait::async_trait;

use super::{MemoryStore, page_of};
use crate::{Audit, AuditEntry, AuditStore, PageOf, PageRequest, StoreError};

#[derive(Debug, Clone, Default)]
pub(super) struct AuditLog {
    entries: Vec<AuditEntry>,
}

impl AuditLog {
    /// Notes what goes with a change that was made.
    pub(super) fn note(&mut self, tenant: TenantId, audit: &Audit) {
        self.entries.push(AuditEntry::following(
            self.entries.last(),
            tenant,
            audit.clone(),
        ));
    }

    /// Notes what was not noted before.
    pub(super) fn note_once(&mut self, tenant: TenantId, audit: &Audit) {
        if !self.entries.iter().any(|entry| entry.audit == *audit) {
            self.note(tenant, audit);
        }
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn record_audit(&self, tenant: TenantId, audit: &Audit) -> Result<(), StoreError> {
        self.write(tenant, |data| data.audit.note_once(tenant, audit));
        Ok(())
    }

    async fn list_audit(
        &self,
        tenant: TenantId,
        page: &PageRequest,
    ) -> Result<PageOf<AuditEntry>, StoreError> {
        Ok(self.read(tenant, |data| {
            let keyed = data
                .audit
                .entries
                .iter()
                .map(|entry| (entry.sequence.to_be_bytes().to_vec(), entry.clone()));
            page_of(keyed, page, size_of::<u64>())
        }))
    }
}
