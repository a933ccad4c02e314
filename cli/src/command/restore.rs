//! `askel restore`: back to a backup.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use askel_server::{
    age::{Identity, parse_identities},
    boot::{self, Journals, RestoreOptions, StandingDatabase},
    entropy::SystemEntropy,
};

use zeroize::Zeroizing;

use super::ConfigArguments;

/// The flags of `askel restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// The backup. None for a PostgreSQL database that was put back otherwise: this does what has to
    /// follow.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The file with the secret key, if the backup is encrypted.
    #[arg(long, value_name = "KEYFILE")]
    identity: Option<PathBuf>,
    /// Replace the database that is there.
    #[arg(long)]
    replace: bool,
    /// A server's journal; once for each server that ran on the database [default: the configured one].
    #[arg(long, value_name = "FILE")]
    journal: Vec<PathBuf>,
    /// Go on without a journal: what was revoked, used or erased since the backup comes back.
    #[arg(long, conflicts_with = "journal")]
    without_journal: bool,
}

/// Goes back to a backup and says what the journal added.
///
/// # Errors
/// The configuration has faults, a server runs on the data folder, a database is there already, or
/// the journal or the backup can't be read.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let identities = match &arguments.identity {
        Some(path) => identities(path)?,
        None => Vec::new(),
    };
    let options = RestoreOptions {
        identities,
        journals: if arguments.without_journal {
            Journals::LeftOut
        } else if arguments.journal.is_empty() {
            Journals::Configured
        } else {
            Journals::Of(arguments.journal.clone())
        },
        standing: if arguments.replace {
            StandingDatabase::Replace
        } else {
            StandingDatabase::Keep
        },
    };
    let restored = match &arguments.from {
        Some(from) => boot::restore(&config, from, &options, &SystemEntropy).await?,
        None => boot::follow_restore(&config, &options, &SystemEntropy).await?,
    };
    let mut out = io::stdout().lock();
    match config.store.database_path() {
        Some(path) => writeln!(out, "restored {}", path.display())?,
        None => writeln!(out, "restored the database")?,
    }
    writeln!(out, "  tenants         {:>10}", restored.tenants)?;
    writeln!(out, "  journal records {:>10}", restored.records)?;
    writeln!(
        out,
        "Start the server: phones and tablets bring back what they hold. `askel doctor` counts it."
    )?;
    Ok(())
}

/// The secret keys of a file as `askel admin backup-key` and `age-keygen` write it.
fn identities(path: &Path) -> anyhow::Result<Vec<Identity>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("can't read {}", path.display()))?;
    parse_identities(&Zeroizing::new(text))
        .with_context(|| format!("{} holds no secret key", path.display()))
}
