//! The machine is lost: data folders and database gone in mid-load. What is left is an encrypted
//! backup, the key that opens it, the server's keys and the journals, each kept elsewhere; and the
//! phones. Everything that was acknowledged is there again, once; what was revoked, used or erased
//! since the backup stays so.
//!
//! `ASKEL_LOSSES` says how often (1), `ASKEL_SEED` when (1). `cargo xtask drill restore-real` does 20 of
//! each store.

mod people;
mod site;

use std::{io::Write as _, time::Duration};

use askel_private_services::postgres;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use self::{
    people::{Crowd, Newcomer, sync},
    site::{Database, Site},
};
use crate::crowd::from_environment;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_machine_with_sqlite_comes_back() {
    lose("SQLite", || Site::found(None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lost_servers_and_their_postgresql_come_back() {
    let server = postgres().expect("a private PostgreSQL");
    lose("PostgreSQL", || {
        let database = Database::new(&server);
        Site::found(Some(database))
    })
    .await;
}

async fn lose<F: Future<Output = Site>>(store: &str, found: impl Fn() -> F) {
    let losses = from_environment("ASKEL_LOSSES", 1);
    let mut chance = ChaCha8Rng::seed_from_u64(from_environment("ASKEL_SEED", 1));
    for loss in 0..losses {
        let facts = lose_once(found().await, &mut chance).await;
        writeln!(
            std::io::stderr(),
            "{store}, loss {}: {facts} facts, all once",
            loss + 1
        )
        .expect("stderr is there");
    }
}

async fn lose_once(mut site: Site, chance: &mut ChaCha8Rng) -> u64 {
    let lost = Newcomer::enrolled(&site, "lost", 0).await;
    let gone = Newcomer::enrolled(&site, "gone", 1).await;
    for person in [&lost, &gone] {
        person.check_in();
        sync(&person.client).await.expect("synced");
    }
    let unused = site.invite("participant", 1);
    let crowd = Crowd::at_work(&site).await;
    crowd.more(chance.random_range(4..12)).await;
    site.back_up();
    // All of it after the backup, each on another server than the one before.
    crowd.more(chance.random_range(1..6)).await;
    let device = lost.client.enrolled().expect("enrolled").device;
    lost.client
        .revoke_own_device(device)
        .await
        .expect("revoked");
    gone.client.erase_me().expect("written");
    // Whatever it says: all of theirs is gone then.
    let _ = sync(&gone.client).await;
    let newcomer = Newcomer::by(&site, "newcomer", &unused).await;
    newcomer.check_in();
    sync(&newcomer.client).await.expect("synced");
    crowd.more(chance.random_range(1..12)).await;
    tokio::time::sleep(Duration::from_micros(chance.random_range(0..20_000))).await;

    site.lose();
    site.restore();

    let again = Newcomer::unknown(&site, "thief");
    assert!(again.client.enrol(&unused).await.is_err(), "a used code");
    let refused = sync(&lost.client).await;
    assert!(refused.is_err(), "revoked stays revoked");
    let walked = crowd.all_settled().await;
    newcomer.settle().await;
    let server = site.verified().await;
    assert_eq!(server.tallies, walked.tallies, "tallies");
    assert!(server.rows_agree, "derived rows");
    for phone in walked.phones.iter().chain([&newcomer]) {
        phone.compare(&server);
    }
    let known = server.participants.iter().map(|known| known.participant);
    assert!(
        !known.clone().any(|known| known == gone.participant),
        "erased"
    );
    assert!(gone.client.attendances().is_empty(), "their phone is empty");
    // And nobody else is there: those who walk, the newcomer, and whose phone was revoked.
    assert_eq!(known.count(), walked.phones.len() + 2);
    let told = site.doctor();
    assert!(told.contains(" 0 known missing"), "{told}");
    walked.facts()
}
