//! Logs: for people or as JSON. No tenant, place, participant, address or text is ever a field.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, TelemetryConfig};

/// Logs can't be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("telemetry.filter can't be read")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Something else set up logs first.
    #[error("logs are set up already")]
    AlreadySet(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sets up logs for the process, to standard error. Once per process.
///
/// # Errors
/// [`TelemetryError`] for a filter that can't be read, or on a second call.
pub fn set_up(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter).map_err(TelemetryError::Filter)?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Human => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    }
    .map_err(TelemetryError::AlreadySet)
}
