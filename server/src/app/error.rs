//! Why a use case refuses. Each refusal has a reason with a name that never changes.

use askel_store::StoreError;
use askel_sync::time::Timestamp;

use crate::entropy::EntropyFailed;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// The reasons, by the names told in `google.rpc.ErrorInfo` (docs/errors.md).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name, which never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

reasons! {
    /// The call has no credential.
    CredentialMissing = "CREDENTIAL_MISSING",
    /// The credential can't be read.
    CredentialMalformed = "CREDENTIAL_MALFORMED",
    /// The credential's time is too far from the server's.
    CredentialStale = "CREDENTIAL_STALE",
    /// The credential is not its device's, or not for this server.
    CredentialInvalid = "CREDENTIAL_INVALID",
    /// No such device is enrolled here.
    DeviceUnknown = "DEVICE_UNKNOWN",
    /// The device was revoked; its key can't come back.
    DeviceRevoked = "DEVICE_REVOKED",
    /// The device waits for its inviter's approval.
    DevicePending = "DEVICE_PENDING",
    /// The device was re-invited and may hand in only, for a while.
    DeviceOnProbation = "DEVICE_ON_PROBATION",
    /// The staff lease has run out: a Sync renews it.
    StaffLeaseEnded = "STAFF_LEASE_ENDED",
    /// The role may not call this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// There is no such method.
    MethodUnknown = "METHOD_UNKNOWN",
    /// No such code, sheet or approval.
    InvitationUnknown = "INVITATION_UNKNOWN",
    /// Another device used it.
    InvitationUsed = "INVITATION_USED",
    /// It is too late for it.
    InvitationExpired = "INVITATION_EXPIRED",
    /// Too many failed attempts at enrolling in this tenant.
    EnrolmentLimited = "ENROLMENT_LIMITED",
    /// The signature does not prove possession of the key.
    ProofInvalid = "PROOF_INVALID",
    /// What staff saw is not what the participant chose.
    ReInvitationMismatch = "RE_INVITATION_MISMATCH",
    /// The caller's role may not invite this role or these places.
    InvitationNotAllowed = "INVITATION_NOT_ALLOWED",
    /// A field of the request is missing or out of bounds.
    FieldInvalid = "FIELD_INVALID",
    /// The server speaks none of the client's versions.
    VersionUnsupported = "VERSION_UNSUPPORTED",
    /// The message has more bytes than the method takes.
    MessageTooLarge = "MESSAGE_TOO_LARGE",
    /// The message can't be read.
    MessageMalformed = "MESSAGE_MALFORMED",
    /// The message did not arrive in time.
    RequestTooSlow = "REQUEST_TOO_SLOW",
    /// More of something than one call takes.
    LimitExceeded = "LIMIT_EXCEEDED",
    /// A batch can't be read, is empty, too long or in an unknown encoding.
    BatchMalformed = "BATCH_MALFORMED",
    /// A batch names another writer than its signer.
    WriterNotSigner = "WRITER_NOT_SIGNER",
    /// A batch's signature does not fit.
    SignatureInvalid = "SIGNATURE_INVALID",
    /// The stream is not one of the caller's.
    StreamNotYours = "STREAM_NOT_YOURS",
    /// The place is not one the caller works at.
    PlaceNotYours = "PLACE_NOT_YOURS",
    /// The device is not one the caller may change.
    DeviceNotYours = "DEVICE_NOT_YOURS",
    /// There is no such resource.
    NotFound = "NOT_FOUND",
    /// The pass is not known or was burned.
    PassUnknown = "PASS_UNKNOWN",
    /// The catalog breaks a bound or a reference.
    CatalogInvalid = "CATALOG_INVALID",
    /// The catalog's signature is not by a catalog key of the tenant.
    CatalogSignatureInvalid = "CATALOG_SIGNATURE_INVALID",
    /// The catalog's version is not the next one.
    CatalogVersionNotNext = "CATALOG_VERSION_NOT_NEXT",
    /// Nothing has been published yet.
    CatalogMissing = "CATALOG_MISSING",
    /// The device has handed in as many ops as it may within an hour.
    OpsLimited = "OPS_LIMITED",
    /// Everything of this person was erased; the device holds nothing of them any more.
    Erased = "ERASED",
    /// More waits than the server takes on.
    ServerBusy = "SERVER_BUSY",
    /// More calls than the server can carry out.
    ServerOverloaded = "SERVER_OVERLOADED",
    /// The server is stopping.
    ServerStopping = "SERVER_STOPPING",
    /// The store is away.
    StoreUnavailable = "STORE_UNAVAILABLE",
    /// The store has no room.
    StoreFull = "STORE_FULL",
    /// A bug or a broken store.
    Internal = "INTERNAL",
}

/// Why a use case did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// For a reason that says it all.
    #[error("{}", .0.name())]
    Refused(Reason),
    /// For a field of the request.
    #[error("{}: {field}: {problem}", .reason.name())]
    Field {
        /// Why.
        reason: Reason,
        /// The field, as a path.
        field: String,
        /// What is wrong with it, without its value.
        problem: String,
    },
    /// Not now; the same call later may go through.
    #[error("{}", .reason.name())]
    Later {
        /// Why.
        reason: Reason,
        /// Not before this many milliseconds.
        retry_after_ms: u64,
    },
    /// The credential's time is too far off.
    #[error("{}", Reason::CredentialStale.name())]
    Stale {
        /// What the server's clock says.
        server_time: Timestamp,
    },
    /// The job was another node's by then: what was read for it is void.
    #[error("the lease of the job does not stand any more")]
    LeaseLost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

impl AppError {
    /// A field that is missing or out of bounds.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field {
            reason: Reason::FieldInvalid,
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The reason.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(reason) | Self::Field { reason, .. } | Self::Later { reason, .. } => {
                *reason
            }
            Self::Stale { .. } => Reason::CredentialStale,
            Self::Store(StoreError::Unavailable(_)) => Reason::StoreUnavailable,
            Self::Store(StoreError::Full(_)) => Reason::StoreFull,
            Self::Store(_) | Self::Entropy(_) | Self::LeaseLost => Reason::Internal,
        }
    }
}

impl From<Reason> for AppError {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}
