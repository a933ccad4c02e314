//! Export to a collector by OTLP over gRPC. Queues are bounded; what finds no room is left out, and no
//! caller ever waits for an export.

use std::time::Duration;

use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{BatchConfigBuilder as LogBatches, BatchLogProcessor, SdkLoggerProvider},
    metrics::PeriodicReader,
    trace::{BatchConfigBuilder as SpanBatches, BatchSpanProcessor, Sampler, SdkTracerProvider},
};

use crate::{
    config::TelemetryConfig,
    limits::{LINES_WAITING_MAX, SPAN_LINKS_MAX, SPANS_WAITING_MAX},
};

/// Not all that waited was exported.
#[derive(Debug, thiserror::Error)]
#[error("telemetry could not be exported")]
pub struct ExportFailed(#[source] Option<opentelemetry_sdk::error::OTelSdkError>);

/// What exports traces and logs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Otlp {
    pub(super) traces: SdkTracerProvider,
    pub(super) logs: SdkLoggerProvider,
    timeout: Duration,
}

impl Otlp {
    /// To the configured collector, if there is one.
    pub(super) fn to(
        config: &TelemetryConfig,
        resource: &Resource,
    ) -> Result<Option<Self>, ExporterBuildError> {
        let Some(url) = config.otlp_endpoint.url() else {
            return Ok(None);
        };
        let timeout = Duration::from_millis(config.otlp_timeout_ms);
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&url)
            .with_timeout(timeout)
            .build()?;
        let batches = SpanBatches::default().with_max_queue_size(SPANS_WAITING_MAX);
        let spans = BatchSpanProcessor::builder(spans).with_batch_config(batches.build());
        let lines = LogExporter::builder()
            .with_tonic()
            .with_endpoint(&url)
            .with_timeout(timeout)
            .build()?;
        let batches = LogBatches::default().with_max_queue_size(LINES_WAITING_MAX);
        let lines = BatchLogProcessor::builder(lines).with_batch_config(batches.build());
        // By the trace's id alone: a caller's flag makes no trace more likely.
        let ratio = f64::from(config.traces_per_mille) / 1_000.0;
        Ok(Some(Self {
            traces: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_sampler(Sampler::TraceIdRatioBased(ratio))
                .with_max_links_per_span(SPAN_LINKS_MAX)
                .with_span_processor(spans.build())
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_resource(resource.clone())
                .with_log_processor(lines.build())
                .build(),
            timeout,
        }))
    }

    pub(super) fn flush(&self) -> OTelSdkResult {
        let traces = self.traces.force_flush();
        let logs = self.logs.force_flush();
        traces.and(logs)
    }

    pub(super) fn shutdown(&self) -> OTelSdkResult {
        let traces = self.traces.shutdown_with_timeout(self.timeout);
        let logs = self.logs.shutdown_with_timeout(self.timeout);
        traces.and(logs)
    }
}

/// What sends metrics now and then.
pub(super) fn metrics(
    config: &TelemetryConfig,
) -> Result<PeriodicReader<MetricExporter>, ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(config.otlp_endpoint.url().unwrap_or_default())
        .with_timeout(Duration::from_millis(config.otlp_timeout_ms))
        .build()?;
    Ok(PeriodicReader::builder(exporter)
        .with_interval(Duration::from_millis(config.otlp_interval_ms))
        .build())
}

/// What waits for the exporters' own threads does so on another than the runtime's.
pub(super) async fn blocking(
    work: impl FnOnce() -> OTelSdkResult + Send + 'static,
) -> Result<(), ExportFailed> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| ExportFailed(Some(error))),
        Err(_) => Err(ExportFailed(None)),
    }
}
