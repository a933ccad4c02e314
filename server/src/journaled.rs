//! A store that acknowledges nothing before the journal has what a restore may not undo.
//!
//! After each change of who may come in, of keys, of catalogs, and around each erasure, an image of
//! what stands then goes into the journal. A change whose image can't be written is answered as not
//! done; asked again, it does nothing new and its image is written.

mod fold;
mod opening;
mod record;

pub(crate) use fold::fold_records;
pub use record::{parse_noted, parse_record};

use opening::Openings;
use record::record_of;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use askel_store::{
    Append, AppendError, Approval, Audit, AuditEntry, AuditStore, CatalogStore, CatalogVersion,
    ChallengeSum, Claim, Device, DeviceChange, DeviceClock, DeviceView, Dirty, Dropped, EnrolError,
    EnrolmentStore, Erased, ErasureStore, Frozen, Grant, Healing, Invitation, JobBid, JobLease,
    JobLeaseStore, LeasedPush, Lineage, LiveRegister, LogState, NewDevice, OpStore, OutboxItem,
    PageOf, PageRequest, PartOf, PassRecord, Past, ProjectionStore, PushEnd, PushRegistration,
    PushStore, RENEWAL_SEED_BYTES, RecoverySheet, RefusedOp, RestoreStore, RetentionStore,
    SessionCount, Store, StoreError, StreamHead, StreamOp, StreamPart, StreamTarget, Tenant,
    TenantStore, Tombstone, Work,
    journal::{self, Entry, ImageOf, LogOpening, Noted},
};
use askel_sync::{
    admission::AdmittedOp,
    id::{DeviceId, GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, StreamId, TenantId},
    stream::{Register, StreamKey},
    time::{LocalDate, Timestamp},
};
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::{
    clock::Clock,
    journal::{Journal, JournalError},
    limits::{JOURNAL_IMAGES_REMEMBERED, JOURNAL_OPENINGS_MAX},
};

/// A store with a journal.
pub struct Journaled {
    inner: Arc<dyn Store>,
    journal: Arc<dyn Journal>,
    /// Tells the time of records, by which those of several servers are put in order.
    clock: Option<Arc<dyn Clock>>,
    /// The last image of each thing, by hashes: one that says nothing new is not written again.
    /// Held while an image is read and written, so that of two the later is the newer.
    last: Mutex<HashMap<[u8; 32], [u8; 32]>>,
    /// Held while logs are opened, so that of two who open one the journal names the one who did. By
    /// tenant: one whose store stalls holds up nobody else.
    openings: Openings,
}

