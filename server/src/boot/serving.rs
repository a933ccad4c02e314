//! What goes over connections, and its limits.

use std::{future::ready, io, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use tokio::task::JoinHandle;
use tonic::service::Routes;

use crate::{
    clock::Clock,
    config::ServerConfig,
    connection::{Connection, Door, accept},
    lifecycle::Stop,
    limits::{CONNECTION_CALLS_MAX, HEADER_BYTES_MAX, KEEPALIVE_MS},
    rpc::CallLayer,
    tls::Tls,
};

/// Serves whoever comes in, until the stop begins and all have gone.
pub(super) fn serving(door: Door, routes: Routes, calls: CallLayer) -> JoinHandle<()> {
    let keepalive = Duration::from_millis(KEEPALIVE_MS);
    let server = tonic::transport::Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
        .max_concurrent_streams(CONNECTION_CALLS_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .layer(tonic_web::GrpcWebLayer::new())
        .layer(calls);
    let routes = routes.prepare();
    // A server for each connection: tonic ends connections in an orderly way all at once, or none.
    let serve = move |connection: Connection, over| {
        let (server, routes) = (server.clone(), routes.clone());
        // No other comes, and the server waits for the end all the same.
        let only = stream::once(ready(Ok::<_, io::Error>(connection)));
        let incoming = only.chain(stream::pending());
        async move {
            // tonic tells errors of a connection to nobody.
            let _ = server
                .serve_with_incoming_shutdown(routes, incoming, over)
                .await;
        }
    };
    tokio::spawn(accept(door, serve))
}

/// Looks for a new certificate for as long as the server is there.
pub(super) fn keep_fresh(
    tls: Arc<Tls>,
    config: &ServerConfig,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> JoinHandle<()> {
    let every = Duration::from_millis(config.tls_look_ms);
    tokio::spawn(tls.keep_fresh(clock, every, stop))
}
