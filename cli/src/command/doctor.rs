//! `askel doctor`: what came back after a restore, and what is known to be missing.

use std::io::{self, Write as _};

use askel_server::boot;

use super::{ConfigArguments, admin::tenant_text};

/// The flags of `askel doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Prints it by tenant.
///
/// # Errors
/// The configuration has faults, or the database can't be read.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let told = boot::healing(&config.store).await?;
    let mut out = io::stdout().lock();
    for (tenant, healing) in told {
        writeln!(out, "tenant {}", tenant_text(tenant))?;
        writeln!(
            out,
            "  {} healed, {} known missing",
            healing.healed, healing.missing
        )?;
        if healing.logs > 0 {
            writeln!(
                out,
                "  {} logs whose writers had more settled, by {} ops",
                healing.logs, healing.log_ops
            )?;
        }
    }
    Ok(())
}
