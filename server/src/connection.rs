//! Connections that can be counted and ended.
//!
//! tonic's own shutdown asks each connection to finish and waits for as long as it takes: one that
//! never says a word keeps the process alive. Here a connection without a word ends when the stop
//! begins, one without the head of a request after a while in any case, and any other when the time
//! to drain is over.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tonic::transport::server::Connected;

use crate::{
    lifecycle::Stop,
    limits::{ACCEPT_RETRY_MS, FIRST_REQUEST_MS_MAX},
    meters::meters,
};

/// Two ends of a server's life: asked to stop, and out of time.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    /// Silent connections end here.
    pub(crate) stop: Stop,
    /// All others end here.
    pub(crate) out_of_time: Stop,
}

/// Accepts connections, at most so many at a time, until the stop begins.
pub(crate) fn accept(
    listener: TcpListener,
    connections_max: usize,
    ends: Ends,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(connections_max));
    stream::unfold(
        (listener, places, ends),
        |(listener, places, mut ends)| async move {
            let next = async {
                let place = Arc::clone(&places)
                    .acquire_owned()
                    .await
                    .map_err(io::Error::other)?;
                match listener.accept().await {
                    Ok((stream, _)) => Ok((stream, place)),
                    Err(error) => {
                        // Out of files, most likely: trying at once would only burn the processor.
                        tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                        Err(error)
                    }
                }
            };
            let accepted = tokio::select! {
                accepted = next => accepted,
                () = ends.stop.begun() => return None,
            };
            let connection = accepted.and_then(|(stream, place)| {
                stream.set_nodelay(true)?;
                Ok(Connection::new(stream, place, ends.clone()))
            });
            Some((connection, (listener, places, ends)))
        },
    )
    // A client that hangs up before it is accepted is no reason to stop accepting.
    .filter(|accepted| std::future::ready(accepted.is_ok()))
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A TCP connection that ends with the server.
pub(crate) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    stopping: End,
    too_late: End,
    out_of_time: End,
    spoken: bool,
    asked: Asked,
    ended: bool,
}

/// Whether a request's head has come over a connection; whoever reads requests says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<AtomicBool>);

impl Asked {
    /// One has come.
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit, ends: Ends) -> Self {
        let Ends {
            mut stop,
            mut out_of_time,
        } = ends;
        let first_request = Duration::from_millis(FIRST_REQUEST_MS_MAX);
        meters().connections.add(1, &[]);
        Self {
            stream,
            _place: place,
            stopping: Box::pin(async move { stop.begun().await }),
            too_late: Box::pin(tokio::time::sleep(first_request)),
            out_of_time: Box::pin(async move { out_of_time.begun().await }),
            spoken: false,
            asked: Asked::default(),
            ended: false,
        }
    }

    /// Whether the connection is to end now; otherwise the task is woken when it is.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> bool {
        if !self.ended {
            let too_silent = !self.spoken && self.stopping.as_mut().poll(context).is_ready();
            // A byte now and then is no request.
            let too_late =
                !self.asked.is_noted() && self.too_late.as_mut().poll(context).is_ready();
            self.ended =
                too_silent || too_late || self.out_of_time.as_mut().poll(context).is_ready();
        }
        self.ended
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        meters().connections.add(-1, &[]);
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped")
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_ended(context) {
            return Poll::Ready(Err(ended()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.spoken |= buffer.filled().len() > filled;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(ended()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(ended()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Connection {
    type ConnectInfo = Asked;

    fn connect_info(&self) -> Asked {
        self.asked.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::stop_pair;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Both sides of a connection, the server's wrapped.
    async fn connected(ends: Ends) -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound");
        let incoming = accept(listener, 1, ends);
        let client = TcpStream::connect(address).await.expect("connected");
        let accepted = std::pin::pin!(incoming).next().await.expect("one");
        (client, accepted.expect("accepted"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_first_word_ends_after_a_while() {
        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let (_client, mut connection) = connected(Ends { stop, out_of_time }).await;
        let read = connection.read(&mut [0; 8]).await;
        let error = read.expect_err("ended");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_now_and_then_is_no_request() {
        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let (mut client, mut connection) = connected(Ends { stop, out_of_time }).await;
        let asked = connection.connect_info();
        client.write_all(b"P").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 1);
        assert!(connection.read(&mut [0; 8]).await.is_err(), "no request");

        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let (mut client, mut connection) = connected(Ends { stop, out_of_time }).await;
        connection.connect_info().note();
        assert!(!asked.is_noted(), "of another connection");
        let long = Duration::from_millis(FIRST_REQUEST_MS_MAX.saturating_mul(2));
        let waited = tokio::time::timeout(long, connection.read(&mut [0; 8])).await;
        assert!(waited.is_err(), "it stays open, and says nothing");
        client.write_all(b"more").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 4);
    }

    #[tokio::test]
    async fn one_that_spoke_outlives_the_stop_until_the_time_is_out() {
        let (stopper, stop) = stop_pair();
        let (last, out_of_time) = stop_pair();
        let (mut client, mut connection) = connected(Ends { stop, out_of_time }).await;
        client.write_all(b"hello").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 5);
        stopper.stop();
        client.write_all(b"more").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 4);
        last.stop();
        assert!(connection.read(&mut [0; 8]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_too_many_waits_until_another_ends() {
        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound");
        let mut incoming = std::pin::pin!(accept(listener, 2, Ends { stop, out_of_time }));
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.expect("connected"));
        }
        let first = incoming.next().await.expect("one").expect("accepted");
        let _second = incoming.next().await.expect("two").expect("accepted");
        let while_both_are_open = tokio::time::timeout(Duration::from_secs(1), incoming.next());
        assert!(while_both_are_open.await.is_err());
        drop(first);
        incoming.next().await.expect("three").expect("accepted");
    }
}
