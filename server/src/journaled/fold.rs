//! A journal's records as fewer of the same effect.

use std::collections::BTreeMap;

use askel_store::journal::{Entry, folded};
use askel_sync::id::TenantId;

use super::{parse_record, record_of};

/// Folds records, tenant by tenant; `None` when a later version wrote one of them.
pub(crate) fn fold_records(records: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let mut tenants: BTreeMap<TenantId, Vec<Entry>> = BTreeMap::new();
    for record in records {
        let (tenant, entry) = parse_record(record).ok()?;
        tenants.entry(tenant).or_default().push(entry);
    }
    let records = tenants.into_iter().flat_map(|(tenant, entries)| {
        let entries = folded(entries).into_iter();
        entries.map(move |entry| record_of(tenant, &entry))
    });
    Some(records.collect())
}
