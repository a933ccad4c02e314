//! `askel migrate`: the schema of this version.

use std::io::{self, Write as _};

use askel_server::boot;

use super::ConfigArguments;

/// The flags of `askel migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Brings the schema up to date. `store.url` has to name the role that owns the tables, which no server
/// may be.
///
/// # Errors
/// The configuration has faults, or the database can't be changed.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    boot::migrate(&config.store).await?;
    writeln!(io::stdout().lock(), "migrated")?;
    Ok(())
}