impl Journaled {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, journal: Arc<dyn Journal>) -> Self {
        Self {
            inner,
            journal,
            clock: None,
            last: Mutex::default(),
            openings: Openings::default(),
        }
    }

    /// With the time in each record: what one of several servers needs that share the store.
    #[must_use]
    pub fn timed_by(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// The time of a record: taken before what it says is read, so that another server's that was read
    /// later has a later one.
    fn at(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    /// Writes what stands now.
    async fn note(&self, tenant: TenantId, of: &ImageOf) -> Result<(), StoreError> {
        let mut last = self.last.lock().await;
        let at = self.at();
        match self.inner.read_image(tenant, of).await? {
            Some(entry) => {
                let noted = Noted { at, entry };
                append(&*self.journal, &mut last, tenant, noted).await
            }
            None => Ok(()),
        }
    }

    /// Writes whose those of the logs are that nobody has opened before, in so many records as it
    /// takes.
    async fn note_openings(
        &self,
        tenant: TenantId,
        first: &BTreeMap<LogId, DeviceId>,
        opened_at: Timestamp,
    ) -> Result<(), StoreError> {
        let logs: Vec<LogId> = first.keys().copied().collect();
        let known = self.inner.lookup_logs(tenant, &logs).await?;
        let known: BTreeSet<LogId> = known.iter().map(|state| state.log).collect();
        let new = first.iter().filter(|(log, _)| !known.contains(log));
        let openings: Vec<LogOpening> = new
            .map(|(log, device)| LogOpening {
                log: *log,
                device: *device,
                opened_at,
            })
            .collect();
        let at = self.at();
        for some in openings.chunks(JOURNAL_OPENINGS_MAX) {
            let entry = Entry::Logs(some.to_vec());
            let record = record_of(tenant, &Noted { at, entry });
            write_record(&*self.journal, record).await?;
        }
        Ok(())
    }

    /// Writes what the erased leave in totals, of all of them together: what one of them counted
    /// can't be told from it.
    async fn note_frozen(&self, tenant: TenantId) -> Result<(), StoreError> {
        let at = self.at();
        let frozen = self.inner.read_frozen(tenant).await?;
        for part in frozen.parts(journal::FROZEN_COUNTS_MAX) {
            let entry = Entry::Frozen(part);
            let record = record_of(tenant, &Noted { at, entry });
            write_record(&*self.journal, record).await?;
        }
        Ok(())
    }

    async fn write(&self, tenant: TenantId, entry: Entry) -> Result<(), StoreError> {
        let mut last = self.last.lock().await;
        let at = self.at();
        append(&*self.journal, &mut last, tenant, Noted { at, entry }).await
    }
}

async fn append(
    journal: &dyn Journal,
    last: &mut HashMap<[u8; 32], [u8; 32]>,
    tenant: TenantId,
    noted: Noted,
) -> Result<(), StoreError> {
    let record = record_of(tenant, &noted);
    let name = hash(&name(tenant, &noted.entry));
    // Whenever it was said.
    let hash = hash(&noted.entry.encode());
    if last.get(&name) == Some(&hash) {
        return Ok(());
    }
    // Whether it was written is not known if this fails.
    last.remove(&name);
    write_record(journal, record).await?;
    if last.len() >= JOURNAL_IMAGES_REMEMBERED {
        last.clear();
    }
    last.insert(name, hash);
    Ok(())
}

async fn write_record(journal: &dyn Journal, record: Vec<u8>) -> Result<(), StoreError> {
    journal.append(record).await.map_err(|error| match error {
        JournalError::Full(_) => StoreError::Full(Box::new(error)),
        _ => StoreError::Unavailable(Box::new(error)),
    })
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What an entry is an image of.
fn name(tenant: TenantId, entry: &Entry) -> Vec<u8> {
    let (sort, id): (u8, &[u8]) = match entry {
        Entry::Participant(image) => (1, image.participant.as_bytes()),
        Entry::Staff(image) => (2, image.device.id.as_bytes()),
        Entry::Invitation(invitation) => (3, &invitation.id),
        Entry::InvitationDeleted(id) => (3, id),
        Entry::Erased { erased, .. } => (4, erased.participant.as_bytes()),
        Entry::Catalog(catalog) => (6, &catalog.hash),
        _ => (5, &[]),
    };
    [&[sort], &tenant.as_bytes()[..], id].concat()
}

/// Methods that change nothing of what the journal says, as they stand in their trait; then those
/// that do.
macro_rules! pass_on {
    ($store:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ } $($noted:tt)*) => {
        #[async_trait]
        impl $store for Journaled {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.inner.$name($($argument),*).await
            })+
            $($noted)*
        }
    };
}

type Answer<T> = Result<T, StoreError>;

pass_on! { TenantStore {
    fn lookup_tenant(tenant: TenantId) -> Answer<Option<Tenant>>;
    fn list_tenants() -> Answer<Vec<Tenant>>;
}
    async fn record_tenant(&self, tenant: &Tenant) -> Answer<Tenant> {
        let recorded = self.inner.record_tenant(tenant).await?;
        self.note(tenant.id, &ImageOf::Tenant).await?;
        Ok(recorded)
    }
}

