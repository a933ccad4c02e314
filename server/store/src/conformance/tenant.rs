//! Tenants.

use std::sync::Arc;

use askel_sync::id::TenantId;

use super::fixture::{NOW, OTHER_TENANT, TENANT};
use crate::{Store, Tenant};

fn tenant(id: TenantId, key_list_version: u32) -> Tenant {
    Tenant {
        id,
        root_hash: [3; 32],
        signed_key_list: vec![7; usize::try_from(key_list_version).unwrap()],
        key_list_version,
        created_at: NOW,
    }
}

/// Nothing is changed by recording the same again.
pub async fn a_tenant_recorded_twice_is_one(store: Arc<impl Store>) {
    for _ in 0..2 {
        assert_eq!(
            store.record_tenant(&tenant(TENANT, 1)).await.unwrap(),
            tenant(TENANT, 1)
        );
    }
    assert_eq!(store.list_tenants().await.unwrap(), [tenant(TENANT, 1)]);
    assert_eq!(
        store.lookup_tenant(TENANT).await.unwrap(),
        Some(tenant(TENANT, 1))
    );
}

/// An older list or another root changes nothing.
pub async fn a_key_list_is_replaced_by_a_newer_one_of_the_same_root(store: Arc<impl Store>) {
    store.record_tenant(&tenant(TENANT, 2)).await.unwrap();
    let later = NOW.saturating_add_ms(1);
    let check = async |offered: Tenant, expected: Tenant| {
        assert_eq!(store.record_tenant(&offered).await.unwrap(), expected);
        assert_eq!(store.lookup_tenant(TENANT).await.unwrap(), Some(expected));
    };
    check(tenant(TENANT, 1), tenant(TENANT, 2)).await;
    check(
        Tenant {
            root_hash: [4; 32],
            ..tenant(TENANT, 3)
        },
        tenant(TENANT, 2),
    )
    .await;
    check(
        Tenant {
            created_at: later,
            ..tenant(TENANT, 3)
        },
        tenant(TENANT, 3),
    )
    .await;
}

/// By id, and only those that were recorded.
pub async fn tenants_are_listed_by_id(store: Arc<impl Store>) {
    assert_eq!(store.lookup_tenant(TENANT).await.unwrap(), None);
    assert!(store.list_tenants().await.unwrap().is_empty());
    store.record_tenant(&tenant(OTHER_TENANT, 1)).await.unwrap();
    store.record_tenant(&tenant(TENANT, 1)).await.unwrap();
    let listed = store.list_tenants().await.unwrap();
    assert_eq!(listed, [tenant(TENANT, 1), tenant(OTHER_TENANT, 1)]);
}
