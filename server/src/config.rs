//! Configuration: defaults, then a TOML file, then the environment (`ASKEL_SECTION__KEY`).
//!
//! Each section is a file with its defaults and bounds. [`Config::load`] reads everything before it
//! complains, and names each fault by `section.key`.

mod backup;
mod enrolment;
mod faults;
mod ingest;
mod projector;
mod push;
mod redis;
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
        let config = Self {
            server: ServerConfig::read(&mut reader),
            store: StoreConfig::read(&mut reader),
            backup: BackupConfig::read(&mut reader),
            ingest: IngestConfig::read(&mut reader),
            projector: ProjectorConfig::read(&mut reader),
            redis: RedisConfig::read(&mut reader),
            push: PushConfig::read(&mut reader),
            enrolment: EnrolmentConfig::read(&mut reader),
            telemetry: TelemetryConfig::read(&mut reader),
        };
        reader.finish().map(|()| config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Config, ConfigFaults> {
        Config::read(&Figment::new().merge(Toml::string(toml)))
    }

    #[test]
    fn nothing_configured_is_the_defaults() {
        assert_eq!(read(""), Ok(Config::default()));
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
