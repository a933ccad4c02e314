//! Which push service phones are woken by.

use std::{fs, io, path::PathBuf, sync::Arc};

use askel_fcm::{AccountError, Messenger, Options, OptionsError, ServiceAccount};
use zeroize::Zeroizing;

use crate::{
    config::PushConfig,
    push::{FcmPush, LogPush, Push},
};

/// Phones can't be woken as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The service account's file can't be read.
    #[error("the service account {0} can't be read")]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is no service account.
    #[error(transparent)]
    Account(#[from] AccountError),
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
    let messenger = Messenger::new(ServiceAccount::parse(&json)?, &Options::default())?;
    Ok(Arc::new(FcmPush::new(messenger)))
}
