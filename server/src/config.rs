//! Configuration: defaults, then a TOML file, then the environment (`ASKEL_SECTION__KEY`).
//!
//! docs/configuration.md lists every key. Each section is a file with its defaults and bounds. [`Config::load`] reads everything before it
//! complains, and names each fault by `section.key`.

mod backup;
mod enrolment;
mod faults;
mod ingest;
mod projector;
mod push;
mod redis;
mod retention;
mod server;
mod store;
mod store_url;
mod telemetry;

use std::path::Path;

use figment::{
    Figment,
    providers::{Env, Format as _, Toml},
};

pub use backup::BackupConfig;
pub use enrolment::EnrolmentConfig;
pub use faults::{ConfigFault, ConfigFaults};
pub use ingest::IngestConfig;
pub use projector::ProjectorConfig;
pub use push::PushConfig;
pub use redis::RedisConfig;
pub use retention::RetentionConfig;
pub use server::{ServerConfig, TlsFiles};
pub use store::StoreConfig;
pub use store_url::{NoStoreUrl, StoreUrl};
pub use telemetry::{LogFormat, OtlpEndpoint, TelemetryConfig};

use faults::Reader;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Where the server listens and how it stops.
    pub server: ServerConfig,
    /// Where data and keys lie.
    pub store: StoreConfig,
    /// To whom backups are encrypted.
    pub backup: BackupConfig,
    /// How writes are batched.
    pub ingest: IngestConfig,
    /// How awards are confirmed.
    pub projector: ProjectorConfig,
    /// What goes by its age.
    pub retention: RetentionConfig,
    /// What passes hints on between several servers.
    pub redis: RedisConfig,
    /// How phones are woken.
    pub push: PushConfig,
    /// Invitations, probation, leases.
    pub enrolment: EnrolmentConfig,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Reads defaults, then the file if one is named, then the environment.
    ///
    /// # Errors
    /// [`ConfigFaults`] with every fault there is.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigFaults> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        Self::read(&figment.merge(Env::prefixed("ASKEL_").split("__")))
    }

    fn read(figment: &Figment) -> Result<Self, ConfigFaults> {
        let mut reader = Reader::new(figment);
        let config = Self::sections(&mut reader);
        reader.finish().map(|()| config)
    }

    fn sections(reader: &mut Reader<'_>) -> Self {
        Self {
            server: ServerConfig::read(reader),
            store: StoreConfig::read(reader),
            backup: BackupConfig::read(reader),
            ingest: IngestConfig::read(reader),
            projector: ProjectorConfig::read(reader),
            retention: RetentionConfig::read(reader),
            redis: RedisConfig::read(reader),
            push: PushConfig::read(reader),
            enrolment: EnrolmentConfig::read(reader),
            telemetry: TelemetryConfig::read(reader),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(toml: &str) -> Result<Config, ConfigFaults> {
        Config::read(&Figment::new().merge(Toml::string(toml)))
    }

    #[test]
    fn nothing_configured_is_the_defaults() {
        assert_eq!(read(""), Ok(Config::default()));
    }

    /// Keys as docs/configuration.md lists them, each with its default and its range.
    fn documented() -> Vec<[String; 3]> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let cells = |row: &str| {
            let mut cells = row.strip_prefix("| `")?.split('|').map(str::trim);
            let key = cells.next()?.strip_suffix('`')?;
            let rest = [cells.next()?, cells.next()?].map(|cell| cell.replace('`', ""));
            let [default, range] = rest;
            key.contains('.').then(|| [key.to_owned(), default, range])
        };
        page.lines().filter_map(cells).collect()
    }

    /// A configuration with one key.
    fn with(key: &str, value: &str) -> String {
        let (section, key) = key.split_once('.').expect("a section");
        format!("[{section}]\n{key} = {value}\n")
    }

    #[test]
    fn the_page_lists_every_key() {
        let figment = Figment::new();
        let mut reader = Reader::new(&figment);
        Config::sections(&mut reader);
        let documented = documented();
        let listed = documented.iter().map(|[key, ..]| key.clone());
        assert_eq!(listed.collect::<BTreeSet<_>>(), *reader.known());
        assert_eq!(
            documented.len(),
            reader.known().len(),
            "one is listed twice"
        );
    }

    #[test]
    fn the_page_says_each_default() {
        for [key, default, _] in documented() {
            let value = match &*default {
                "empty" => "\"\"".to_owned(),
                "empty list" => "[]".to_owned(),
                plain if plain.parse::<u64>().is_ok() || plain.parse::<bool>().is_ok() => {
                    plain.to_owned()
                }
                text => format!("{text:?}"),
            };
            assert_eq!(read(&with(&key, &value)), Ok(Config::default()), "{key}");
        }
    }

    #[test]
    fn the_page_says_each_range() {
        let mut ranges = 0;
        for [key, default, range] in documented() {
            let is_number = default.parse::<i64>().is_ok();
            assert_eq!(is_number, !range.is_empty(), "{key}");
            let Some((from, to)) = range.split_once(" to ") else {
                continue;
            };
            let (from, to): (i64, i64) = (from.parse().unwrap(), to.parse().unwrap());
            let takes = |number: i64| read(&with(&key, &number.to_string())).is_ok();
            let ends = [from - 1, from, to, to + 1].map(takes);
            assert_eq!(ends, [false, true, true, false], "{key}");
            ranges += 1;
        }
        assert!(ranges > 15, "{ranges}");
    }

    #[test]
    fn a_value_replaces_its_default() {
        let config = read("[ingest]\nbatch_ops_max = 7\n[telemetry]\nformat = \"json\"");
        let config = config.expect("good configuration");
        assert_eq!(config.ingest.batch_ops_max, 7);
        assert_eq!(config.telemetry.format, LogFormat::Json);
    }

    #[test]
    fn all_faults_are_told_at_once_by_section_and_key() {
        let faults = read(
            "[server]\nlisten = \"nowhere\"\ndrain_ms = 99999\ncolour = 1\n\
             [ingest]\nbatch_ops_max = \"many\"\n[telemetry]\nformat = \"loud\"\n[kitchen]\nsink = 1",
        )
        .expect_err("six faults");
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "ingest.batch_ops_max",
                "kitchen",
                "server.colour",
                "server.drain_ms",
                "server.listen",
                "telemetry.format",
            ]
        );
        assert!(faults.to_string().contains("server.drain_ms: "));
    }

    #[test]
    fn recipients_of_backups_are_keys_and_have_a_limit() {
        let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let read = |keys: &[&str]| read(&format!("[backup]\nrecipients = {keys:?}"));
        let config = read(&[key, key]).expect("good configuration");
        assert_eq!(config.backup.recipients, [key.parse().unwrap(); 2]);
        assert!(read(&[key; 20]).is_ok());
        for bad in [&[key; 21][..], &["age1x"], &["AGE-SECRET-KEY-1", key]] {
            let faults = read(bad).expect_err("a fault").to_string();
            assert!(faults.contains("backup.recipients: "), "{faults}");
        }
    }

    #[test]
    fn a_collector_is_named_by_a_plain_url_with_a_port() {
        let telemetry = |lines: &str| {
            let read = read(&format!("[telemetry]\n{lines}"));
            read.map(|config| {
                (
                    config.telemetry.otlp_endpoint.url(),
                    config.telemetry.prometheus,
                )
            })
        };
        assert_eq!(telemetry(""), Ok((None, false)));
        assert_eq!(telemetry("otlp_endpoint = \"\""), Ok((None, false)));
        let good = telemetry("otlp_endpoint = \"http://collector:4317\"\nprometheus = true");
        assert_eq!(good, Ok((Some("http://collector:4317/".to_owned()), true)));
        for bad in [
            "https://collector:4317",
            "http://collector",
            "collector:4317",
        ] {
            assert!(
                telemetry(&format!("otlp_endpoint = \"{bad}\"")).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn tls_takes_a_certificate_and_its_key_and_an_address_that_says_so() {
        let tls = |lines: &str| {
            let read = read(&format!("[server]\n{lines}"));
            let keys =
                |faults: ConfigFaults| faults.iter().map(|fault| fault.key.clone()).collect();
            read.map(|config| config.server.tls).map_err(keys)
        };
        let certificate = "tls_certificate_file = \"/etc/chain.pem\"\n";
        let key = "tls_key_file = \"/etc/key.pem\"\n";
        let url = "public_url = \"https://askel.example\"\n";
        let files = TlsFiles {
            certificate: "/etc/chain.pem".into(),
            key: "/etc/key.pem".into(),
        };
        assert_eq!(tls(""), Ok(None));
        assert_eq!(tls(&[certificate, key, url].concat()), Ok(Some(files)));
        let fault = |key: &str| Err(vec![key.to_owned()]);
        assert_eq!(
            tls(&[certificate, url].concat()),
            fault("server.tls_key_file")
        );
        assert_eq!(
            tls(&[key, url].concat()),
            fault("server.tls_certificate_file")
        );
        assert_eq!(
            tls(&[certificate, key].concat()),
            fault("server.public_url")
        );
    }

    #[test]
    fn a_fault_in_the_database_does_not_repeat_its_password() {
        let faults = read("[store]\nurl = \"postgre://server:opensesame@db/askel\"");
        let faults = faults.expect_err("a fault").to_string();
        assert!(faults.contains("store.url: it is not"), "{faults}");
        assert!(!faults.contains("opensesame"), "{faults}");
    }

    #[test]
    fn a_places_day_is_kept_for_as_long_as_devices_hand_back_pages() {
        let days = |days: i32| read(&format!("[retention]\nplace_day_days = {days}")).is_ok();
        assert_eq!(
            [days(34), days(35), days(3_660), days(3_661)],
            [false, true, true, false]
        );
    }

    #[test]
    fn the_ends_of_a_range_are_good_and_one_past_is_not() {
        let drain = |ms: u64| read(&format!("[server]\ndrain_ms = {ms}")).is_ok();
        assert_eq!(
            [drain(99), drain(100), drain(8_000), drain(8_001)],
            [false, true, true, false]
        );
    }

    #[test]
    fn a_file_that_is_missing_or_no_toml_is_a_fault() {
        assert!(read("[server").is_err());
        let missing = Config::load(Some(Path::new("no/such/file.toml")));
        assert!(missing.is_err());
    }
}
