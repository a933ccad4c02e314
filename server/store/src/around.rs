//! A store around a store: the same to be done around each call.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, StreamId, TenantId},
    stream::{Register, StreamKey},
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;

use crate::{
    Append, AppendError, Approval, Audit, AuditEntry, AuditStore, CatalogStore, CatalogVersion,
    ChallengeSum, Claim, Device, DeviceChange, DeviceClock, DeviceView, Dirty, Dropped, EnrolError,
    EnrolmentStore, Erased, ErasureStore, Frozen, Grant, Healing, Invitation, JobBid, JobLease,
    JobLeaseStore, LeasedPush, Lineage, LiveRegister, LogState, NewDevice, OpStore, OutboxItem,
    PageOf, PageRequest, PartOf, PassRecord, Past, ProjectionStore, PushEnd, PushRegistration,
    PushStore, RENEWAL_SEED_BYTES, RecoverySheet, RefusedOp, RestoreStore, RetentionStore,
    SessionCount, Store, StoreError, StreamHead, StreamOp, StreamPart, StreamTarget, Tenant,
    TenantStore, Tombstone, Work, journal,
};

/// What is done around a call.
pub trait Around: Send + Sync {
    /// Carries the call out, or not. `method` is its name in the trait.
    fn around<T, E>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send,
        E: From<StoreError> + ErrorKind + Send;
}

/// Errors of stores: whether the store failed, or said no.
pub trait ErrorKind {
    /// The name of the failure, of a closed set; `None` when the store did its part and the answer is
    /// no.
    fn failure(&self) -> Option<&'static str>;
}

impl ErrorKind for StoreError {
    fn failure(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unavailable(_) => "unavailable",
            Self::Inconsistent(_) => "inconsistent",
            Self::Full(_) => "full",
        })
    }
}

impl ErrorKind for AppendError {
    fn failure(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.failure(),
            _ => None,
        }
    }
}

impl ErrorKind for EnrolError {
    fn failure(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.failure(),
            _ => None,
        }
    }
}

/// Passes every call on, with something around it.
pub struct Surrounded<S: ?Sized, A> {
    inner: Arc<S>,
    pub(crate) around: A,
}

impl<S: Store + ?Sized, A: Around> Surrounded<S, A> {
    /// Around a store.
    pub const fn with(inner: Arc<S>, around: A) -> Self {
        Self { inner, around }
    }
}

/// Each method as it stands in its trait.
macro_rules! pass_on {
    ($store:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ }) => {
        #[async_trait]
        impl<S: Store + ?Sized, A: Around> $store for Surrounded<S, A> {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                let call = self.inner.$name($($argument),*);
                self.around.around(stringify!($name), call).await
            })+
        }
    };
}

type Answer<T> = Result<T, StoreError>;

pass_on! { TenantStore {
    fn record_tenant(tenant: &Tenant) -> Answer<Tenant>;
    fn lookup_tenant(tenant: TenantId) -> Answer<Option<Tenant>>;
    fn list_tenants() -> Answer<Vec<Tenant>>;
} }

pass_on! { JobLeaseStore {
    fn take_job(tenant: TenantId, bid: &JobBid) -> Answer<Option<JobLease>>;
    fn leave_job(tenant: TenantId, lease: &JobLease) -> Answer<()>;
} }

