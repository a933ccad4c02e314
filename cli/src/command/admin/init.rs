//! `askel admin init`: a tenant and its keys.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use askel_server::{
    boot,
    clock::{Clock as _, SystemClock},
    config::StoreConfig,
    credential_file::{Credentials, write_private},
    entropy::SystemEntropy,
    operator::NewTenant,
};
use askel_sync::{id::TenantId, key::KeyPair, time::Timestamp};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ConfigArguments, parse_tenant, tenant_text};

/// The flags of `askel admin init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Folder for root.key and catalog.key [default: `offline-keys` in the data folder].
    #[arg(long, value_name = "FOLDER")]
    keys_dir: Option<PathBuf>,
}

/// Makes a tenant and says where its keys lie.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let keys_dir = arguments
        .keys_dir
        .unwrap_or_else(|| config.store.data_dir.join("offline-keys"));
    let tenant = found(&config.store, &keys_dir, SystemClock::start().now()).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "tenant {}", tenant_text(tenant.id))?;
    writeln!(out, "offline keys {}", keys_dir.display())?;
    writeln!(
        out,
        "server keys {}",
        config.store.credential_path().display()
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "Move root.key to a safe place off this machine; it can make every other key"
    )?;
    writeln!(
        out,
        "anew. catalog.key belongs to the organiser who publishes catalogs."
    )?;
    writeln!(
        out,
        "Next: askel admin publish-catalog, askel admin invite --role admin"
    )?;
    Ok(())
}

/// Makes a tenant: first the key files, each readable by its owner only, then the record in the
/// store. A run that is cut short leaves keys that nothing uses.
///
/// # Errors
/// A file or the store can't be written, or the folder holds another tenant's keys.
pub(crate) async fn found(
    store: &StoreConfig,
    keys_dir: &Path,
    now: Timestamp,
) -> anyhow::Result<NewTenant> {
    std::fs::create_dir_all(&store.data_dir).context("the data folder can't be made")?;
    std::fs::create_dir_all(keys_dir).context("the folder for the keys can't be made")?;
    let tenant = NewTenant::generate(&SystemEntropy)?;
    // All files are looked for before any is written: half a set of keys beside another tenant's
    // would be taken for the other half.
    for name in ["root", "catalog"] {
        let path = key_path(keys_dir, name);
        anyhow::ensure!(!path.exists(), "{} holds a key already", path.display());
    }
    for (name, key) in [("root", &tenant.root), ("catalog", &tenant.catalog)] {
        write_key(&key_path(keys_dir, name), name, tenant.id, key)?;
    }
    let path = store.credential_path();
    let mut credentials = Credentials::load(&path)?;
    credentials.insert(tenant.id, tenant.server.clone());
    credentials.save(&path)?;
    let opened = boot::open_store(store).await?;
    tenant.record(&*opened, now).await?;
    Ok(tenant)
}

/// A key outside the server.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    tenant: String,
    purpose: String,
    seed: String,
}

/// A key that [`found`] has written, and whose it is.
///
/// # Errors
/// The file can't be read, or is no key for this purpose.
pub(super) fn read_key(path: &Path, purpose: &str) -> anyhow::Result<(TenantId, KeyPair)> {
    let read = || {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        let file: KeyFile = toml::from_str(&text)?;
        anyhow::ensure!(file.purpose == purpose, "it is the key {:?}", file.purpose);
        let tenant = parse_tenant(&file.tenant).map_err(anyhow::Error::msg)?;
        let file_seed = Zeroizing::new(file.seed);
        let mut seed = Zeroizing::new([0; 32]);
        let written = HEXLOWER.decode(file_seed.as_bytes()).map(Zeroizing::new)?;
        anyhow::ensure!(written.len() == seed.len(), "its seed is not 32 bytes");
        seed.copy_from_slice(&written);
        Ok((tenant, KeyPair::from_seed(&seed)))
    };
    read().with_context(|| format!("the key file {} can't be used", path.display()))
}

fn key_path(keys_dir: &Path, name: &str) -> PathBuf {
    keys_dir.join(format!("{name}.key"))
}

fn write_key(path: &Path, purpose: &str, tenant: TenantId, key: &KeyPair) -> anyhow::Result<()> {
    let file = KeyFile {
        tenant: tenant_text(tenant),
        purpose: purpose.to_owned(),
        seed: HEXLOWER.encode(&*key.to_seed()),
    };
    let text = toml::to_string(&file)?;
    write_private(path, text.as_bytes()).with_context(|| format!("can't write {}", path.display()))
}
