//! `askel backup`: a copy of the database.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use askel_server::boot;

use super::ConfigArguments;

/// The flags of `askel backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// File to write; there must be none yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Writes a consistent copy of the database as it stands now.
///
/// # Errors
/// The configuration has faults, there is no database, or the file can't be written.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    boot::backup(&config.store, &arguments.to).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "backup {}", arguments.to.display())?;
    writeln!(
        out,
        "The server's keys and the journal are not in it: keep {} and {} too, elsewhere.",
        config.store.credential_path().display(),
        config.store.journal_path().display()
    )?;
    Ok(())
}
