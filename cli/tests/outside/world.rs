//! A small world for tests from outside: the real binary, a tenant, a catalog with one place.

mod organiser;
mod server;
mod settings;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use askel_proto::v1;
use askel_server::Config;
use askel_sync::{
    catalog,
    id::{PlaceId, TenantId},
    invitation::Link,
};
use tempfile::TempDir;

pub(crate) use self::{organiser::Organiser, server::Server, settings::Settings};

/// The only place of the catalog.
pub(crate) const PLACE: PlaceId = PlaceId::new(1);

/// The data folder's name.
const DATA: &str = "server";
/// Whichever port is free.
const ANY_PORT: &str = "127.0.0.1:0";

/// A tenant, its server and its catalog.
pub(crate) struct World {
    folder: TempDir,
    /// The server's data folder.
    data: PathBuf,
    settings: Settings,
    /// Whose world it is.
    pub(crate) tenant: TenantId,
    /// Who published the catalog.
    pub(crate) organiser: Organiser,
    /// Where invitations send people to.
    pub(crate) reached_at: String,
    /// The server; `None` while it is dead.
    pub(crate) server: Option<Server>,
}

impl World {
    /// Makes a tenant, starts its server and publishes a catalog.
    pub(crate) async fn found() -> Self {
        Self::found_with(Settings::default(), None).await
    }

    /// The same with these settings, and with the server's data in another folder than the devices'.
    pub(crate) async fn found_with(settings: Settings, data: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = data.unwrap_or_else(|| folder.path().join(DATA));
        admin(&settings, &data, &["init"]);
        let server = Server::start_with(&settings, &data, ANY_PORT);
        let reached_at = server.address.clone();
        let link: Link = invite(&settings, &data, [&reached_at, "organiser"])
            .parse()
            .expect("a link");
        let organiser = Organiser::enrol(&link).await;
        let content = catalog::encode(&one_place(&link));
        organiser
            .publish(content, &data.join("offline-keys/catalog.key"))
            .await;
        Self {
            folder,
            data,
            settings,
            tenant: link.tenant,
            organiser,
            reached_at,
            server: Some(server),
        }
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// The configuration that its servers have, as far as it is about data.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        config.store.data_dir = self.data();
        if let Some(url) = self.settings.store_url() {
            config.store.url = url.parse().expect("a database");
        }
        config
    }

    /// A folder for a device.
    pub(crate) fn device(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Makes an invitation that is good at once; its link.
    pub(crate) fn invite(&self, role: &str) -> String {
        invite(&self.settings, &self.data, [&self.reached_at, role])
    }
}

fn invite(settings: &Settings, data: &Path, [address, role]: [&str; 2]) -> String {
    let url = format!("http://{address}");
    let arguments = ["invite", "--role", role, "--server-url", &url];
    let told = admin(settings, data, &arguments);
    let link = told.lines().find_map(|line| line.strip_prefix("link "));
    link.expect("a link is printed").to_owned()
}

/// Runs `askel admin …` and gives what it printed.
fn admin(settings: &Settings, data: &Path, arguments: &[&str]) -> String {
    let mut command = askel();
    settings.tell(&mut command);
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

/// Sends a process a signal by its name.
pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(status.expect("kill is there").success(), "{process} {name}");
}

/// Always open, and one badge for coming once.
pub(crate) fn one_place(link: &Link) -> v1::Catalog {
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
