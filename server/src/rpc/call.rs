//! The one layer around all services: who calls, whether they may, and one event when it is over.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use askel_sync::key::credential::METADATA_KEY;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    access::{Access, access},
    body::{Collected, collected},
    error::status,
    observed::Observed,
};
use crate::{
    app::{App, AppError, Caller, Reason, authenticate},
    limits::{BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX},
    overload::{Gate, HeldRoom, Pass, cost, whose},
};

/// Whoever watches over the server is answered however much there is to do.
const HEALTH: &str = "/grpc.health.";
const WATCH: &str = "/Watch";

/// Puts [`Calls`] around the services.
#[derive(Clone)]
pub(crate) struct CallLayer {
    pub(crate) app: Arc<App>,
    pub(crate) gate: Arc<Gate>,
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls {
            app: Arc::clone(&self.app),
            gate: Arc::clone(&self.gate),
            inner,
        }
    }
}

/// Authenticates and authorises each call before the service sees it.
#[derive(Clone)]
pub(crate) struct Calls<S> {
    app: Arc<App>,
    gate: Arc<Gate>,
    inner: S,
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let app = Arc::clone(&self.app);
        let gate = Arc::clone(&self.gate);
        // The clone may not be ready; the one that was polled is.
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let row = row_of(request.uri().path());
        let method = row.map(|(method, _)| method);
        let observed = Observed::begin(&app, method, &request);
        let span = observed.span().clone();
        let answered = async move {
            let let_in = match row {
                Some((method, access)) => {
                    // Boxed, as most of a call needs no room for it any more.
                    Box::pin(let_in(&app, &gate, method, access, request)).await
                }
                None => Err(Reason::MethodUnknown.into()),
            };
            let response = match let_in {
                Ok(LetIn {
                    request,
                    pass,
                    room,
                }) => {
                    let call = async move {
                        let response = inner.call(request).await;
                        drop(room);
                        (response, pass)
                    };
                    match to_the_end(call).await {
                        Some((response, pass)) => until_answered(typed(response?), pass),
                        None => status(&Reason::Internal.into()).into_http(),
                    }
                }
                Err(error) => status(&error).into_http(),
            };
            Ok(observed.answered(response))
        };
        Box::pin(answered.instrument(span))
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

/// In a task of its own, so that a caller who hangs up cuts nothing in half; `None` if it panicked.
async fn to_the_end<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    tokio::spawn(call.in_current_span()).await.ok()
}

/// The bytes a body may have, with its framing; a stranger's is small. `None` for one that is not
/// waited for.
fn body_bytes_max(access: Access) -> Option<usize> {
    match access {
        Access::Roles(_) | Access::RolesAndProbation(_) => Some(BODY_BYTES_MAX),
        Access::Open => Some(OPEN_BODY_BYTES_MAX),
        Access::OpenStream => None,
    }
}

/// A call that is carried out.
struct LetIn {
    request: Request<Body>,
    /// For as long as it is under way; none for what always goes.
    pass: Option<Pass>,
    room: Option<HeldRoom>,
}

/// Reads a call when there is room for it, waits for its turn and finds out who calls: in this order, so
/// that a server with too much to do refuses before it spends anything, and whoever sends slowly holds
/// nobody up.
async fn let_in(
    app: &App,
    gate: &Arc<Gate>,
    method: &str,
    access: Access,
    request: Request<Body>,
) -> Result<LetIn, AppError> {
    let is_served = |tenant| app.credentials.get(tenant).is_some();
    let whose = whose(request.headers(), is_served);
    let always_goes = method.starts_with(HEALTH);
    if !always_goes {
        gate.look(whose)?;
    }
    let Collected {
        request,
        bytes,
        room,
    } = match body_bytes_max(access) {
        Some(most) => collected(app, &gate.room, access, request, most).await?,
        None => Collected {
            request,
            bytes: 0,
            room: None,
        },
    };
    let pass = if always_goes {
        None
    } else {
        Some(gate.enter(whose, cost(bytes)).await?)
    };
    let request = admit(app, access, request).await?;
    // A watch does nothing for most of its time, and has bounds of its own.
    let pass = pass.filter(|_| !method.ends_with(WATCH));
    Ok(LetIn {
        request,
        pass,
        room,
    })
}

fn until_answered(response: Response<Body>, pass: Option<Pass>) -> Response<Body> {
    match pass {
        Some(pass) => {
            let pass = pass.answering();
            response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    // Dropped with the body: at its end, or when nobody wants it any more.
                    let _held = &pass;
                    frame
                }))
            })
        }
        None => response,
    }
}

async fn admit(
    app: &App,
    access: Access,
    mut request: Request<Body>,
) -> Result<Request<Body>, AppError> {
    let (roles, probation) = match access {
        Access::Open | Access::OpenStream => return Ok(request),
        Access::Roles(roles) => (roles, false),
        Access::RolesAndProbation(roles) => (roles, true),
    };
    let caller = caller_of(app, request.headers()).await?;
    if !roles.contains(&caller.device.role) {
        return Err(Reason::MethodNotAllowed.into());
    }
    if caller.is_on_probation() && !probation {
        return Err(Reason::DeviceOnProbation.into());
    }
    // A Sync renews a lease that ended; nothing else goes without one.
    if !probation && caller.lease_has_ended(app) {
        return Err(Reason::StaffLeaseEnded.into());
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

/// Who calls, by the credential that comes with it.
pub(super) async fn caller_of(app: &App, headers: &HeaderMap) -> Result<Caller, AppError> {
    let credential = headers.get(METADATA_KEY).ok_or(Reason::CredentialMissing)?;
    let credential = credential
        .to_str()
        .map_err(|_| Reason::CredentialMalformed)?;
    authenticate(app, credential).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_caller_who_hangs_up_cuts_nothing_in_half() {
        let (start, started) = tokio::sync::oneshot::channel();
        let (go, gone) = tokio::sync::oneshot::channel();
        let (end, ended) = tokio::sync::oneshot::channel();
        let call = to_the_end(async move {
            start.send(()).expect("awaited");
            gone.await.expect("told");
            end.send(()).expect("awaited");
        });
        let caller = tokio::spawn(call);
        started.await.expect("begun");
        caller.abort();
        assert!(caller.await.expect_err("hung up").is_cancelled());
        go.send(()).expect("still there");
        ended.await.expect("done to the end");
    }

    #[test]
    fn every_body_but_a_stream_is_bounded_and_a_strangers_is_small() {
        for (path, access) in crate::rpc::ACCESS_TABLE {
            let expected = match path {
                path if path.contains("ServerReflection") => None,
                path if path.ends_with("/Enrol") || path.ends_with("/ComeBack") => {
                    Some(OPEN_BODY_BYTES_MAX)
                }
                path if path.contains("Health") => Some(OPEN_BODY_BYTES_MAX),
                _ => Some(BODY_BYTES_MAX),
            };
            assert_eq!(body_bytes_max(*access), expected, "{path}");
        }
    }
}
