//! Log lines, and traces, metrics and logs for a collector or Prometheus. No tenant, place,
//! participant, address or text is ever a field, a label or an attribute.

mod otlp;
mod scrape;

use std::{io, io::IsTerminal as _, net::SocketAddr};

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    config::{LogFormat, TelemetryConfig},
    entropy::{Entropy, EntropyFailed, draw},
    meters::SCOPE,
    spans,
};
pub use otlp::ExportFailed;
use otlp::Otlp;
use scrape::Scraped;

/// Telemetry can't be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("telemetry.filter can't be read")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Something else set up logs first.
    #[error("logs are set up already")]
    AlreadySet(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing can be exported to that address.
    #[error("the exporter to telemetry.otlp_endpoint can't be made")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Prometheus can't scrape there.
    #[error("can't listen on {0} for Prometheus")]
    Listen(SocketAddr, #[source] io::Error),
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

/// What is exported, until it is dropped. [`Telemetry::shutdown`] sends what waits.
#[must_use]
pub struct Telemetry {
    otlp: Option<Otlp>,
    metrics: Option<SdkMeterProvider>,
    scraped: Option<Scraped>,
}

/// Sets up logs, traces and metrics for the process, once, before anything else is started. Lines go
/// where `lines` says, standard error mostly.
///
/// # Errors
/// [`TelemetryError`], also on a second call.
pub async fn set_up(
    config: &TelemetryConfig,
    entropy: &dyn Entropy,
    lines: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Result<Telemetry, TelemetryError> {
    let resource = resource(entropy)?;
    let otlp =
        Otlp::to(config, &resource).map_err(|error| TelemetryError::Exporter(error.into()))?;
    subscribe(config, otlp.as_ref(), lines)?;
    let scraped = Scraped::listen(config).await?;
    let mut metrics = SdkMeterProvider::builder().with_resource(resource);
    if let Some(scraped) = &scraped {
        let reader = scraped.reader();
        metrics =
            metrics.with_reader(reader.map_err(|error| TelemetryError::Exporter(error.into()))?);
    }
    if config.otlp_endpoint.url().is_some() {
        let reader = otlp::metrics(config);
        metrics =
            metrics.with_reader(reader.map_err(|error| TelemetryError::Exporter(error.into()))?);
    }
    let measured = scraped.is_some() || otlp.is_some();
    let metrics = measured.then(|| metrics.build());
    if let Some(metrics) = &metrics {
        global::set_meter_provider(metrics.clone());
    }
    Ok(Telemetry {
        otlp,
        metrics,
        scraped,
    })
}

impl Telemetry {
    /// Where Prometheus scrapes; `None` if it may not.
    pub fn scraped_at(&self) -> Option<SocketAddr> {
        self.scraped.as_ref().map(Scraped::local_addr)
    }

    /// Sends what waits, in the time that an export may take.
    ///
    /// # Errors
    /// [`ExportFailed`] when not all of it arrived.
    pub async fn flush(&self) -> Result<(), ExportFailed> {
        let (otlp, metrics) = (self.otlp.clone(), self.metrics.clone());
        otlp::blocking(move || {
            otlp.map_or(Ok(()), |otlp| otlp.flush())?;
            metrics.map_or(Ok(()), |metrics| metrics.force_flush())
        })
        .await
    }

    /// Sends what waits and ends, in the time that an export may take.
    pub async fn shutdown(self) {
        let Self { otlp, metrics, .. } = self;
        let ended = otlp::blocking(move || {
            otlp.map_or(Ok(()), |otlp| otlp.shutdown())?;
            metrics.map_or(Ok(()), |metrics| metrics.shutdown())
        });
        if ended.await.is_err() {
            tracing::warn!("the last telemetry could not be exported");
        }
    }
}

/// Who tells: the program, its version, and a random name for this process.
fn resource(entropy: &dyn Entropy) -> Result<Resource, EntropyFailed> {
    let instance: [u8; 16] = draw(entropy)?;
    Ok(Resource::builder()
        .with_service_name("askel")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .with_attribute(opentelemetry::KeyValue::new(
            "service.instance.id",
            data_encoding::HEXLOWER.encode(&instance),
        ))
        .build())
}

/// What is Askel's own.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("askel")
}

/// Other crates' lines below a warning may hold what came over a connection.
fn is_tellable(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && (is_ours(metadata) || *metadata.level() <= Level::WARN)
}

fn filter(config: &TelemetryConfig) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(&config.filter).map_err(TelemetryError::Filter)
}

fn subscribe(
    config: &TelemetryConfig,
    otlp: Option<&Otlp>,
    lines: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Result<(), TelemetryError> {
    let filter = || filter(config);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(lines);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let lines = lines.with_filter(filter()?.and(filter_fn(is_tellable)));
    let exported = match otlp {
        Some(otlp) => {
            let ours = |metadata: &Metadata<'_>| metadata.is_event() && is_ours(metadata);
            let logs = OpenTelemetryTracingBridge::new(&otlp.logs);
            Some(logs.with_filter(filter()?.and(filter_fn(ours))))
        }
        None => None,
    };
    let traced = otlp.map(|otlp| {
        let spans =
            |metadata: &Metadata<'_>| metadata.is_span() && metadata.target() == spans::TARGET;
        tracing_opentelemetry::layer()
            .with_tracer(otlp.traces.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(spans))
    });
    tracing_subscriber::registry()
        .with(lines)
        .with(traced)
        .with(exported)
        .try_init()
        .map_err(|error| TelemetryError::AlreadySet(error.into()))
}

#[cfg(test)]
mod tests {
    use tracing::event_enabled as told;

    use super::*;

    #[test]
    fn by_default_a_stranger_who_resets_streams_writes_no_lines() {
        let filter = filter(&TelemetryConfig::default()).expect("a filter");
        let lines = tracing_subscriber::fmt::layer();
        let lines = lines.with_filter(filter.and(filter_fn(is_tellable)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            assert!(!told!(target: "h2::proto::streams::streams", Level::WARN));
            assert!(told!(target: "h2::proto::streams::streams", Level::ERROR));
            assert!(told!(target: "hyper", Level::WARN));
            assert!(told!(target: "askel_server::rpc", Level::INFO));
            assert!(!told!(target: "askel_server::rpc", Level::DEBUG));
        });
    }
}
