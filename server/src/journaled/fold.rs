//! A journal's records as fewer of the same effect.

use std::collections::BTreeMap;

use askel_store::journal::{Noted, folded_notes};
use askel_sync::id::TenantId;

use super::record::{parse_noted, record_of};

/// Folds records, tenant by tenant; `None` when a later version wrote one of them.
pub(crate) fn fold_records(records: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let mut tenants: BTreeMap<TenantId, Vec<Noted>> = BTreeMap::new();
    for record in records {
        let (tenant, noted) = parse_noted(record).ok()?;
        tenants.entry(tenant).or_default().push(noted);
    }
    let records = tenants.into_iter().flat_map(|(tenant, notes)| {
        let notes = folded_notes(notes).into_iter();
        notes.map(move |noted| record_of(tenant, &noted))
    });
    Some(records.collect())
}
