//! A store whose calls are measured: each has a duration and a span, by its method's name.

use std::{future::Future, sync::Arc};

use askel_store::{Around, ErrorKind, Store, StoreError, Surrounded};
use tracing::Instrument as _;

use crate::{clock::Clock, meters::meters, spans};

/// Measures the calls of a store of this kind of database.
pub(crate) fn measured(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    system: &'static str,
) -> Arc<dyn Store> {
    Arc::new(Surrounded::with(store, Measure { clock, system }))
}

struct Measure {
    clock: Arc<dyn Clock>,
    system: &'static str,
}

impl Around for Measure {
    async fn around<T, E>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + ErrorKind + Send,
    {
        let span = spans::store(self.system, method);
        let started = self.clock.monotonic();
        let done = call.instrument(span.clone()).await;
        let took = self.clock.monotonic().saturating_sub(started);
        let failure = done.as_ref().err().and_then(ErrorKind::failure);
        meters().store_called(self.system, method, failure, took);
        if let Some(failure) = failure {
            spans::store_failed(&span, failure);
        }
        done
    }
}
