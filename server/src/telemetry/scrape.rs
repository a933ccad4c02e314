//! The page that Prometheus scrapes: `GET /metrics`, on an address of its own.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::error::OTelSdkError;
use prometheus::{Registry, TextEncoder};
use prost::bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

use super::TelemetryError;
use crate::{
    config::TelemetryConfig,
    limits::{SCRAPE_MS_MAX, SCRAPES_MAX},
};

/// Answers scrapes until it is dropped.
pub(super) struct Scraped {
    local_addr: SocketAddr,
    registry: Registry,
    answering: JoinHandle<()>,
}

impl Scraped {
    /// Listens where the configuration says, if it says that Prometheus may scrape.
    pub(super) async fn listen(config: &TelemetryConfig) -> Result<Option<Self>, TelemetryError> {
        if !config.prometheus {
            return Ok(None);
        }
        let address = config.prometheus_listen;
        let failed = |error| TelemetryError::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let registry = Registry::new();
        let answering = tokio::spawn(answer(listener, registry.clone()));
        Ok(Some(Self {
            local_addr,
            registry,
            answering,
        }))
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What collects for a scrape.
    pub(super) fn reader(&self) -> Result<PrometheusExporter, OTelSdkError> {
        opentelemetry_prometheus::exporter()
            .with_registry(self.registry.clone())
            .scope_info_enabled(false)
            .build()
    }
}

impl Drop for Scraped {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

async fn answer(listener: TcpListener, registry: Registry) {
    let places = Arc::new(Semaphore::new(SCRAPES_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, most likely: trying at once would only burn the processor.
            tokio::time::sleep(Duration::from_millis(crate::limits::ACCEPT_RETRY_MS)).await;
            continue;
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let registry = registry.clone();
            tokio::spawn(async move {
                let patience = Duration::from_millis(SCRAPE_MS_MAX);
                // Whoever is too slow, or speaks no HTTP, is hung up on.
                let _ = tokio::time::timeout(patience, converse(stream, registry)).await;
                drop(place);
            });
        }
    }
}

async fn converse(stream: TcpStream, registry: Registry) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| {
        let page = page(request.method(), request.uri().path(), &registry);
        std::future::ready(Ok::<_, Infallible>(page))
    });
    http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn page(method: &Method, path: &str, registry: &Registry) -> Response<Full<Bytes>> {
    let status = match (method, path) {
        (&Method::GET, "/metrics") => StatusCode::OK,
        (_, "/metrics") => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    let text = match status {
        StatusCode::OK => TextEncoder::new().encode_to_string(&registry.gather()),
        _ => Ok(String::new()),
    };
    let (status, text) = match text {
        Ok(text) => (status, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    page.headers_mut().insert(CONTENT_TYPE, kind);
    page
}
