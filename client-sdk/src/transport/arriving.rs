//! Calls that never arrived go again.
//!
//! A server that is replaced by another closes its connections in order: it takes nothing new on them, and
//! finishes what it has taken. A call that crosses with that was not looked at, and the connection says so.
//! gRPC has clients send such calls again by themselves ("transparent retries"), which tonic leaves to who
//! uses it. All others may have been carried out: whether they go again is the engine's to say.

use std::error::Error;

use tonic::{Request, Status};

/// Makes a call, and makes it once more over another connection if it never arrived.
pub(super) async fn arriving<T, F>(call: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    match call().await {
        Err(status) if never_arrived(&status) => call().await,
        answered => answered,
    }
}

/// The same request once more.
pub(super) fn copy<T: Clone>(request: &Request<T>) -> Request<T> {
    let mut copy = Request::new(request.get_ref().clone());
    request.metadata().clone_into(copy.metadata_mut());
    copy
}

/// Whether the connection, and not the server, has made this of a call.
pub(super) fn is_of_the_connection(status: &Status) -> bool {
    status.source().is_some()
}

/// Whether nobody has looked at a call.
fn never_arrived(status: &Status) -> bool {
    std::iter::successors(status.source(), |error| (*error).source()).any(was_left)
}

fn was_left(error: &(dyn Error + 'static)) -> bool {
    let unsent = error.downcast_ref::<hyper::Error>();
    let refused = error.downcast_ref::<h2::Error>();
    unsent.is_some_and(hyper::Error::is_canceled)
        || refused.is_some_and(|refused| {
            // Of a connection that ends in order, those after the last one that was taken.
            let is_over = refused.is_go_away() && refused.is_remote();
            match refused.reason() {
                Some(h2::Reason::REFUSED_STREAM) => true,
                Some(h2::Reason::NO_ERROR) => is_over,
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use askel_proto::v1;
    use tokio::net::TcpListener;

    use crate::{
        TransportError,
        transport::{Credential, GrpcTransport, Transport as _},
    };

    /// A server that refuses so many calls unseen, and then answers; the answer to one sync.
    async fn after(refusals: usize) -> TransportError {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let mut left = refusals;
            while let Ok((stream, _)) = listener.accept().await {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if left > 0 {
                        left = left.saturating_sub(1);
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        let answer = http::Response::builder()
                            .header("content-type", "application/grpc")
                            .header("grpc-status", "8");
                        let answer = answer.body(()).expect("an answer");
                        respond.send_response(answer, true).expect("answered");
                    }
                }
            }
        });
        let transport = GrpcTransport::connect_lazy(&format!("http://{address}"));
        let transport = transport.expect("an address");
        let credential = Credential::new("someone".into());
        let answer = transport.sync(&credential, v1::SyncRequest::default());
        answer.await.err().expect("no answer that brings something")
    }

    #[tokio::test]
    async fn a_call_that_nobody_looked_at_goes_again_and_no_further() {
        for refusals in [0, 1] {
            let TransportError::Refused(refusal) = after(refusals).await else {
                panic!("{refusals}: not answered");
            };
            assert_eq!(refusal.reason, "RESOURCE_EXHAUSTED", "{refusals}");
        }
        assert_eq!(after(2).await, TransportError::Unreachable);
    }
}
