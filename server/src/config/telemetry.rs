//! `[telemetry]`: log lines, and what is told to an `OpenTelemetry` collector or to Prometheus.

use std::{
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
};

use http::Uri;

use super::faults::Reader;

/// The section `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// How a line of log looks.
    pub format: LogFormat,
    /// Which lines are written and exported, e.g. `info,askel_server=debug`. Of what is not Askel's own,
    /// warnings and errors at most, whatever it says; by default errors alone of `h2`, of which every
    /// stranger who resets streams can make it write a warning.
    pub filter: String,
    /// Where traces, metrics and logs go by OTLP over gRPC.
    pub otlp_endpoint: OtlpEndpoint,
    /// How long an export may take, in milliseconds, 100 to 60000.
    pub otlp_timeout_ms: u64,
    /// Milliseconds between two exports of metrics, 1000 to 3600000.
    pub otlp_interval_ms: u64,
    /// Of a thousand traces, how many are exported.
    pub traces_per_mille: u32,
    /// Whether a call goes on with the trace that its caller names.
    pub follow_callers: bool,
    /// Whether Prometheus may scrape.
    pub prometheus: bool,
    /// Where Prometheus scrapes; port 0 takes a free one.
    pub prometheus_listen: SocketAddr,
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

/// Where a collector listens; none to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtlpEndpoint(Option<Uri>);

impl OtlpEndpoint {
    /// Its URL; `None` where nothing is exported.
    pub fn url(&self) -> Option<String> {
        self.0.as_ref().map(Uri::to_string)
    }
}

/// No URL of a collector.
#[derive(Debug)]
pub struct NoEndpoint;

impl FromStr for OtlpEndpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Self, NoEndpoint> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let url: Uri = text.parse().map_err(|_| NoEndpoint)?;
        // TLS to somewhere else is the matter of a collector on this machine.
        let is_plain = url.scheme_str() == Some("http") && url.port().is_some();
        if is_plain {
            Ok(Self(Some(url)))
        } else {
            Err(NoEndpoint)
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            filter: "warn,askel_server=info,h2=error".to_owned(),
            otlp_endpoint: OtlpEndpoint::default(),
            otlp_timeout_ms: 5_000,
            otlp_interval_ms: 15_000,
            traces_per_mille: 50,
            follow_callers: true,
            prometheus: false,
            prometheus_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9_464)),
        }
    }
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            format: reader.parsed("telemetry.format", default.format, "human or json"),
            filter: reader.parsed("telemetry.filter", default.filter, "a filter"),
            otlp_endpoint: reader.parsed(
                "telemetry.otlp_endpoint",
                default.otlp_endpoint,
                "http://host:port of a collector, or empty",
            ),
            otlp_timeout_ms: reader.number(
                "telemetry.otlp_timeout_ms",
                default.otlp_timeout_ms,
                100..=60_000,
            ),
            otlp_interval_ms: reader.number(
                "telemetry.otlp_interval_ms",
                default.otlp_interval_ms,
                1_000..=3_600_000,
            ),
            traces_per_mille: reader.number(
                "telemetry.traces_per_mille",
                default.traces_per_mille,
                0..=1_000,
            ),
            follow_callers: reader.flag("telemetry.follow_callers", default.follow_callers),
            prometheus: reader.flag("telemetry.prometheus", default.prometheus),
            prometheus_listen: reader.parsed(
                "telemetry.prometheus_listen",
                default.prometheus_listen,
                "an address with a port",
            ),
        }
    }
}
