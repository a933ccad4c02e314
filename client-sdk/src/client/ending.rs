//! What is told of a sync that did not end well.

use std::time::Duration;

use crate::{Cause, Error, SyncReport, engine::Gain};

/// The reason that stands in the status when the network is to blame.
const UNREACHABLE: &str = "UNREACHABLE";

/// What the status says of an error.
pub(super) fn reason_of(error: &Error) -> String {
    match error.refusal() {
        Some(refusal) => refusal.reason.clone(),
        None => match error.cause() {
            Cause::Transport(_) => UNREACHABLE.to_owned(),
            cause => cause.to_string(),
        },
    }
}

/// Whether a sync that did not end well has brought anything.
pub(super) fn gain(report: &SyncReport) -> Gain {
    let settled = report.accepted.max(report.rejected);
    if settled.max(report.received) > 0 || report.catalog_bytes > 0 {
        Gain::Some
    } else {
        Gain::None
    }
}

/// How long the server asked to wait.
pub(super) fn retry_after(error: &Error) -> Duration {
    error
        .refusal()
        .and_then(|refusal| refusal.retry_after)
        .unwrap_or_default()
}