pass_on! { EnrolmentStore {
    fn list_invitations(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<Invitation>>;
    fn count_enrol_failures(tenant: TenantId, since: Timestamp) -> Answer<u64>;
    fn record_enrol_failure(tenant: TenantId, now: Timestamp, forget_before: Timestamp) -> Answer<()>;
    fn lookup_device(tenant: TenantId, device: DeviceId) -> Answer<Option<Device>>;
    fn list_staff_devices(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<Device>>;
    fn list_participant_devices(tenant: TenantId, participant: ParticipantId) -> Answer<Vec<Device>>;
    fn note_clock(tenant: TenantId, device: DeviceId, clock: DeviceClock) -> Answer<()>;
    fn lookup_passes(tenant: TenantId, passes: &[PassTag]) -> Answer<Vec<PassRecord>>;
    fn list_participants(tenant: TenantId) -> Answer<Vec<ParticipantId>>;
}
    async fn record_invitation(&self, tenant: TenantId, invitation: &Invitation, audit: &Audit) -> Answer<()> {
        self.inner
            .record_invitation(tenant, invitation, audit)
            .await?;
        self.note(tenant, &ImageOf::Invitation(invitation.id)).await
    }

    async fn delete_invitation(&self, tenant: TenantId, id: [u8; 16], audit: &Audit) -> Answer<bool> {
        let deleted = self.inner.delete_invitation(tenant, id, audit).await?;
        self.note(tenant, &ImageOf::Invitation(id)).await?;
        Ok(deleted)
    }

    async fn enrol(&self, tenant: TenantId, grant: &Grant, device: &NewDevice, audit: &Audit) -> Result<Device, EnrolError> {
        let enrolled = self.inner.enrol(tenant, grant, device, audit).await?;
        self.note(tenant, &ImageOf::Device(enrolled.id)).await?;
        Ok(enrolled)
    }

    async fn change_device(&self, tenant: TenantId, device: DeviceId, change: DeviceChange, audit: &Audit) -> Answer<Option<Device>> {
        let changed = self
            .inner
            .change_device(tenant, device, change, audit)
            .await?;
        self.note(tenant, &ImageOf::Device(device)).await?;
        Ok(changed)
    }

    async fn record_recovery_sheet(&self, tenant: TenantId, sheet: &RecoverySheet, audit: &Audit) -> Answer<()> {
        self.inner
            .record_recovery_sheet(tenant, sheet, audit)
            .await?;
        self.note(tenant, &ImageOf::Participant(sheet.participant))
            .await
    }

    async fn record_approval(&self, tenant: TenantId, approval: &Approval, audit: &Audit) -> Answer<bool> {
        let recorded = self.inner.record_approval(tenant, approval, audit).await?;
        self.note(tenant, &ImageOf::Participant(approval.participant))
            .await?;
        Ok(recorded)
    }

    async fn record_card(&self, tenant: TenantId, request_id: [u8; 16], card: PassRecord, audit: &Audit) -> Answer<PassRecord> {
        let recorded = self
            .inner
            .record_card(tenant, request_id, card, audit)
            .await?;
        self.note(tenant, &ImageOf::Participant(recorded.participant))
            .await?;
        Ok(recorded)
    }
}

pass_on! { JobLeaseStore {
    fn take_job(tenant: TenantId, bid: &JobBid) -> Answer<Option<JobLease>>;
    fn leave_job(tenant: TenantId, lease: &JobLease) -> Answer<()>;
} }

pass_on! { OpStore {
    fn lookup_logs(tenant: TenantId, logs: &[LogId]) -> Answer<Vec<LogState>>;
    fn list_device_logs(tenant: TenantId, device: DeviceId, limit: u32) -> Answer<Vec<LogState>>;
    fn view_of_device(tenant: TenantId, device: DeviceId, streams: &[StreamKey], logs_max: u32) -> Answer<DeviceView>;
    fn list_entries(tenant: TenantId, log: LogId, from: u64, limit: u32) -> Answer<Vec<(u64, OpId, Option<String>, bool)>>;
    fn lookup_ops(tenant: TenantId, ops: &[OpId]) -> Answer<Vec<AdmittedOp>>;
    fn lookup_refused(tenant: TenantId, ops: &[OpId]) -> Answer<Vec<RefusedOp>>;
    fn lookup_streams(tenant: TenantId, streams: &[StreamKey]) -> Answer<Vec<StreamHead>>;
    fn open_stream(tenant: TenantId, target: StreamTarget) -> Answer<Option<StreamHead>>;
    fn lookup_stream_id(tenant: TenantId, id: StreamId) -> Answer<Option<(StreamKey, Lineage)>>;
    fn lookup_registers(tenant: TenantId, registers: &[(StreamKey, Register)]) -> Answer<Vec<LiveRegister>>;
    fn read_part(tenant: TenantId, part: PartOf) -> Answer<Option<StreamPart>>;
    fn read_streams(tenant: TenantId, wanted: &[(StreamKey, u64)], limit: u32) -> Answer<Vec<Vec<StreamOp>>>;
    fn read_stream(tenant: TenantId, stream: StreamKey, after: u64, limit: u32) -> Answer<Vec<StreamOp>>;
}
    async fn append(&self, tenant: TenantId, append: &Append, now: Timestamp) -> Result<Vec<StreamHead>, AppendError> {
        let first = append.entries.iter().filter(|entry| entry.sequence == 0);
        let first: BTreeMap<_, _> = first.map(|entry| (entry.log, entry.device)).collect();
        if first.is_empty() {
            return self.inner.append(tenant, append, now).await;
        }
        let _turn = self.openings.turn(tenant).await;
        // Before, for what is settled is not appended again when its caller asks again.
        self.note_openings(tenant, &first, now).await?;
        self.inner.append(tenant, append, now).await
    }
}

pass_on! { ProjectionStore {
    fn list_dirty(tenant: TenantId, limit: u32) -> Answer<Vec<Dirty>>;
    fn list_outbox(tenant: TenantId, limit: u32) -> Answer<Vec<OutboxItem>>;
    fn list_work(tenant: TenantId, dirty_max: u32, outbox_max: u32) -> Answer<Work>;
    fn list_tallies(tenant: TenantId, after: Option<OpId>, limit: u32) -> Answer<Vec<AdmittedOp>>;
    fn sum_challenge(tenant: TenantId, goal: GoalId) -> Answer<ChallengeSum>;
    fn list_contributors(tenant: TenantId, goal: GoalId) -> Answer<Vec<ParticipantId>>;
    fn count_sessions(tenant: TenantId, place: Option<PlaceId>, first: LocalDate, last: LocalDate) -> Answer<Vec<SessionCount>>;
    fn count_participants(tenant: TenantId, first: LocalDate, last: LocalDate) -> Answer<Vec<(Option<PlaceId>, u64)>>;
} }

pass_on! { ErasureStore {
    fn read_frozen(tenant: TenantId) -> Answer<Frozen>;
    fn lookup_erased(tenant: TenantId, ids: &[Tombstone]) -> Answer<BTreeSet<Tombstone>>;
}
    async fn erase(&self, tenant: TenantId, participant: ParticipantId, audit: &Audit) -> Answer<Erased> {
        // Before, for the erased can't ask again; and after, when it is known what is theirs.
        let erased = Entry::Erased {
            erased: Erased::new(participant),
            is_counted: false,
        };
        self.write(tenant, erased).await?;
        let erased = self.inner.erase(tenant, participant, audit).await?;
        self.note_frozen(tenant).await?;
        let counted = Entry::Erased {
            erased: erased.clone(),
            is_counted: true,
        };
        self.write(tenant, counted).await?;
        // What it said of them goes, and is void in any case: what can't be folded now is later.
        if let Err(error) = self.journal.fold().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the journal could not be folded after an erasure");
        }
        Ok(erased)
    }
}

pass_on! { RestoreStore {
    fn renew_streams(tenant: TenantId, seed: &[u8; RENEWAL_SEED_BYTES]) -> Answer<()>;
    fn record_claims(tenant: TenantId, claims: &[Claim]) -> Answer<()>;
    fn count_healing(tenant: TenantId) -> Answer<Healing>;
    fn read_image(tenant: TenantId, of: &journal::ImageOf) -> Answer<Option<journal::Entry>>;
    fn apply_journal(tenant: TenantId, journal: &[journal::Entry]) -> Answer<()>;
} }

pass_on! { RetentionStore {
    fn drop_past(tenant: TenantId, past: &Past) -> Answer<Option<Dropped>>;
} }

pass_on! { PushStore {
    fn register_push(tenant: TenantId, device: DeviceId, registration: &PushRegistration) -> Answer<bool>;
    fn lookup_push(tenant: TenantId, device: DeviceId) -> Answer<Option<PushRegistration>>;
    fn withdraw_push(tenant: TenantId, device: DeviceId) -> Answer<()>;
    fn lease_pushes(tenant: TenantId, now: Timestamp, until: Timestamp, limit: u32) -> Answer<Vec<LeasedPush>>;
    fn settle_push(tenant: TenantId, push: &LeasedPush, end: PushEnd) -> Answer<()>;
} }

pass_on! { CatalogStore {
    fn lookup_catalog(tenant: TenantId, version: Option<u32>) -> Answer<Option<CatalogVersion>>;
    fn lookup_catalog_hash(tenant: TenantId, hash: [u8; 32]) -> Answer<Option<CatalogVersion>>;
    fn list_catalogs(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<CatalogVersion>>;
}
    async fn record_catalog(&self, tenant: TenantId, catalog: &CatalogVersion, audit: &Audit) -> Answer<bool> {
        let recorded = self.inner.record_catalog(tenant, catalog, audit).await?;
        self.note(tenant, &ImageOf::Catalog(catalog.version))
            .await?;
        Ok(recorded)
    }
}

pass_on! { AuditStore {
    fn record_audit(tenant: TenantId, audit: &Audit) -> Answer<()>;
    fn list_audit(tenant: TenantId, page: &PageRequest) -> Answer<PageOf<AuditEntry>>;
} }

#[cfg(test)]
mod merging;
#[cfg(test)]
mod tests;
