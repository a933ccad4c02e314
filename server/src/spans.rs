//! Spans: what a trace says of a call, a transaction and a round of the projector.
//!
//! They are made by `tracing` under a target of their own, so that log lines stay as they are, and cost
//! next to nothing when no traces are exported.

use http::HeaderMap;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The target of all spans.
pub(crate) const TARGET: &str = "askel::spans";

/// What stands for a method that there is not: a path that a stranger chose is never told.
pub(crate) const OTHER: &str = "_OTHER";

/// A call, by the method's name as the table of access writes it. With `follow`, it goes on with the
/// trace that the caller names.
pub(crate) fn call(method: &'static str, headers: &HeaderMap, follow: bool) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "call",
        otel.name = if method == OTHER { "grpc" } else { method },
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.status_code = Empty,
        "error.type" = Empty,
        askel.reason = Empty,
    );
    if follow
        && !span.is_disabled()
        && let Some(caller) = caller(headers)
    {
        // Refused only of a span that has begun.
        let _ = span.set_parent(Context::new().with_remote_span_context(caller));
    }
    span
}

/// A call is over.
pub(crate) fn call_ended(span: &Span, status: &'static str, error: Option<&'static str>) {
    span.record("rpc.status_code", status);
    if let Some(kind) = error {
        span.record("error.type", kind);
        span.record("otel.status_code", "ERROR");
    }
}

/// The transaction that takes in a group of ops; linked to the calls that brought them, for it is part of
/// no single one.
pub(crate) fn ingest(calls: &[SpanContext], ops: usize) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "ingest",
        otel.kind = "internal",
        askel.calls = calls.len(),
        askel.ops = ops,
    );
    for call in calls {
        span.add_link(call.clone());
    }
    span
}

/// Rounds of the projector: part of the call that waits for them, or on their own.
pub(crate) fn project() -> Span {
    tracing::info_span!(target: TARGET, "project", otel.kind = "internal", askel.rounds = Empty)
}

/// A call of the store.
pub(crate) fn store(system: &'static str, operation: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "store",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.operation.name = operation,
        "error.type" = Empty,
    )
}

/// A call of the store failed.
pub(crate) fn store_failed(span: &Span, kind: &'static str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}

/// Where the running call stands, for a link to it; `None` when it is not traced.
pub(crate) fn here() -> Option<SpanContext> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The caller's place in its trace, from W3C's `traceparent`. What else callers may say of a trace is
/// left unread: `tracestate` and `baggage` hold any text.
fn caller(headers: &HeaderMap) -> Option<SpanContext> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, digits: usize| {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == digits && text.bytes().all(is_digit)
    };
    let is_known = version == "00" && parts.next().is_none();
    let is_later = is_hex(version, 2) && version != "00" && version != "ff";
    if !(is_known || is_later) || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let caller = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    caller.is_valid().then_some(caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", text.parse().expect("ASCII"));
        headers.insert("tracestate", "vendor=someone".parse().expect("ASCII"));
        let caller = caller(&headers)?;
        assert!(caller.is_remote() && caller.trace_state().header().is_empty());
        Some(format!("{}-{}", caller.trace_id(), caller.span_id()))
    }

    #[test]
    fn only_a_well_formed_place_in_a_trace_is_taken() {
        let good = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        assert_eq!(told(&format!("00-{good}-01")).as_deref(), Some(good));
        assert_eq!(told(&format!("00-{good}-00")).as_deref(), Some(good));
        // A later version may say more.
        assert_eq!(told(&format!("cc-{good}-01-more")).as_deref(), Some(good));
        for bad in [
            format!("00-{good}-01-more"),
            format!("ff-{good}-01"),
            format!("0-{good}-01"),
            format!("00-{good}-1"),
            format!("00-{good}"),
            format!("00-{}-01", good.to_uppercase()),
            format!("00-{}-{}-01", "0".repeat(32), "b7ad6b7169203331"),
            format!("00-{}-{}-01", "a".repeat(32), "0".repeat(16)),
            "00-people@example.org-b7ad6b7169203331-01".to_owned(),
            String::new(),
        ] {
            assert_eq!(told(&bad), None, "{bad}");
        }
    }
}
