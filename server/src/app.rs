//! Use cases, one a file. Each takes values that were parsed and a caller that was authenticated,
//! and either happens as a whole or refuses with a reason.
//!
//! Nothing here spawns, waits on a timer or opens a channel: those are in `ingest`, `project` and
//! `rpc`.

mod accept_batches;
mod approve_device;
mod audit_log;
mod authenticate;
mod cards;
mod carried_frames;
mod catalog;
mod challenge;
mod compare_sums;
mod encounter_summary;
mod enrol;
mod error;
mod exchange;
mod figures;
mod guesses;
mod invitations;
mod known_devices;
mod own_devices;
mod pages;
mod place_day;
mod plain_batch;
mod publish_catalog;
mod push_registration;
mod quota;
mod read_streams;
mod recovery_sheet;
mod returned_pages;
mod short_form;
mod staff_devices;
mod streams;
mod used;
mod verify;
mod watch;
mod withdraw_award;

pub use error::{AppError, Reason};
pub use verify::{VerifiedParticipant, VerifiedTenant, verify};

pub(crate) use accept_batches::HandedIn;
pub(crate) use approve_device::approve_device;
pub(crate) use audit_log::list_audit;
pub(crate) use authenticate::{Caller, absent, authenticate};
pub(crate) use cards::create_card;
pub(crate) use catalog::{catalog_chunk, catalog_version, key_list, list_catalog_versions};
pub(crate) use challenge::challenge;
pub(crate) use encounter_summary::{EncounterSummary, PlaceEncounters, encounter_summary};
pub(crate) use enrol::{EnrolRight, Enrolled, Enrolment, enrol};
pub(crate) use exchange::{Exchange, ExchangeRequest, Form, exchange};
pub(crate) use figures::Figure;
pub(crate) use guesses::Guesses;
pub(crate) use invitations::{
    InvitationDraft, Invited, ReInvitation, create_invitation, delete_invitation, invitation_code,
    list_invitations,
};
pub(crate) use known_devices::KnownDevices;
pub(crate) use own_devices::{list_own_devices, refuse_device, revoke_own_device};
pub(crate) use pages::PageEncoding;
pub(crate) use place_day::{PlaceDay, place_day};
pub(crate) use publish_catalog::{PublishMode, announce_key_list, publish_catalog};
pub(crate) use push_registration::{delete_push_registration, update_push_registration};
pub(crate) use quota::Quotas;
pub(crate) use read_streams::{Context, News, PageReader, PageWishes, Part};
pub(crate) use recovery_sheet::{RecoverySheet, create_recovery_sheet};
pub(crate) use short_form::ShortForm;
pub(crate) use staff_devices::{approve_staff_device, list_devices, revoke_device};
pub(crate) use streams::{StreamCursor, WantedStream};
pub(crate) use used::note_used;
pub(crate) use watch::watched;
pub(crate) use withdraw_award::withdraw_award;

use std::sync::Arc;

use askel_store::{Audit, AuditAction, Store, Tenant};
use askel_sync::{catalog::Catalog, id::TenantId, time::Timestamp};

use crate::{
    catalogs::Catalogs,
    components::Components,
    config::{EnrolmentConfig, RetentionConfig},
    credential_file::{Credentials, ServerKeys},
    ingest::Ingest,
    project::Projector,
    server_log::ServerLog,
};

/// What use cases work with.
pub(crate) struct App {
    pub(crate) components: Components,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) server_log: Arc<ServerLog>,
    pub(crate) guesses: Guesses,
    /// Held by whoever tries a code, from counting the failures to noting one: many at once try no
    /// more codes than one after the other.
    pub(crate) trying: tokio::sync::Mutex<()>,
    pub(crate) quotas: Quotas,
    pub(crate) devices: KnownDevices,
    pub(crate) ingest: Ingest,
    pub(crate) projector: Arc<Projector>,
    pub(crate) enrolment: EnrolmentConfig,
    pub(crate) retention: RetentionConfig,
    pub(crate) audience: String,
    pub(crate) public_url: String,
    /// Whether a call goes on with the trace that its caller names.
    pub(crate) follow_callers: bool,
}

impl App {
    fn store(&self) -> &dyn Store {
        &*self.components.store
    }

    fn now(&self) -> Timestamp {
        self.components.clock.now()
    }

    fn draw<const N: usize>(&self) -> Result<[u8; N], AppError> {
        Ok(crate::entropy::draw(&*self.components.entropy)?)
    }

    fn keys(&self, tenant: TenantId) -> Result<&ServerKeys, AppError> {
        self.credentials
            .get(tenant)
            .ok_or(AppError::Refused(Reason::Internal))
    }

    async fn tenant(&self, tenant: TenantId) -> Result<Tenant, AppError> {
        let found = self.store().lookup_tenant(tenant).await?;
        found.ok_or(AppError::Refused(Reason::Internal))
    }

    /// The newest catalog.
    async fn catalog(&self, tenant: TenantId) -> Result<Arc<Catalog>, AppError> {
        let newest = self.catalogs.newest(tenant).await?;
        newest.ok_or(AppError::Refused(Reason::CatalogMissing))
    }

    /// A note for the audit log, by the caller.
    fn audit(&self, caller: &Caller, action: AuditAction, target: String) -> Audit {
        Audit {
            at: self.now(),
            actor: Some(caller.device.id),
            action,
            target,
        }
    }
}
