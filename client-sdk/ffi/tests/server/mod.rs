//! The real server as a process, with a tenant and a catalog of one place.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use askel_proto::v1::{
    self, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient,
};
use askel_sync::{
    catalog,
    id::{DeviceId, TenantId},
    invitation::{Link, normalise},
    key::{
        KeyPair,
        credential::{CallCredential, METADATA_KEY},
        prove_enrolment,
    },
    time::Timestamp,
};
use tempfile::TempDir;
use tonic::{Request, transport::Channel};

/// A tenant with its server; the server dies with it.
pub(crate) struct World {
    folder: TempDir,
    server: Child,
    url: String,
}

impl World {
    /// Makes a tenant, starts its server and publishes a catalog.
    pub(crate) async fn found() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("server");
        admin(&data, &["init"]);
        let mut server = askel()
            .arg("serve")
            .arg("--data-dir")
            .arg(&data)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening ").map(str::to_owned))
            .expect("the server says where it listens");
        let world = Self {
            folder,
            server,
            url: format!("http://{address}"),
        };
        world.publish(&data).await;
        world
    }

    /// A new folder.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        folder
    }

    /// Whether the server's database holds some bytes, as they are.
    pub(crate) fn holds(&self, marker: &[u8]) -> bool {
        let file = |name: &str| self.folder.path().join("server").join(name);
        let mut files = ["askel.sqlite", "askel.sqlite-wal"].map(file).into_iter();
        files.any(|file| {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(marker.len()).any(|some| some == marker)
        })
    }

    /// The link of an invitation that is good at once.
    pub(crate) fn invite(&self, role: &str) -> String {
        let data = self.folder.path().join("server");
        let told = admin(
            &data,
            &["invite", "--role", role, "--server-url", &self.url],
        );
        let link = told.lines().find_map(|line| line.strip_prefix("link "));
        link.expect("a link").to_owned()
    }

    /// As an organiser's own tool does it.
    async fn publish(&self, data: &Path) {
        let link: Link = self.invite("organiser").parse().expect("a link");
        let key = KeyPair::from_seed(&[0x0f; 32]);
        let code = normalise(&link.code).expect("a code");
        let request = v1::EnrolRequest {
            tenant_id: link.tenant.to_vec(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(&key, link.tenant, &code),
            invitation_code: code,
            versions: Some(v1::VersionRange {
                lowest: 1,
                highest: 1,
            }),
        };
        let channel = Channel::from_shared(self.url.clone())
            .expect("a URL")
            .connect_lazy();
        let mut enrolment = EnrolmentServiceClient::new(channel.clone());
        let enrolled = enrolment
            .enrol(request)
            .await
            .expect("enrolled")
            .into_inner();
        let credential = CallCredential {
            tenant: link.tenant,
            device: DeviceId::try_from(&*enrolled.device_id).expect("an id"),
            issued_at: Timestamp::from_ms(enrolled.server_time_ms),
        };
        let content = catalog::encode(&one_place(link.tenant));
        let catalog_key = read_key(&data.join("offline-keys/catalog.key"));
        let mut request = Request::new(v1::PublishCatalogRequest {
            signature: catalog::sign(&content, link.tenant, &catalog_key),
            content,
            validate_only: false,
        });
        let value = credential.sign(&key, &enrolled.audience);
        let metadata = request.metadata_mut();
        metadata.insert(METADATA_KEY, value.parse().expect("ASCII"));
        let mut catalogs = CatalogServiceClient::new(channel);
        catalogs.publish_catalog(request).await.expect("published");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn admin(data: &Path, arguments: &[&str]) -> String {
    let output = askel()
        .arg("admin")
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .expect("askel runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "askel admin {arguments:?}: {err}");
    String::from_utf8(output.stdout).expect("text")
}

/// The binary of another package of the workspace, without the environment's own settings:
/// `TESTED_ASKEL` names it where the whole workspace was built (`cargo xtask test`).
fn askel() -> Command {
    let built = std::env::var_os("TESTED_ASKEL").map_or_else(build_askel, PathBuf::from);
    let mut command = Command::new(built);
    let ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("ASKEL_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Builds it, which is quick when it was built before.
fn build_askel() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "askel-cli"])
        .status();
    assert!(
        built.expect("cargo runs").success(),
        "the server can't be built"
    );
    // …/target/debug/deps/<this test>
    let test = std::env::current_exe().expect("this test");
    let profile = test.parent().and_then(Path::parent).expect("a folder");
    profile.join("askel")
}

/// A key file is TOML; the seed is in hex.
fn read_key(path: &Path) -> KeyPair {
    let text = std::fs::read_to_string(path).expect("the key file");
    let file: toml::Table = text.parse().expect("TOML");
    let seed = file
        .get("seed")
        .and_then(toml::Value::as_str)
        .expect("a seed");
    let seed = data_encoding::HEXLOWER
        .decode(seed.as_bytes())
        .expect("hex");
    KeyPair::from_seed(&seed.try_into().expect("32 bytes"))
}

/// One place, and one badge for coming once.
fn one_place(tenant: TenantId) -> v1::Catalog {
    let text = |text: &str| {
        let variant = v1::TextVariant {
            language: "en".to_owned(),
            text: text.to_owned(),
        };
        Some(v1::LocalizedText {
            variants: vec![variant],
        })
    };
    let once = v1::CountRule {
        filter: None,
        target: 1,
    };
    v1::Catalog {
        version: 1,
        tenant_id: tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Etc/UTC".to_owned(),
            ..v1::TimeZone::default()
        }],
        places: vec![v1::Place {
            id: 1,
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
                operator: Some(v1::rule::Operator::Count(once)),
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
