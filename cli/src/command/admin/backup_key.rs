//! `askel admin backup-key`: the key that opens backups.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Context as _;
use askel_server::{age::Identity, credential_file::write_private, entropy::SystemEntropy};
use zeroize::Zeroizing;

/// The flags of `askel admin backup-key`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// File to write the secret key to; there must be none yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Writes a key file as `age-keygen` does, and prints what the configuration names.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let path = &arguments.to;
    anyhow::ensure!(!path.exists(), "{} is there already", path.display());
    let identity = Identity::generate(&SystemEntropy)?;
    let recipient = identity.recipient();
    let secret = identity.to_text();
    let text = Zeroizing::new(format!("# public key: {recipient}\n{}\n", &*secret));
    write_private(path, text.as_bytes())
        .with_context(|| format!("can't write {}", path.display()))?;
    let mut out = io::stdout().lock();
    writeln!(out, "secret key {}", path.display())?;
    writeln!(out, "public key {recipient}")?;
    writeln!(out)?;
    writeln!(
        out,
        "Move the secret key to a safe place off this machine, and a second copy to another:"
    )?;
    writeln!(
        out,
        "without it no backup can be read. The configuration names the public key:"
    )?;
    writeln!(out)?;
    writeln!(out, "[backup]")?;
    writeln!(out, "recipients = [\"{recipient}\"]")?;
    Ok(())
}
