//! `[push]`: how phones are woken.

use std::path::PathBuf;

use super::faults::Reader;

/// The section `[push]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// The JSON of the service account that may send messages by FCM; empty for none, and then wake-ups
    /// are only noted in the log. Keep it out of the database's backups.
    pub service_account_file: PathBuf,
    /// Where FCM is reached: scheme and host. Another one than Google's is a gateway on the way there.
    pub fcm_url: String,
    /// The certificate (PEM) of who is believed on the way to FCM and to the token exchange; empty for
    /// those that the web believes.
    pub ca_file: PathBuf,
    /// Milliseconds between two looks for wake-ups that are due.
    pub look_ms: u64,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            service_account_file: PathBuf::new(),
            fcm_url: "https://fcm.googleapis.com".to_owned(),
            ca_file: PathBuf::new(),
            look_ms: 15_000,
        }
    }
}

impl PushConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            service_account_file: reader.parsed(
                "push.service_account_file",
                default.service_account_file,
                "a path",
            ),
            fcm_url: reader.parsed("push.fcm_url", default.fcm_url, "https://HOST"),
            ca_file: reader.parsed("push.ca_file", default.ca_file, "a path"),
            look_ms: reader.number("push.look_ms", default.look_ms, 10..=600_000),
        }
    }
}
