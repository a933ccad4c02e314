//! A record of the journal as bytes.

use askel_store::journal::{Entry, MalformedEntry, Noted};
use askel_sync::id::{ID_BYTES, TenantId};

/// A record of the journal: the tenant's id, then an entry of the store's.
///
/// # Errors
/// [`MalformedEntry`] when it is no such record.
pub fn parse_record(record: &[u8]) -> Result<(TenantId, Entry), MalformedEntry> {
    parse_noted(record).map(|(tenant, noted)| (tenant, noted.entry))
}

/// The same with the time of the entry.
///
/// # Errors
/// As [`parse_record`].
pub fn parse_noted(record: &[u8]) -> Result<(TenantId, Noted), MalformedEntry> {
    let (tenant, noted) = record
        .split_first_chunk::<ID_BYTES>()
        .ok_or(MalformedEntry)?;
    Ok((TenantId::from_bytes(*tenant), Noted::decode(noted)?))
}

pub(super) fn record_of(tenant: TenantId, noted: &Noted) -> Vec<u8> {
    [&tenant.as_bytes()[..], &noted.encode()].concat()
}
