//! `[backup]`: to whom backups are encrypted.

use super::{StoreUrl, faults::Reader};
use crate::age::{RECIPIENTS_MAX, Recipient};

/// The section `[backup]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupConfig {
    /// The public keys (`age1…`) any one of whose secret keys opens a backup, 20 at most. The secret
    /// keys are kept elsewhere: whoever takes this machine can't read its backups.
    pub recipients: Vec<Recipient>,
    /// `PostgreSQL` as the role that may read everything, for a backup, or that owns the tables, for
    /// going back to one; the default is the store's own. `SQLite` has no use for it.
    pub url: StoreUrl,
}

impl BackupConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let what = "a public key of age (age1…)";
        Self {
            url: reader.secret("backup.url", StoreUrl::default(), "postgres://…"),
            recipients: reader.list("backup.recipients", RECIPIENTS_MAX, what),
        }
    }
}
