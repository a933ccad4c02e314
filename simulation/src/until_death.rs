//! An answer that ends when the server that gives it is killed.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use askel_client_sdk::TransportError;
use tokio_stream::Stream;

use crate::host::Process;

type Death = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Passes parts on until the process dies.
pub(crate) struct UntilDeath<S> {
    death: Death,
    parts: Pin<Box<S>>,
    over: bool,
}

impl<S> UntilDeath<S> {
    pub(crate) fn of(process: Arc<Process>, parts: S) -> Self {
        Self {
            death: Box::pin(async move { process.died().await }),
            parts: Box::pin(parts),
            over: false,
        }
    }
}

impl<T, S> Stream for UntilDeath<S>
where
    S: Stream<Item = Result<T, TransportError>>,
{
    type Item = Result<T, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.death.as_mut().poll(context).is_ready() {
            self.over = true;
            return Poll::Ready(Some(Err(TransportError::Unreachable)));
        }
        self.parts.as_mut().poll_next(context)
    }
}
