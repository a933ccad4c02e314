//! The operator publishes a catalog from a file, while the server serves.

use std::time::Duration;

use crate::{
    crowd::{BUDGET, open_in_memory, sync},
    world::{World, askel},
};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalog.example.json");

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_from_a_file_reaches_phones() {
    let world = World::found().await;
    let publish = |more: &[&str]| {
        let published = askel()
            .args(["admin", "publish-catalog", EXAMPLE])
            .args(more)
            .arg("--data-dir")
            .arg(world.data())
            .output();
        let published = published.expect("askel runs");
        let why = String::from_utf8_lossy(&published.stderr);
        assert!(published.status.success(), "{why}");
        String::from_utf8(published.stdout).expect("text")
    };
    let phone = open_in_memory();
    phone
        .enrol(&world.invite("participant"))
        .await
        .expect("enrolled");
    sync(&phone, BUDGET).await.expect("the catalog");
    assert_eq!(phone.places().len(), 1);
    // The world's own was the first.
    let what = "catalog 2: 2 places, 3 goals; it";
    let checked = publish(&["--check"]);
    assert_eq!(checked, format!("{what} is good, and not published\n"));
    assert_eq!(publish(&[]), format!("{what} is published\n"));
    assert_eq!(publish(&[]), format!("{what} stands already\n"));
    let came = async {
        while phone.places().len() < 2 {
            sync(&phone, BUDGET).await.expect("synced");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(30), came).await;
    came.expect("the server has it by itself");
}
