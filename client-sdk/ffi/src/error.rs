//! Rich inside, few outside: what the app should do, and why in words for a log or a support call.

use std::error::Error as _;

/// Why a call failed, named for what the app should do.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum AskelError {
    /// Nothing is wrong with what was asked: ask again later.
    #[error("try again later: {reason}")]
    RetryLater {
        /// Why.
        reason: String,
    },
    /// This installation has no right, or no readable data: enrol, or come back, again.
    #[error("enrol again: {reason}")]
    EnrolAgain {
        /// Why.
        reason: String,
    },
    /// A newer version of the app is needed.
    #[error("update the app: {reason}")]
    UpdateApp {
        /// Why.
        reason: String,
    },
    /// What was asked can't be done as it is: show the person why.
    #[error("the input can't be used: {reason}")]
    FixInput {
        /// Why.
        reason: String,
    },
    /// The SDK is wrong: report it.
    #[error("a mistake of the SDK: {reason}")]
    Bug {
        /// Why.
        reason: String,
    },
}

impl From<askel_client_sdk::Error> for AskelError {
    fn from(error: askel_client_sdk::Error) -> Self {
        use askel_client_sdk::Advice;
        let mut reason = error.cause().to_string();
        let mut source = error.cause().source();
        while let Some(deeper) = source {
            reason = format!("{reason}: {deeper}");
            source = deeper.source();
        }
        match error.advice() {
            Advice::RetryLater => Self::RetryLater { reason },
            Advice::EnrolAgain => Self::EnrolAgain { reason },
            Advice::UpdateApp => Self::UpdateApp { reason },
            Advice::FixInput => Self::FixInput { reason },
            Advice::Bug => Self::Bug { reason },
        }
    }
}

impl From<askel_client_sdk::StorageError> for AskelError {
    fn from(error: askel_client_sdk::StorageError) -> Self {
        askel_client_sdk::Error::from(error).into()
    }
}
