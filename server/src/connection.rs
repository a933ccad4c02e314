//! Connections that can be counted and ended.
//!
//! One on which nothing is asked for a while is told so and closed.
//! But tonic's own shutdown asks each connection to finish and waits for as long as it takes: one that
//! never says a word keeps the process alive. Here a connection without a word ends when the stop
//! begins, one without the head of a request after a while in any case, and any other when the time
//! to drain is over.

mod accept;
mod talk;

pub(crate) use accept::{Door, accept};
pub(crate) use talk::{OpenCall, Talk};

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::{lifecycle::Stop, limits::FIRST_REQUEST_MS_MAX};
use accept::Place;

/// Two ends of a server's life: asked to stop, and out of time.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    /// Silent connections end here.
    pub(crate) stop: Stop,
    /// All others end here.
    pub(crate) out_of_time: Stop,
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What bytes come and go by: TCP, or TLS on it.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<L: AsyncRead + AsyncWrite + Send + Unpin> Line for L {}

/// A connection that ends with the server.
pub(crate) struct Connection {
    line: Box<dyn Line>,
    _place: Place,
    stopping: End,
    too_late: End,
    out_of_time: End,
    spoken: bool,
    talk: Talk,
    ended: bool,
}

impl Connection {
    fn new(line: Box<dyn Line>, place: Place, ends: Ends) -> Self {
        let Ends {
            mut stop,
            mut out_of_time,
        } = ends;
        let first_request = Duration::from_millis(FIRST_REQUEST_MS_MAX);
        Self {
            line,
            _place: place,
            stopping: Box::pin(async move { stop.begun().await }),
            too_late: Box::pin(tokio::time::sleep(first_request)),
            out_of_time: Box::pin(async move { out_of_time.begun().await }),
            spoken: false,
            talk: Talk::default(),
            ended: false,
        }
    }

    /// Whether the connection is to end now; otherwise the task is woken when it is.
    fn poll_ended(&mut self, context: &mut Context<'_>) -> bool {
        if !self.ended {
            let too_silent = !self.spoken && self.stopping.as_mut().poll(context).is_ready();
            // A byte now and then is no request.
            let too_late =
                !self.talk.has_begun() && self.too_late.as_mut().poll(context).is_ready();
            self.ended =
                too_silent || too_late || self.out_of_time.as_mut().poll(context).is_ready();
        }
        self.ended
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.talk.over();
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
        ready!(Pin::new(&mut self.line).poll_read(context, buffer))?;
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
        Pin::new(&mut self.line).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(ended()));
        }
        Pin::new(&mut self.line).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.line.is_write_vectored()
    }
}

impl Connected for Connection {
    type ConnectInfo = Talk;

    fn connect_info(&self) -> Talk {
        self.talk.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::stop_pair;
    use accept::tests::Opened;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_first_word_ends_after_a_while() {
        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let mut opened = Opened::with(1, Ends { stop, out_of_time }).await;
        let (_client, mut connection) = opened.connected().await;
        let read = connection.read(&mut [0; 8]).await;
        let error = read.expect_err("ended");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_now_and_then_is_no_request() {
        let (_stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        let mut opened = Opened::with(2, Ends { stop, out_of_time }).await;
        let (mut client, mut connection) = opened.connected().await;
        let talk = connection.connect_info();
        client.write_all(b"P").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 1);
        assert!(connection.read(&mut [0; 8]).await.is_err(), "no request");

        let (mut client, mut connection) = opened.connected().await;
        drop(connection.connect_info().begin());
        assert!(!talk.has_begun(), "of another connection");
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
        let mut opened = Opened::with(1, Ends { stop, out_of_time }).await;
        let (mut client, mut connection) = opened.connected().await;
        client.write_all(b"hello").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 5);
        stopper.stop();
        client.write_all(b"more").await.expect("said");
        assert_eq!(connection.read(&mut [0; 8]).await.expect("heard"), 4);
        last.stop();
        assert!(connection.read(&mut [0; 8]).await.is_err());
    }
}
