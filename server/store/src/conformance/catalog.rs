//! Catalogs.

use std::sync::Arc;

use super::fixture::{NOW, OTHER_TENANT, TENANT, any_audit, audit_length, first_page};
use crate::{CatalogVersion, Store};

fn catalog(version: u32) -> CatalogVersion {
    let byte = u8::try_from(version).unwrap();
    CatalogVersion {
        version,
        hash: [byte; 32],
        content: vec![byte; 10_000],
        signature: vec![byte; 64],
        published_at: NOW,
    }
}

/// A number is given once; the same content at it is no mistake.
pub async fn catalog_versions_are_dense_from_one(store: Arc<impl Store>) {
    let check = async |offered: CatalogVersion, expected: bool| {
        let recorded = store
            .record_catalog(TENANT, &offered, &any_audit())
            .await
            .unwrap();
        assert_eq!(recorded, expected, "version {}", offered.version);
    };
    check(catalog(2), false).await;
    check(catalog(0), false).await;
    check(catalog(1), true).await;
    check(catalog(3), false).await;
    check(catalog(2), true).await;
    check(catalog(1), true).await;
    check(
        CatalogVersion {
            hash: [9; 32],
            ..catalog(2)
        },
        false,
    )
    .await;
    assert_eq!(audit_length(&*store).await, 2);
    assert_eq!(
        store.lookup_catalog(TENANT, Some(2)).await.unwrap(),
        Some(catalog(2))
    );
}

/// By number, the newest, by hash.
pub async fn a_catalog_is_found_by_version_and_by_hash(store: Arc<impl Store>) {
    assert_eq!(store.lookup_catalog(TENANT, None).await.unwrap(), None);
    for version in 1..=3 {
        store
            .record_catalog(TENANT, &catalog(version), &any_audit())
            .await
            .unwrap();
    }
    let check = |found: Option<CatalogVersion>, version: Option<u32>| {
        assert_eq!(found, version.map(catalog));
    };
    check(store.lookup_catalog(TENANT, None).await.unwrap(), Some(3));
    check(
        store.lookup_catalog(TENANT, Some(1)).await.unwrap(),
        Some(1),
    );
    check(store.lookup_catalog(TENANT, Some(4)).await.unwrap(), None);
    check(
        store.lookup_catalog_hash(TENANT, [2; 32]).await.unwrap(),
        Some(2),
    );
    check(
        store.lookup_catalog_hash(TENANT, [4; 32]).await.unwrap(),
        None,
    );
    check(
        store.lookup_catalog(OTHER_TENANT, None).await.unwrap(),
        None,
    );
    check(
        store
            .lookup_catalog_hash(OTHER_TENANT, [2; 32])
            .await
            .unwrap(),
        None,
    );
}

/// Without their content, page by page.
pub async fn catalogs_are_listed_newest_first(store: Arc<impl Store>) {
    for version in 1..=5 {
        store
            .record_catalog(TENANT, &catalog(version), &any_audit())
            .await
            .unwrap();
    }
    let mut request = first_page(2);
    for expected in [&[5, 4][..], &[3, 2], &[1]] {
        let page = store.list_catalogs(TENANT, &request).await.unwrap();
        let bare = |version: &u32| CatalogVersion {
            content: Vec::new(),
            ..catalog(*version)
        };
        assert_eq!(page.items, expected.iter().map(bare).collect::<Vec<_>>());
        request.after = page.next.unwrap_or_default();
    }
    assert!(request.after.is_empty(), "the last page has no next");
    let elsewhere = store
        .list_catalogs(OTHER_TENANT, &first_page(2))
        .await
        .unwrap();
    assert!(elsewhere.items.is_empty());
}
