//! `askel backup`: a copy of the database, encrypted.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use askel_server::{
    boot::{self, Sealing},
    config::BackupConfig,
    entropy::SystemEntropy,
};

use super::ConfigArguments;

/// The flags of `askel backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// File to write; there must be none yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Write a file that everyone can read who has it, whatever the configuration says.
    #[arg(long)]
    unencrypted: bool,
}

/// Writes a consistent copy of the database as it stands now.
///
/// # Errors
/// The configuration has faults or names nobody to encrypt to, there is no database, or the file can't
/// be written.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let sealing = sealing(&config.backup, arguments.unencrypted)?;
    boot::backup(&config, &arguments.to, &sealing, &SystemEntropy).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "backup {}", arguments.to.display())?;
    match sealing {
        Sealing::To(recipients) => {
            for recipient in recipients {
                writeln!(out, "encrypted to {recipient}")?;
            }
        }
        Sealing::Open => writeln!(out, "not encrypted: whoever has the file can read it")?,
    }
    writeln!(
        out,
        "The server's keys and the journal are not in it: keep {} and {} too, elsewhere.",
        config.store.credential_path().display(),
        config.store.journal_path().display()
    )?;
    Ok(())
}

fn sealing(config: &BackupConfig, unencrypted: bool) -> anyhow::Result<Sealing> {
    if unencrypted {
        return Ok(Sealing::Open);
    }
    anyhow::ensure!(
        !config.recipients.is_empty(),
        "there is nobody to encrypt the backup to: make a key with `askel admin backup-key` and name \
         its public half in backup.recipients, or say --unencrypted"
    );
    Ok(Sealing::To(config.recipients.clone()))
}
