//! A small world for tests from outside: the real binary, a tenant, a catalog with one place.

mod organiser;
mod server;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use askel_proto::v1;
use askel_sync::{catalog, id::PlaceId, invitation::Link};
use tempfile::TempDir;

use self::organiser::Organiser;
pub use self::server::Server;

/// The only place of the catalog.
pub const PLACE: PlaceId = PlaceId::new(1);

/// A tenant, its server and its catalog.
pub struct World {
    folder: TempDir,
    /// The server; `None` while it is dead.
    pub server: Option<Server>,
    address: String,
}

impl World {
    /// Makes a tenant, starts its server and publishes a catalog.
    pub async fn found() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut world = Self { folder, server: None, address: "127.0.0.1:0".to_owned() };
        world.admin(&["init"]);
        world.start_server();
        let link: Link = world.invite("organiser").parse().expect("a link");
        let organiser = Organiser::enrol(&link).await;
        let content = catalog::encode(&one_place(&link));
        organiser.publish(content, &world.data().join("keys/catalog.key")).await;
        world
    }

    /// The server's data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A folder for a device.
    pub fn device(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Starts the server where it was before, or on a free port the first time.
    pub fn start_server(&mut self) {
        let server = Server::start(&self.data(), &self.address);
        self.address.clone_from(&server.address);
        self.server = Some(server);
    }

    /// Makes an invitation that is good at once; its link.
    pub fn invite(&self, role: &str) -> String {
        let told = self.admin(&["invite", "--role", role]);
        let link = told.split_whitespace().find(|word| word.starts_with("askel:"));
        link.unwrap_or_else(|| panic!("no link in {told}")).to_owned()
    }

    /// Runs `askel admin …` and gives what it printed.
    pub fn admin(&self, arguments: &[&str]) -> String {
        let output = askel(&self.data())
            .env("ASKEL_SERVER__PUBLIC_URL", format!("http://{}", self.address))
            .arg("admin")
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data())
            .output()
            .expect("askel runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "askel admin {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The real binary, without the environment's own settings.
pub fn askel(_data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askel"));
    let ours = std::env::vars_os()
        .filter(|(name, _)| name.to_string_lossy().starts_with("ASKEL_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command
}

/// Always open, and one badge for coming once.
fn one_place(link: &Link) -> v1::Catalog {
    let text = |text: &str| {
        Some(v1::LocalizedText {
            variants: vec![v1::TextVariant { language: "en".into(), text: text.into() }],
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
        organisations: vec![v1::Organisation { id: 1, name: text("The Association") }],
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
        badges: vec![v1::Badge { id: 1, name: text("First visit"), ..v1::Badge::default() }],
        ..v1::Catalog::default()
    }
}
