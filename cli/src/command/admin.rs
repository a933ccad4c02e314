//! `askel admin`: what the operator does on the store itself.

mod backup_key;
mod init;
mod invite;
mod publish_catalog;
mod verify;

pub(crate) use init::found;

use askel_sync::id::TenantId;
use data_encoding::HEXLOWER;

use super::ConfigArguments;

/// The flags of `askel admin`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a tenant: its root and catalog key, the server's keys, its record in the store.
    Init(init::Arguments),
    /// Make the key that opens backups; keep it off this machine.
    BackupKey(backup_key::Arguments),
    /// Make an invitation and print its code and link, once.
    Invite(invite::Arguments),
    /// Publish what people see of places, hours and goals, from a file.
    PublishCatalog(publish_catalog::Arguments),
    /// Fold every op again from scratch and compare with what is kept for reading.
    Verify(verify::Arguments),
}

/// Does what was asked.
///
/// # Errors
/// The configuration has faults, the store can't be used, or a check fails.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Init(arguments) => init::run(arguments).await,
        Command::BackupKey(arguments) => backup_key::run(&arguments),
        Command::Invite(arguments) => invite::run(arguments).await,
        Command::PublishCatalog(arguments) => publish_catalog::run(arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
    }
}

/// A tenant's id as the operator reads and types it.
pub(crate) fn tenant_text(tenant: TenantId) -> String {
    HEXLOWER.encode(tenant.as_bytes())
}

/// Reads a tenant's id.
fn parse_tenant(text: &str) -> Result<TenantId, String> {
    HEXLOWER
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| TenantId::try_from(&*bytes).ok())
        .ok_or_else(|| "a tenant is 32 hexadecimal digits".to_owned())
}
