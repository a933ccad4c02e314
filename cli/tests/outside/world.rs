//! A small world for tests from outside: the real binary, a tenant, a catalog with one place.

mod organiser;
mod server;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use askel_proto::v1;
use askel_sync::{
    catalog,
    id::{PlaceId, TenantId},
    invitation::Link,
};
use tempfile::TempDir;

use self::organiser::Organiser;
pub(crate) use self::server::Server;

/// The only place of the catalog.
pub(crate) const PLACE: PlaceId = PlaceId::new(1);

/// The data folder's name.
const DATA: &str = "server";
/// Whichever port is free.
const ANY_PORT: &str = "127.0.0.1:0";

/// A tenant, its server and its catalog.
pub(crate) struct World {
    folder: TempDir,
    /// Whose world it is.
    pub(crate) tenant: TenantId,
    /// The server; `None` while it is dead.
    pub(crate) server: Option<Server>,
}

impl World {
    /// Makes a tenant, starts its server and publishes a catalog.
    pub(crate) async fn found() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join(DATA);
        admin(&data, &["init"]);
        let server = Server::start(&data, ANY_PORT);
        let link: Link = invite(&data, &server.address, "organiser")
            .parse()
            .expect("a link");
        let organiser = Organiser::enrol(&link).await;
        let content = catalog::encode(&one_place(&link));
        organiser
            .publish(content, &data.join("offline-keys/catalog.key"))
            .await;
        Self {
            folder,
            tenant: link.tenant,
            server: Some(server),
        }
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join(DATA)
    }

    /// A folder for a device.
    pub(crate) fn device(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Makes an invitation that is good at once; its link.
    pub(crate) fn invite(&self, role: &str) -> String {
        let server = self.server.as_ref().expect("it runs");
        invite(&self.data(), &server.address, role)
    }
}

fn invite(data: &Path, address: &str, role: &str) -> String {
    let url = format!("http://{address}");
    let told = admin(data, &["invite", "--role", role, "--server-url", &url]);
    let link = told.lines().find_map(|line| line.strip_prefix("link "));
    link.expect("a link is printed").to_owned()
}

/// Runs `askel admin …` and gives what it printed.
fn admin(data: &Path, arguments: &[&str]) -> String {
    let mut command = askel();
    let output = command
        .arg("admin")
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output();
    let output = output.expect("askel runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "askel admin {arguments:?}: {stderr}"
    );
    String::from_utf8(output.stdout).expect("text")
}

/// The real binary, without the environment's own settings.
pub(crate) fn askel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askel"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ASKEL_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command
}

/// Always open, and one badge for coming once.
fn one_place(link: &Link) -> v1::Catalog {
    let text = |text: &str| {
        Some(v1::LocalizedText {
            variants: vec![v1::TextVariant {
                language: "en".into(),
                text: text.into(),
            }],
        })
    };
    v1::Catalog {
        version: 1,
        tenant_id: link.tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Etc/UTC".into(),
            first_offset_minutes: 0,
            transitions: Vec::new(),
        }],
        organisations: vec![v1::Organisation {
            id: 1,
            name: text("The Association"),
        }],
        places: vec![v1::Place {
            id: PLACE.get(),
            organisation_id: 1,
            name: text("The Basement"),
            time_zone_id: 1,
            ..v1::Place::default()
        }],
        goals: vec![v1::Goal {
            id: 1,
            kind: v1::GoalKind::Badge.into(),
            name: text("First visit"),
            rule_version: 1,
            rule: Some(v1::Rule {
                operator: Some(v1::rule::Operator::Count(v1::CountRule {
                    filter: None,
                    target: 1,
                })),
            }),
            badge_id: 1,
            ..v1::Goal::default()
        }],
        badges: vec![v1::Badge {
            id: 1,
            name: text("First visit"),
            ..v1::Badge::default()
        }],
        ..v1::Catalog::default()
    }
}
