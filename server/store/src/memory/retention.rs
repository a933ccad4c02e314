//! Dropping what is past its time, in memory.

use askel_sync::id::TenantId;
use async_trait::async_trait;

use super::{MemoryStore, TenantData};
use crate::{Dropped, Dropping, Past, RetentionStore, StoreError};

impl TenantData {
    fn drop_past(&mut self, past: &Past) -> Option<Dropped> {
        if let Some(lease) = past.under
            && self.jobs.holder(lease.job) != Some((lease.node, lease.generation))
        {
            return None;
        }
        let mut dropping = Dropping::begin(past);
        self.enrolment.drop_past(past, &mut dropping);
        while let Some(from) = dropping.look() {
            let first = self.ops.first_day(from);
            if dropping.found(first)
                && let Some(day) = first
            {
                self.ops.drop_day(day, &mut dropping);
            }
        }
        Some(dropping.end())
    }
}

#[async_trait]
impl RetentionStore for MemoryStore {
    async fn drop_past(
        &self,
        tenant: TenantId,
        past: &Past,
    ) -> Result<Option<Dropped>, StoreError> {
        Ok(self.write(tenant, |data| data.drop_past(past)))
    }
}
