//! A collector: the three services of OTLP, which keep what they are sent.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::Span,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What a collector does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Answers,
    Hangs,
    Gone,
}

/// What was exported.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exported {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

impl Exported {
    pub(crate) fn bytes(&self) -> impl Iterator<Item = Vec<u8>> {
        let traces = self.traces.iter().map(prost::Message::encode_to_vec);
        let metrics = self.metrics.iter().map(prost::Message::encode_to_vec);
        let logs = self.logs.iter().map(prost::Message::encode_to_vec);
        traces.chain(metrics).chain(logs)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        let resources = self
            .traces
            .iter()
            .flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans)
    }

    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        let resources = self
            .metrics
            .iter()
            .flat_map(|request| &request.resource_metrics);
        let scopes = resources.flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics)
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &LogRecord> {
        let resources = self.logs.iter().flat_map(|request| &request.resource_logs);
        let scopes = resources.flat_map(|resource| &resource.scope_logs);
        scopes.flat_map(|scope| &scope.log_records)
    }
}

/// The services. Cheap to clone.
#[derive(Clone)]
struct Services {
    kept: Arc<Mutex<Exported>>,
    mood: Arc<Mutex<Mood>>,
}

impl Services {
    async fn take_in<T: Default>(
        &self,
        keep: impl FnOnce(&mut Exported),
    ) -> Result<Response<T>, Status> {
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        match mood {
            Mood::Answers => keep(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner)),
            Mood::Hangs => std::future::pending().await,
            Mood::Gone => return Err(Status::unavailable("gone")),
        }
        Ok(Response::new(T::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take_in(|kept| kept.traces.push(request.into_inner()))
            .await
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take_in(|kept| kept.metrics.push(request.into_inner()))
            .await
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.take_in(|kept| kept.logs.push(request.into_inner()))
            .await
    }
}

/// A collector on a free port.
pub(crate) struct Collector {
    services: Services,
    url: String,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let services = Services {
            kept: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Answers)),
        };
        let router = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(services.clone()))
            .add_service(MetricsServiceServer::new(services.clone()))
            .add_service(LogsServiceServer::new(services.clone()));
        let serving = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            router.serve_with_incoming(incoming).await.expect("served");
        });
        Self {
            services,
            url,
            serving,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What came since the last time.
    pub(crate) fn take(&self) -> Exported {
        let mut kept = self.services.kept.lock().expect("not poisoned");
        std::mem::take(&mut *kept)
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.services.mood.lock().expect("not poisoned") = mood;
        if mood == Mood::Gone {
            self.serving.abort();
        }
    }
}
