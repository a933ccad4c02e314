//! What is told of a call: a span, a duration, its reason if it was refused, and one line when it is
//! over. A call is over with the last byte of its answer.

use std::{sync::Arc, time::Duration};

use askel_proto::code_name;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tracing::Span;

use super::error::ERROR_DOMAIN;
use crate::{
    app::{App, Reason},
    clock::Clock,
    connection::{OpenCall, Talk},
    meters::meters,
    spans,
};

/// A call under way. One that is dropped before its answer ends was given up by its caller.
pub(super) struct Observed {
    method: &'static str,
    span: Span,
    clock: Arc<dyn Clock>,
    started: Duration,
    open: bool,
    /// Keeps the connection from counting as idle; none without a connection.
    _talk: Option<OpenCall>,
}

impl Observed {
    /// A call begins, of a method of the table of access.
    pub(super) fn begin(app: &App, method: Option<&'static str>, request: &Request<Body>) -> Self {
        let method = method.map_or(spans::OTHER, |path| path.trim_start_matches('/'));
        let clock = Arc::clone(&app.components.clock);
        Self {
            method,
            span: spans::call(method, request.headers(), app.follow_callers),
            started: clock.monotonic(),
            clock,
            open: true,
            _talk: request.extensions().get::<Talk>().map(Talk::begin),
        }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The answer's head is there. What follows it is looked through for its end.
    pub(super) fn answered(mut self, response: Response<Body>) -> Response<Body> {
        if let Some(status) = Status::from_header_map(response.headers()) {
            self.end(&status);
            return response;
        }
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let trailers = frame.trailers_ref();
                if let Some(status) = trailers.and_then(Status::from_header_map) {
                    self.end(&status);
                }
                frame
            }))
        })
    }

    /// How many milliseconds it took; `None` if it was over before.
    fn over(&mut self, code: Code) -> Option<u128> {
        if !std::mem::replace(&mut self.open, false) {
            return None;
        }
        let took = self.clock.monotonic().saturating_sub(self.started);
        let name = code_name(code);
        let error = is_failure(code).then_some(name);
        meters().call_ended(self.method, name, error, took);
        spans::call_ended(&self.span, name, error);
        Some(took.as_millis())
    }

    fn end(&mut self, status: &Status) {
        let (method, code) = (self.method, status.code());
        let Some(duration_ms) = self.over(code) else {
            return;
        };
        let _here = self.span.enter();
        if code == Code::Ok {
            tracing::debug!(rpc.method = method, duration_ms, "call answered");
            return;
        }
        let reason = reason(status);
        meters().call_refused(method, reason);
        self.span.record("askel.reason", reason);
        tracing::info!(
            rpc.method = method,
            rpc.status_code = code_name(code),
            askel.reason = reason,
            duration_ms,
            "call refused"
        );
    }
}

/// Nobody refused anything: a watch is closed by its phone, or a call given up.
impl Drop for Observed {
    fn drop(&mut self) {
        if let Some(duration_ms) = self.over(Code::Cancelled) {
            let _here = self.span.enter();
            tracing::debug!(rpc.method = self.method, duration_ms, "a caller went away");
        }
    }
}

/// The reason, if it is one of docs/errors.md.
fn reason(status: &Status) -> &'static str {
    let told = status.get_details_error_info();
    let told = told.filter(|info| info.domain == ERROR_DOMAIN);
    let known = |name: String| {
        Reason::ALL
            .iter()
            .map(|reason| reason.name())
            .find(|known| *known == name)
    };
    told.and_then(|info| known(info.reason)).unwrap_or("none")
}

/// Those that the conventions count as the server's fault.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