pass_on! { EnrolmentStore {
    fn record_invitation(tenant: TenantId, invitation: &Invitation, audit: &Audit) -> Answer<()>;
    fn list_invitations(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<Invitation>>;
    fn delete_invitation(tenant: TenantId, id: [u8; 16], audit: &Audit) -> Answer<bool>;
    fn enrol(
        tenant: TenantId,
        grant: &Grant,
        device: &NewDevice,
        audit: &Audit
    ) -> Result<Device, EnrolError>;
    fn count_enrol_failures(tenant: TenantId, since: Timestamp) -> Answer<u64>;
    fn record_enrol_failure(
        tenant: TenantId,
        now: Timestamp,
        forget_before: Timestamp
    ) -> Answer<()>;
    fn lookup_device(tenant: TenantId, device: DeviceId) -> Answer<Option<Device>>;
    fn list_staff_devices(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<Device>>;
    fn list_participant_devices(
        tenant: TenantId,
        participant: ParticipantId
    ) -> Answer<Vec<Device>>;
    fn note_clock(tenant: TenantId, device: DeviceId, clock: DeviceClock) -> Answer<()>;
    fn change_device(
        tenant: TenantId,
        device: DeviceId,
        change: DeviceChange,
        audit: &Audit
    ) -> Answer<Option<Device>>;
    fn record_recovery_sheet(
        tenant: TenantId,
        sheet: &RecoverySheet,
        audit: &Audit
    ) -> Answer<()>;
    fn record_approval(tenant: TenantId, approval: &Approval, audit: &Audit) -> Answer<bool>;
    fn record_card(
        tenant: TenantId,
        request_id: [u8; 16],
        card: PassRecord,
        audit: &Audit
    ) -> Answer<PassRecord>;
    fn lookup_passes(tenant: TenantId, passes: &[PassTag]) -> Answer<Vec<PassRecord>>;
    fn list_participants(tenant: TenantId) -> Answer<Vec<ParticipantId>>;
} }

pass_on! { OpStore {
    fn append(
        tenant: TenantId,
        append: &Append,
        now: Timestamp
    ) -> Result<Vec<StreamHead>, AppendError>;
    fn lookup_logs(tenant: TenantId, logs: &[LogId]) -> Answer<Vec<LogState>>;
    fn list_device_logs(tenant: TenantId, device: DeviceId, limit: u32) -> Answer<Vec<LogState>>;
    fn view_of_device(
        tenant: TenantId,
        device: DeviceId,
        streams: &[StreamKey],
        logs_max: u32
    ) -> Answer<DeviceView>;
    fn list_entries(
        tenant: TenantId,
        log: LogId,
        from: u64,
        limit: u32
    ) -> Answer<Vec<(u64, OpId, Option<String>, bool)>>;
    fn lookup_ops(tenant: TenantId, ops: &[OpId]) -> Answer<Vec<AdmittedOp>>;
    fn lookup_refused(tenant: TenantId, ops: &[OpId]) -> Answer<Vec<RefusedOp>>;
    fn lookup_streams(tenant: TenantId, streams: &[StreamKey]) -> Answer<Vec<StreamHead>>;
    fn open_stream(tenant: TenantId, target: StreamTarget) -> Answer<Option<StreamHead>>;
    fn lookup_stream_id(
        tenant: TenantId,
        id: StreamId
    ) -> Answer<Option<(StreamKey, Lineage)>>;
    fn lookup_registers(
        tenant: TenantId,
        registers: &[(StreamKey, Register)]
    ) -> Answer<Vec<LiveRegister>>;
    fn read_part(tenant: TenantId, part: PartOf) -> Answer<Option<StreamPart>>;
    fn read_streams(
        tenant: TenantId,
        wanted: &[(StreamKey, u64)],
        limit: u32
    ) -> Answer<Vec<Vec<StreamOp>>>;
    fn read_stream(
        tenant: TenantId,
        stream: StreamKey,
        after: u64,
        limit: u32
    ) -> Answer<Vec<StreamOp>>;
} }

pass_on! { ProjectionStore {
    fn list_dirty(tenant: TenantId, limit: u32) -> Answer<Vec<Dirty>>;
    fn list_outbox(tenant: TenantId, limit: u32) -> Answer<Vec<OutboxItem>>;
    fn list_work(tenant: TenantId, dirty_max: u32, outbox_max: u32) -> Answer<Work>;
    fn list_tallies(
        tenant: TenantId,
        after: Option<OpId>,
        limit: u32
    ) -> Answer<Vec<AdmittedOp>>;
    fn sum_challenge(tenant: TenantId, goal: GoalId) -> Answer<ChallengeSum>;
    fn list_contributors(tenant: TenantId, goal: GoalId) -> Answer<Vec<ParticipantId>>;
    fn count_sessions(
        tenant: TenantId,
        place: Option<PlaceId>,
        first: LocalDate,
        last: LocalDate
    ) -> Answer<Vec<SessionCount>>;
    fn count_participants(
        tenant: TenantId,
        first: LocalDate,
        last: LocalDate
    ) -> Answer<Vec<(Option<PlaceId>, u64)>>;
} }

pass_on! { ErasureStore {
    fn erase(tenant: TenantId, participant: ParticipantId, audit: &Audit) -> Answer<Erased>;
    fn read_frozen(tenant: TenantId) -> Answer<Frozen>;
    fn lookup_erased(tenant: TenantId, ids: &[Tombstone]) -> Answer<BTreeSet<Tombstone>>;
} }

pass_on! { RestoreStore {
    fn renew_streams(tenant: TenantId, seed: &[u8; RENEWAL_SEED_BYTES]) -> Answer<()>;
    fn record_claims(tenant: TenantId, claims: &[Claim]) -> Answer<()>;
    fn count_healing(tenant: TenantId) -> Answer<Healing>;
    fn read_image(
        tenant: TenantId,
        of: &journal::ImageOf
    ) -> Answer<Option<journal::Entry>>;
    fn apply_journal(tenant: TenantId, journal: &[journal::Entry]) -> Answer<()>;
} }

pass_on! { CatalogStore {
    fn record_catalog(tenant: TenantId, catalog: &CatalogVersion, audit: &Audit) -> Answer<bool>;
    fn lookup_catalog(tenant: TenantId, version: Option<u32>) -> Answer<Option<CatalogVersion>>;
    fn lookup_catalog_hash(tenant: TenantId, hash: [u8; 32]) -> Answer<Option<CatalogVersion>>;
    fn list_catalogs(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<CatalogVersion>>;
} }

pass_on! { PushStore {
    fn register_push(
        tenant: TenantId,
        device: DeviceId,
        registration: &PushRegistration
    ) -> Answer<bool>;
    fn lookup_push(tenant: TenantId, device: DeviceId) -> Answer<Option<PushRegistration>>;
    fn withdraw_push(tenant: TenantId, device: DeviceId) -> Answer<()>;
    fn lease_pushes(
        tenant: TenantId,
        now: Timestamp,
        until: Timestamp,
        limit: u32
    ) -> Answer<Vec<LeasedPush>>;
    fn settle_push(tenant: TenantId, push: &LeasedPush, end: PushEnd) -> Answer<()>;
} }

pass_on! { RetentionStore {
    fn drop_past(tenant: TenantId, past: &Past) -> Answer<Option<Dropped>>;
} }

pass_on! { AuditStore {
    fn record_audit(tenant: TenantId, audit: &Audit) -> Answer<()>;
    fn list_audit(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<AuditEntry>>;
} }
