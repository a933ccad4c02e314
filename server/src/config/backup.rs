//! `[backup]`: to whom backups are encrypted.

use super::faults::Reader;
use crate::age::{RECIPIENTS_MAX, Recipient};

/// The section `[backup]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupConfig {
    /// The public keys (`age1…`) any one of whose secret keys opens a backup, 20 at most. The secret
    /// keys are kept elsewhere: whoever takes this machine can't read its backups.
    pub recipients: Vec<Recipient>,
}

impl BackupConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let what = "a public key of age (age1…)";
        Self {
            recipients: reader.list("backup.recipients", RECIPIENTS_MAX, what),
        }
    }
}
