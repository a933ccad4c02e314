//! The server without sockets: calls come as HTTP requests in memory, through the same layer and the
//! same services as those of the network.
//!
//! Nothing here draws randomness or reads a clock but through the components: on a runtime of one
//! thread the same calls in the same order have the same effects. A server that is dropped is gone as
//! if it had been killed, but for calls that are being carried out: whoever wants those gone too lets
//! the store's calls of this server vanish.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::task::JoinHandle;
use tonic::{body::Body, service::Routes};
use tower::{Layer as _, Service};

use crate::{
    Config,
    boot::{Assembled, BootError, assemble},
    components::Components,
    credential_file::Credentials,
    lifecycle::{Stopper, stop_pair},
    overload::Gate,
    rpc::{self, CallLayer, Calls},
};

/// A running server.
pub struct InProcess {
    calls: InMemory,
    /// Held, never used: who waits for the end waits until this server is dropped.
    _stopper: Stopper,
    behind: Vec<JoinHandle<()>>,
}

/// Takes calls, as the transport of a generated client. Cheap to clone.
#[derive(Clone)]
pub struct InMemory {
    calls: Calls<Routes>,
}

impl InProcess {
    /// Starts a server on what the components hold. It takes calls when this returns.
    ///
    /// # Errors
    /// As [`crate::boot::start`], but for what has to do with sockets and files.
    pub async fn start(
        config: &Config,
        components: Components,
        credentials: Credentials,
    ) -> Result<Self, BootError> {
        let Assembled {
            app,
            projector,
            ingesting,
        } = assemble(config, components, credentials).await?;
        let (stopper, stop) = stop_pair();
        let (routes, _health) = rpc::routes(&app, stop.clone(), config.server.watches_max)?;
        let calls = CallLayer {
            app: Arc::clone(&app),
            gate: Arc::new(Gate::new(&config.server, Arc::clone(&app.components.clock))),
        };
        let projecting = tokio::spawn(async move { projector.run(stop).await });
        Ok(Self {
            calls: InMemory {
                calls: calls.layer(routes),
            },
            _stopper: stopper,
            behind: vec![projecting, ingesting],
        })
    }

    /// Where calls go.
    pub fn calls(&self) -> InMemory {
        self.calls.clone()
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        for task in &self.behind {
            task.abort();
        }
    }
}

impl Service<Request<Body>> for InMemory {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.calls.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.calls.call(request)
    }
}
