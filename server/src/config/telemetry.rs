//! `[telemetry]`: logs.

use std::str::FromStr;

use super::faults::Reader;

/// The section `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// How a line of log looks.
    pub format: LogFormat,
    /// Which lines are written, e.g. `info,askel_server=debug`.
    pub filter: String,
}

/// How a line of log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Neither `human` nor `json`.
#[derive(Debug)]
pub struct UnknownFormat;

impl FromStr for LogFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            filter: "warn,askel_server=info".to_owned(),
        }
    }
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            format: reader.parsed("telemetry.format", default.format, "human or json"),
            filter: reader.parsed("telemetry.filter", default.filter, "a filter"),
        }
    }
}
