//! `askel admin verify`: everything worked out again, from the ops alone.

use std::io::{self, Write as _};

use askel_server::{boot, verify};

use super::{ConfigArguments, tenant_text};

/// The flags of `askel admin verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// Verifies every tenant and prints what its ops come to.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let store = boot::open_store(&config.store).await?;
    let mut agree = true;
    let tenants = store.list_tenants().await?;
    anyhow::ensure!(!tenants.is_empty(), "there is no tenant in this store");
    for tenant in tenants {
        if store.lookup_catalog(tenant.id, None).await?.is_none() {
            let mut out = io::stdout().lock();
            writeln!(out, "tenant {}", tenant_text(tenant.id))?;
            writeln!(out, "  no catalog is published yet: nothing to verify")?;
            continue;
        }
        let verified = verify(&*store, tenant.id).await?;
        let awards: usize = verified
            .participants
            .iter()
            .map(|one| one.awards.len())
            .sum();
        let steps: u64 = verified
            .participants
            .iter()
            .flat_map(|one| one.day_steps.values())
            .sum();
        let mut out = io::stdout().lock();
        writeln!(out, "tenant {}", tenant_text(tenant.id))?;
        writeln!(out, "  participants {:>10}", verified.participants.len())?;
        writeln!(out, "  steps        {steps:>10}")?;
        writeln!(out, "  attendances  {:>10}", verified.attendances())?;
        writeln!(out, "  tallies      {:>10}", verified.tallies)?;
        writeln!(out, "  encounters   {:>10}", verified.encounters())?;
        writeln!(out, "  awards       {awards:>10}")?;
        let rows = if verified.rows_agree {
            "agree"
        } else {
            "DIFFER"
        };
        writeln!(out, "  rows         {rows:>10}")?;
        agree &= verified.rows_agree;
    }
    anyhow::ensure!(
        agree,
        "what is kept for reading differs from what the ops say"
    );
    Ok(())
}
