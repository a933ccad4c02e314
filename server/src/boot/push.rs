//! Which push service phones are woken by.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use askel_fcm::{AccountError, Messenger, Options, OptionsError, Roots, ServiceAccount};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use zeroize::Zeroizing;

use crate::{
    config::PushConfig,
    push::{FcmPush, LogPush, Push},
};

/// Phones can't be woken as configured. No line of a file is repeated: it may be the key's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The service account's file can't be read.
    #[error("the service account {0} can't be read")]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is no service account.
    #[error("the service account {0} can't be used")]
    Account(PathBuf, #[source] AccountError),
    /// The file of who is believed has no certificate, or can't be read.
    #[error("the file {0} of push.ca_file holds no certificate (PEM)")]
    NoCertificate(PathBuf),
    /// FCM can't be reached so.
    #[error(transparent)]
    Options(#[from] OptionsError),
}

/// FCM when a service account is named, the log otherwise.
pub(super) fn push(config: &PushConfig) -> Result<Arc<dyn Push>, PushError> {
    let file = &config.service_account_file;
    if file.as_os_str().is_empty() {
        return Ok(Arc::new(LogPush));
    }
    let json = fs::read_to_string(file);
    let json = Zeroizing::new(json.map_err(|error| PushError::Unreadable(file.clone(), error))?);
    let account = ServiceAccount::parse(&json);
    let account = account.map_err(|error| PushError::Account(file.clone(), error))?;
    let options = Options {
        base: config.fcm_url.clone(),
        roots: roots(&config.ca_file)?,
        ..Options::default()
    };
    Ok(Arc::new(FcmPush::new(Messenger::new(account, &options)?)))
}

fn roots(file: &Path) -> Result<Roots, PushError> {
    if file.as_os_str().is_empty() {
        return Ok(Roots::Web);
    }
    let certificate = CertificateDer::from_pem_file(file);
    let certificate = certificate.map_err(|_| PushError::NoCertificate(file.to_owned()))?;
    Ok(Roots::Only(certificate.to_vec()))
}
