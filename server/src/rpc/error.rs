//! The table reason → status, and refusals as rich statuses.
//!
//! Every status of the server carries `google.rpc.ErrorInfo` with the domain `askel` and a reason
//! of docs/errors.md; some carry `BadRequest` or `RetryInfo` as well.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    app::{AppError, Reason},
    limits::BUSY_RETRY_MS,
};

/// The domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "askel";
/// The key under which a stale credential is told the server's time, in milliseconds.
pub const SERVER_TIME_KEY: &str = "server_time_ms";

/// The status code of a reason.
pub const fn code(reason: Reason) -> Code {
    match reason {
        Reason::CredentialMissing
        | Reason::CredentialMalformed
        | Reason::CredentialStale
        | Reason::CredentialInvalid
        | Reason::DeviceUnknown
        | Reason::Erased => Code::Unauthenticated,
        Reason::DeviceRevoked
        | Reason::DevicePending
        | Reason::DeviceOnProbation
        | Reason::MethodNotAllowed
        | Reason::ProofInvalid
        | Reason::ReInvitationMismatch
        | Reason::InvitationNotAllowed
        | Reason::WriterNotSigner
        | Reason::SignatureInvalid
        | Reason::StreamNotYours
        | Reason::PlaceNotYours
        | Reason::DeviceNotYours
        | Reason::CatalogSignatureInvalid => Code::PermissionDenied,
        Reason::MethodUnknown => Code::Unimplemented,
        Reason::InvitationUnknown
        | Reason::NotFound
        | Reason::PassUnknown
        | Reason::CatalogMissing => Code::NotFound,
        Reason::InvitationUsed
        | Reason::InvitationExpired
        | Reason::VersionUnsupported
        | Reason::StaffLeaseEnded
        | Reason::CatalogVersionNotNext => Code::FailedPrecondition,
        Reason::EnrolmentLimited
        | Reason::OpsLimited
        | Reason::StoreFull
        | Reason::ServerBusy
        | Reason::ServerOverloaded => Code::ResourceExhausted,
        Reason::FieldInvalid
        | Reason::MessageTooLarge
        | Reason::MessageMalformed
        | Reason::LimitExceeded
        | Reason::BatchMalformed
        | Reason::CatalogInvalid => Code::InvalidArgument,
        Reason::ServerStopping | Reason::StoreUnavailable => Code::Unavailable,
        Reason::RequestTooSlow => Code::DeadlineExceeded,
        Reason::Internal => Code::Internal,
    }
}

/// A refusal as a status.
pub(crate) fn status(error: &AppError) -> Status {
    let reason = error.reason();
    let mut metadata = HashMap::new();
    if let AppError::Stale { server_time } = error {
        metadata.insert(SERVER_TIME_KEY.to_owned(), server_time.as_ms().to_string());
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.name(), ERROR_DOMAIN, metadata);
    let mut message = message(reason).to_owned();
    match error {
        AppError::Field { field, problem, .. } => {
            details.add_bad_request_violation(field, problem);
            message = format!("{message}: {field}: {problem}");
        }
        AppError::Later { retry_after_ms, .. } => {
            details.set_retry_info(Some(Duration::from_millis(*retry_after_ms)));
        }
        AppError::Store(_) if code(reason) == Code::Unavailable => {
            details.set_retry_info(Some(Duration::from_millis(BUSY_RETRY_MS)));
        }
        _ => {}
    }
    if reason == Reason::Internal {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "a call failed inside"
        );
    }
    Status::with_error_details(code(reason), message, details)
}

/// What a reason says, in plain English. The app's own texts are chosen by the reason's name.
const fn message(reason: Reason) -> &'static str {
    match reason {
        Reason::CredentialMissing => "the call needs the metadata askel-credential",
        Reason::CredentialMalformed => "the credential can't be read",
        Reason::CredentialStale => "the credential's time is too far from the server's",
        Reason::CredentialInvalid => "the credential's signature does not fit",
        Reason::DeviceUnknown => "the device is not enrolled here",
        Reason::DeviceRevoked => "the device was revoked",
        Reason::StaffLeaseEnded => "the staff lease has run out",
        Reason::DevicePending => "the device waits for its inviter's approval",
        Reason::DeviceOnProbation => "the device was re-invited and may hand in new facts only",
        Reason::MethodNotAllowed => "the caller's role may not call this method",
        Reason::MethodUnknown => "there is no such method",
        Reason::InvitationUnknown => "there is no such right to enrol",
        Reason::InvitationUsed => "another device has used it",
        Reason::InvitationExpired => "it has expired",
        Reason::EnrolmentLimited => "too many failed attempts; wait a while",
        Reason::ProofInvalid => "the proof does not fit the key",
        Reason::ReInvitationMismatch => "alias and picture are not this participant's",
        Reason::InvitationNotAllowed => "the caller may not invite this role or these places",
        Reason::FieldInvalid => "a field is missing or out of bounds",
        Reason::VersionUnsupported => "the server speaks version 1 only",
        Reason::MessageTooLarge => "the message has too many bytes",
        Reason::MessageMalformed => "the message can't be read",
        Reason::RequestTooSlow => "the request did not arrive in time",
        Reason::LimitExceeded => "more than one call takes",
        Reason::BatchMalformed => "a batch can't be read",
        Reason::WriterNotSigner => "a batch's writer is not the caller",
        Reason::SignatureInvalid => "a batch's signature does not fit",
        Reason::StreamNotYours => "the stream is not the caller's",
        Reason::PlaceNotYours => "the place is not one of the caller's",
        Reason::DeviceNotYours => "the device is not one the caller may change",
        Reason::NotFound => "there is no such resource",
        Reason::PassUnknown => "the pass is not known",
        Reason::CatalogInvalid => "the catalog is not valid",
        Reason::CatalogSignatureInvalid => "the catalog is not signed by a catalog key",
        Reason::CatalogVersionNotNext => "the catalog's version is not the next one",
        Reason::CatalogMissing => "no catalog has been published",
        Reason::OpsLimited => "the device has handed in as many ops as it may within an hour",
        Reason::Erased => "everything of this person was erased",
        Reason::ServerBusy => "the server is busy",
        Reason::ServerOverloaded => "more calls come than the server can carry out",
        Reason::ServerStopping => "the server is stopping",
        Reason::StoreUnavailable => "the store is away",
        Reason::StoreFull => "the store is full",
        Reason::Internal => "something is broken inside the server",
    }
}
