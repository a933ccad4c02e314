//! A server is killed while it wakes a phone; and one that is not told who it is to FCM does not start.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use askel_client_sdk::{Client, PushWish};
use askel_fcm::{
    Roots,
    fake::{Fake, Fault},
};
use askel_private_services::{Durability, Postgres, PostgresSettings};
use askel_server::clock::{Clock as _, SystemClock};
use data_encoding::BASE64;
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::cluster::{prepare, sql};
use crate::{
    crowd::{BUDGET, open_in_memory},
    world::{PLACE, Server, Settings, World, askel},
};

/// What the phone is woken by.
const TOKEN: &str = "the-phone";
const ACCOUNT: &str = "ASKEL_PUSH__SERVICE_ACCOUNT_FILE";
const CA: &str = "ASKEL_PUSH__CA_FILE";
/// What is due is due now; what somebody is at, nobody is any more: the time of both has come.
const LATER: &str = "UPDATE push SET due_at_ms = 0 WHERE due_at_ms IS NOT NULL";
const DUE: &str = "SELECT count(*) FROM push WHERE due_at_ms IS NOT NULL";
const LEASED: &str = "SELECT count(*) FROM push WHERE is_leased";

/// A service that answers as FCM does, and what a server needs to send by it.
struct Fcm {
    fake: Fake,
    folder: TempDir,
}

impl Fcm {
    async fn start() -> Self {
        let fake = Fake::start(SystemClock::start().now()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let fcm = Self { fake, folder };
        fcm.write("account.json", &fcm.fake.account_json());
        let Roots::Only(issuer) = fcm.fake.options().roots else {
            panic!("the fake has an issuer of its own");
        };
        let certificate = BASE64.encode(&issuer);
        let pem =
            format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
        fcm.write("issuer.pem", &pem);
        fcm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("written");
        self.path(name).display().to_string()
    }

    fn tell(&self, settings: Settings) -> Settings {
        let file = |name| self.path(name).display().to_string();
        settings
            .with(ACCOUNT, &file("account.json"))
            .with(CA, &file("issuer.pem"))
            .with("ASKEL_PUSH__FCM_URL", &self.fake.options().base)
            .with("ASKEL_PUSH__LOOK_MS", "20")
    }

    /// How often the phone was woken.
    fn woken(&self) -> usize {
        let messages = self.fake.taken();
        messages.iter().filter(|sent| sent.token == TOKEN).count()
    }
}

async fn enrolled(world: &World, role: &str) -> Client {
    let client = open_in_memory();
    client.enrol(&world.invite(role)).await.expect("enrolled");
    client.sync(BUDGET).await.expect("the catalog");
    client
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !block_in_place(&mut is_so) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looking)
        .await
        .expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_sent_and_not_noted_when_the_server_was_killed_is_sent_once_more() {
    let fcm = Fcm::start().await;
    let (postgres, url) = block_in_place(|| {
        let durable = PostgresSettings::new(Durability::Durable);
        let postgres = Postgres::start(&durable).expect("a private PostgreSQL");
        let url = prepare(&postgres);
        (postgres, url)
    });
    let count = |of: &str| sql(&postgres, of).trim().to_owned();
    let settings = fcm.tell(Settings::on(&url));
    let mut world = World::found_with(settings.clone(), None).await;
    let phone = enrolled(&world, "participant").await;
    phone
        .want_push(PushWish {
            token: TOKEN.to_owned(),
            quiet_hours: None,
            time_zone: None,
        })
        .expect("kept");
    phone.sync(BUDGET).await.expect("synced");
    let tablet = enrolled(&world, "staff").await;
    let pass = phone.pass().expect("a pass");
    tablet.scan(PLACE, &pass).expect("scanned");
    tablet.sync(BUDGET).await.expect("synced");
    assert_eq!((fcm.woken(), count(DUE)), (0, "1".to_owned()));
    // The message is on its way to the phone, and the server is not told.
    fcm.fake.fail_next_message(Fault::Unanswered);
    sql(&postgres, LATER);
    until(|| fcm.woken() == 1).await;
    let server = world.server.take().expect("it runs");
    let address = server.address.clone();
    drop(server);
    assert_eq!(count(LEASED), "1", "nothing is lost with it");
    let again = block_in_place(|| Server::start_with(&settings, &world.data(), &address));
    sql(&postgres, LATER);
    until(|| fcm.woken() > 1).await;
    // Once it is noted, there is nothing left that anyone could send.
    until(|| count(DUE) == "0" && count(LEASED) == "0").await;
    assert_eq!(fcm.woken(), 2);
    drop(again);
}

/// What a server says that does not start.
fn complaint(settings: &Settings, data: &Path) -> String {
    let mut command = askel();
    settings.tell(&mut command);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("askel serve starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    if let Some(line) = lines.next() {
        child.kill().expect("it ran");
        panic!("it started: {line:?}");
    }
    let mut told = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut told).expect("text");
    assert!(!child.wait().expect("waited").success());
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_is_none_stops_the_start_and_its_key_is_not_told() {
    let fcm = Fcm::start().await;
    let world = World::found().await;
    let data = world.device("another-server");
    let init = askel()
        .args(["admin", "init", "--data-dir"])
        .arg(&data)
        .output();
    assert!(init.expect("askel runs").status.success());
    let good = fcm.fake.account_json();
    let key = good.split("KEY-----").nth(1).expect("a key");
    let key = key.get(20..60).expect("some of it").to_owned();
    let missing = fcm.path("missing.json").display().to_string();
    let broken = good.replace(&key, "AAAA");
    let user = good.replace("\"service_account\"", "\"authorized_user\"");
    let plain = good.replace("https://localhost", "http://localhost");
    let cases = [
        (ACCOUNT, missing, "can't be read"),
        (
            ACCOUNT,
            fcm.write("pem", &format!("-----BEGIN PRIVATE KEY-----\n{key}")),
            "no service account's JSON",
        ),
        (
            ACCOUNT,
            fcm.write("half", good.get(..good.len() - 20).expect("half")),
            "no service account's JSON",
        ),
        (ACCOUNT, fcm.write("user", &user), "is no service account"),
        (
            ACCOUNT,
            fcm.write("broken", &broken),
            "private_key can't be read",
        ),
        (
            ACCOUNT,
            fcm.write("plain", &plain),
            "token_uri is no https address",
        ),
        (
            CA,
            fcm.path("account.json").display().to_string(),
            "holds no certificate",
        ),
    ];
    for (name, file, reason) in cases {
        let settings = fcm.tell(Settings::default()).with(name, &file);
        let told = block_in_place(|| complaint(&settings, &data));
        assert!(told.contains(reason) && told.contains(&file), "{told}");
        assert!(!told.contains(&key), "the key is told");
    }
}
