//! The one layer around all services: who calls, whether they may, and one event when it is over.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use askel_sync::key::credential::METADATA_KEY;
use http::{HeaderMap, Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{
    access::{Access, access},
    error::status,
};
use crate::app::{App, AppError, Caller, Reason, authenticate};

/// Puts [`Calls`] around the services.
#[derive(Clone)]
pub(crate) struct CallLayer {
    pub(crate) app: Arc<App>,
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls {
            app: Arc::clone(&self.app),
            inner,
        }
    }
}

/// Authenticates and authorises each call before the service sees it.
#[derive(Clone)]
pub(crate) struct Calls<S> {
    app: Arc<App>,
    inner: S,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let app = Arc::clone(&self.app);
        // The clone may not be ready; the one that was polled is.
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        Box::pin(async move {
            let started = app.components.clock.monotonic();
            let row = row_of(request.uri().path());
            let admitted = match row {
                Some((_, access)) => admit(&app, access, request.headers()).await,
                None => Err(Reason::MethodUnknown.into()),
            };
            let response = match admitted {
                Ok(caller) => {
                    if let Some(caller) = caller {
                        request.extensions_mut().insert(caller);
                    }
                    typed(inner.call(request).await?)
                }
                Err(error) => status(&error).into_http(),
            };
            let took = app.components.clock.monotonic().saturating_sub(started);
            note(
                row.map_or("unknown", |(method, _)| method),
                &response,
                took.as_millis(),
            );
            Ok(response)
        })
    }
}

/// The row of the table, with the method's name as the table writes it: a path that a stranger
/// chose is never logged.
fn row_of(path: &str) -> Option<(&'static str, Access)> {
    let access = access(path)?;
    super::ACCESS_TABLE
        .iter()
        .find(|(method, _)| *method == path)
        .map(|(method, _)| (*method, access))
}

async fn admit(app: &App, access: Access, headers: &HeaderMap) -> Result<Option<Caller>, AppError> {
    let (roles, probation) = match access {
        Access::Open => return Ok(None),
        Access::Roles(roles) => (roles, false),
        Access::RolesAndProbation(roles) => (roles, true),
    };
    let credential = headers.get(METADATA_KEY).ok_or(Reason::CredentialMissing)?;
    let credential = credential
        .to_str()
        .map_err(|_| Reason::CredentialMalformed)?;
    let caller = authenticate(app, credential).await?;
    if !roles.contains(&caller.device.role) {
        return Err(Reason::MethodNotAllowed.into());
    }
    if caller.is_on_probation() && !probation {
        return Err(Reason::DeviceOnProbation.into());
    }
    Ok(Some(caller))
}

/// Gives tonic's own refusals of a message their reason.
fn typed(response: Response<Body>) -> Response<Body> {
    let Some(refusal) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if !refusal.details().is_empty() {
        return response;
    }
    let reason = match refusal.code() {
        Code::OutOfRange => Reason::MessageTooLarge,
        Code::Internal | Code::Unimplemented => Reason::MessageMalformed,
        _ => return response,
    };
    status(&reason.into()).into_http()
}

fn note(method: &'static str, response: &Response<Body>, duration_ms: u128) {
    match Status::from_header_map(response.headers()).map(|status| status.code()) {
        None | Some(Code::Ok) => {
            tracing::debug!(rpc.method = method, duration_ms, "call answered");
        }
        Some(code) => {
            tracing::info!(rpc.method = method, rpc.status = ?code, duration_ms, "call refused");
        }
    }
}
