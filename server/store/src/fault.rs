//! A store whose calls fail or never return, to see that a caller who repeats them comes out right.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, StreamId, TenantId},
    stream::{Register, StreamKey},
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;

use crate::{
    Append, AppendError, Approval, Audit, AuditEntry, AuditStore, CatalogStore, CatalogVersion,
    ChallengeSum, Claim, Device, DeviceChange, DeviceClock, Dirty, EnrolError, EnrolmentStore,
    Erased, ErasureStore, Frozen, Grant, Healing, Invitation, JobBid, JobLease, JobLeaseStore,
    LeasedPush, Lineage, LiveRegister, LogState, NewDevice, OpStore, OutboxItem, PageOf,
    PageRequest, PartOf, PassRecord, ProjectionStore, PushEnd, PushRegistration, PushStore,
    RENEWAL_SEED_BYTES, RecoverySheet, RefusedOp, RestoreStore, SessionCount, Store, StoreError,
    StreamHead, StreamOp, StreamPart, StreamTarget, Tenant, TenantStore, Tombstone, journal,
};

/// Passes every call on, and does to it what its faults say.
pub struct Faulty<S> {
    inner: Arc<S>,
    faults: Arc<dyn Faults>,
    calls: AtomicU64,
}

/// Says what happens to calls.
pub trait Faults: Send + Sync {
    /// What happens to this call, counted from 1 over all methods.
    fn fate(&self, call: u64) -> Fate;
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It is answered with `Unavailable`.
    Fails(Moment),
    /// It has no effect and is answered with `Inconsistent`: no second try helps.
    Breaks,
    /// It has no effect and never returns: the process that made it is gone.
    Vanishes,
}

/// When a failing call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has no effect.
    Before,
    /// It took effect, and the answer is lost.
    After,
}

/// The cause of the failure.
#[derive(Debug, thiserror::Error)]
#[error("a fault was asked for")]
struct AskedFor;

/// One call fails.
struct Nth {
    call: u64,
    moment: Moment,
}

impl Faults for Nth {
    fn fate(&self, call: u64) -> Fate {
        if call == self.call {
            Fate::Fails(self.moment)
        } else {
            Fate::Answered
        }
    }
}

impl<S: Store> Faulty<S> {
    /// Asks the faults about each call.
    pub fn new(inner: Arc<S>, faults: Arc<dyn Faults>) -> Self {
        Self {
            inner,
            faults,
            calls: AtomicU64::new(0),
        }
    }

    /// Fails the `call`th call, counted from 1 over all methods; 0 fails none.
    pub fn nth(inner: Arc<S>, call: u64, moment: Moment) -> Self {
        Self::new(inner, Arc::new(Nth { call, moment }))
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn pass<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        match self.faults.fate(number) {
            Fate::Answered => return call.await,
            Fate::Breaks => return Err(StoreError::Inconsistent("a fault was asked for").into()),
            Fate::Vanishes => return std::future::pending().await,
            Fate::Fails(Moment::After) => {
                call.await?;
            }
            Fate::Fails(Moment::Before) => {}
        }
        Err(StoreError::Unavailable(Box::new(AskedFor)).into())
    }
}

/// Each method as it stands in its trait.
macro_rules! pass_on {
    ($store:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ }) => {
        #[async_trait]
        impl<S: Store> $store for Faulty<S> {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.pass(self.inner.$name($($argument),*)).await
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
    fn read_streams(tenant: TenantId, wanted: &[(StreamKey, u64)], limit: u32) -> Answer<Vec<Vec<StreamOp>>>;
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
    fn register_push(tenant: TenantId, device: DeviceId, registration: &PushRegistration) -> Answer<bool>;
    fn lookup_push(tenant: TenantId, device: DeviceId) -> Answer<Option<PushRegistration>>;
    fn withdraw_push(tenant: TenantId, device: DeviceId) -> Answer<()>;
    fn lease_pushes(tenant: TenantId, now: Timestamp, until: Timestamp, limit: u32) -> Answer<Vec<LeasedPush>>;
    fn settle_push(tenant: TenantId, push: &LeasedPush, end: PushEnd) -> Answer<()>;
} }

pass_on! { AuditStore {
    fn record_audit(tenant: TenantId, audit: &Audit) -> Answer<()>;
    fn list_audit(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<AuditEntry>>;
} }
