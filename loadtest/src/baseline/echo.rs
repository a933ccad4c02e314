//! A bare gRPC server: the same method and messages, no work. What it does a second is what the transport
//! alone allows on this machine.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
};

use askel_proto::v1::{
    self,
    sync_response::Part,
    sync_service_server::{SyncService, SyncServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};

/// The subcommand that [`serve`]s.
pub const ECHO: &str = "echo-alone";

struct Echo;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SyncService for Echo {
    type SyncStream = Answers<v1::SyncResponse>;
    type WatchStream = Answers<v1::WatchResponse>;

    async fn sync(
        &self,
        _: Request<v1::SyncRequest>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let part = Some(Part::Closing(v1::SyncClosing::default()));
        let answer = tokio_stream::once(Ok(v1::SyncResponse { part }));
        Ok(Response::new(Box::pin(answer)))
    }

    async fn watch(
        &self,
        _: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nothing is watched here"))
    }
}

/// Serves until standard input ends.
///
/// # Errors
/// An address that can't be listened on.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening {}", listener.local_addr()?)?;
    out.flush()?;
    let over = crate::load::standard_input_ended();
    Server::builder()
        .add_service(SyncServiceServer::new(Echo))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), over)
        .await?;
    Ok(())
}
