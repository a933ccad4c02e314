//! What the operator does on the store itself, without a device: making a tenant, publishing its catalog,
//! and the first invitations.

use askel_proto::v1::{KeyPurpose, SignedKeyList};
use askel_store::{
    Audit, AuditAction, CatalogVersion, Invitation, Scope, Store, StoreError, Tenant,
};
use askel_sync::{
    admission::Role,
    catalog::{self, Catalog},
    id::TenantId,
    invitation::{self, Link, LinkKind},
    key::{KeyEntry, KeyList, KeyPair, ListedKey},
    time::{DAY_MS, Timestamp},
};
use data_encoding::HEXLOWER;
use prost::Message as _;

use crate::{
    app::invitation_code,
    credential_file::{CodeKind, ServerKeys},
    entropy::{Entropy, EntropyFailed, draw},
    limits::{PARTICIPANT_INVITATION_MS_MAX, STAFF_INVITATION_MS_MAX},
};

/// Why an operator's command did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// The store has no such tenant.
    #[error("there is no such tenant in the store")]
    NoSuchTenant,
    /// An invitation can't be good for so long, or can't be of this role.
    #[error("an invitation of this role is good for at most {0} ms")]
    TooLong(i64),
    /// The catalog is not good, or another tenant's.
    #[error("the catalog is not good: {0}")]
    Catalog(String),
    /// No catalog key of the tenant has signed it.
    #[error("no catalog key of this tenant has signed the catalog")]
    CatalogSignature,
    /// Another version was published meanwhile.
    #[error("the catalog's version is not the next one")]
    CatalogVersion,
    /// Nobody can be invited as a server.
    #[error("nobody can be invited to this role")]
    Role,
}

/// All keys of a new tenant. Root and catalog key belong to the organiser, offline; the rest to the
/// server's key file.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its id.
    pub id: TenantId,
    /// Signs the key list.
    pub root: KeyPair,
    /// Signs catalogs.
    pub catalog: KeyPair,
    /// The server's.
    pub server: ServerKeys,
}

/// How long the keys of a new tenant are good, in days.
const KEYS_GOOD_DAYS: i64 = 3_650;

impl NewTenant {
    /// Draws id and keys. Nothing is written: save the keys first, then [`Self::record`].
    ///
    /// # Errors
    /// [`EntropyFailed`] when the machine has no randomness to give.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        Ok(Self {
            id: TenantId::from_bytes(draw(entropy)?),
            root: KeyPair::from_seed(&draw(entropy)?),
            catalog: KeyPair::from_seed(&draw(entropy)?),
            server: ServerKeys::generate(entropy)?,
        })
    }

    /// Records the tenant with its first key list. Doing it twice is doing it once.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails.
    pub async fn record(&self, store: &dyn Store, now: Timestamp) -> Result<Tenant, StoreError> {
        let tenant = Tenant {
            id: self.id,
            root_hash: self.root.public_key().hash(),
            signed_key_list: self.key_list(now).sign(self.id, &self.root).encode_to_vec(),
            key_list_version: 1,
            created_at: now,
        };
        let recorded = store.record_tenant(&tenant).await?;
        let target = format!("tenants/{}", HEXLOWER.encode(self.id.as_bytes()));
        let action = AuditAction::TenantRecorded;
        let audit = Audit {
            at: recorded.created_at,
            actor: None,
            action,
            target,
        };
        store.record_audit(self.id, &audit).await?;
        Ok(recorded)
    }

    /// The first list. Its keys are good from the beginning: none was anyone's before.
    fn key_list(&self, now: Timestamp) -> KeyList {
        let until = now.saturating_add_ms(KEYS_GOOD_DAYS.saturating_mul(DAY_MS));
        let entry = |purpose, public_key: ListedKey| KeyEntry {
            purpose,
            public_key,
            from: Timestamp::from_ms(0),
            until,
            revoked: false,
        };
        KeyList {
            version: 1,
            expires_at: until,
            keys: vec![
                entry(KeyPurpose::Catalog, self.catalog.public_key().into()),
                entry(
                    KeyPurpose::PassIssuer,
                    self.server.pass_issuer.public_key().into(),
                ),
                entry(
                    KeyPurpose::StaffCertifier,
                    self.server.staff_certifier.public_key().into(),
                ),
                entry(
                    KeyPurpose::ServerWriter,
                    self.server.server_writer.public_key().into(),
                ),
                entry(KeyPurpose::Ingest, self.server.ingest().public_key().into()),
            ],
        }
    }
}

/// A catalog that the organiser's key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its canonical bytes.
    pub content: Vec<u8>,
    /// The signature over them.
    pub signature: Vec<u8>,
}

/// Records a catalog, as an organiser's call does. The same content again changes nothing. A server that
/// serves meanwhile takes it up by itself, within seconds.
///
/// # Errors
/// [`OperatorError`]; nothing is written then.
pub async fn publish(
    store: &dyn Store,
    now: Timestamp,
    tenant: TenantId,
    published: Published,
) -> Result<(), OperatorError> {
    let Published { content, signature } = published;
    let found = store
        .lookup_tenant(tenant)
        .await?
        .ok_or(OperatorError::NoSuchTenant)?;
    let parsed =
        Catalog::parse(&content).map_err(|error| OperatorError::Catalog(error.to_string()))?;
    if parsed.tenant() != tenant {
        return Err(OperatorError::Catalog("it is another tenant's".to_owned()));
    }
    let list = SignedKeyList::decode(&*found.signed_key_list)
        .map_err(|_| StoreError::Inconsistent("a tenant's key list can't be read"))?;
    let list = KeyList::verify(&list, tenant, &found.root_hash, 0)
        .map_err(|_| StoreError::Inconsistent("a tenant's key list is not its own"))?;
    catalog::verify(&content, &signature, tenant, &list, now)
        .map_err(|_| OperatorError::CatalogSignature)?;
    let version = CatalogVersion {
        version: parsed.version(),
        hash: *parsed.hash(),
        content,
        signature,
        published_at: now,
    };
    let audit = Audit {
        at: now,
        actor: None,
        action: AuditAction::CatalogPublished,
        target: format!("catalogs/{}", version.version),
    };
    if store.record_catalog(tenant, &version, &audit).await? {
        Ok(())
    } else {
        Err(OperatorError::CatalogVersion)
    }
}

/// An invitation that the operator makes. The device is active at once: nobody has to approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorInvitation {
    /// What it makes of the device.
    pub role: Role,
    /// Where, for staff and volunteers; `None` for the whole tenant.
    pub scope: Scope,
    /// `None` for the longest the role allows.
    pub valid_for_ms: Option<i64>,
    /// What the link tells phones to connect to.
    pub public_url: String,
}

/// An invitation's code and link. They are told once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The code as typed.
    pub code: String,
    /// Server, tenant, root key hash and code in one.
    pub link: String,
    /// Good before this.
    pub expires_at: Timestamp,
}

/// Makes an invitation.
///
/// # Errors
/// [`OperatorError`]; nothing is written then.
pub async fn invite(
    store: &dyn Store,
    entropy: &dyn Entropy,
    now: Timestamp,
    (tenant, keys): (TenantId, &ServerKeys),
    wanted: &OperatorInvitation,
) -> Result<Invited, OperatorError> {
    let found = store
        .lookup_tenant(tenant)
        .await?
        .ok_or(OperatorError::NoSuchTenant)?;
    if matches!(wanted.role, Role::Unspecified | Role::Server) {
        return Err(OperatorError::Role);
    }
    let longest = if wanted.role == Role::Participant {
        PARTICIPANT_INVITATION_MS_MAX
    } else {
        STAFF_INVITATION_MS_MAX
    };
    let valid_for_ms = wanted.valid_for_ms.unwrap_or(longest);
    if !(1..=longest).contains(&valid_for_ms) {
        return Err(OperatorError::TooLong(longest));
    }
    let code = invitation_code(wanted.role, draw(entropy)?);
    let normalised = invitation::normalise(&code)
        .map_err(|_| StoreError::Inconsistent("a code of our own is not a code"))?;
    let invitation = Invitation {
        id: draw(entropy)?,
        code_hash: keys.code_hash(tenant, CodeKind::Invitation, normalised.as_bytes()),
        role: wanted.role,
        scope: wanted.scope.clone(),
        participant: None,
        inviter: None,
        created_at: now,
        expires_at: now.saturating_add_ms(valid_for_ms),
        used_by: None,
    };
    let target = format!("invitations/{}", HEXLOWER.encode(&invitation.id));
    let audit = Audit {
        at: now,
        actor: None,
        action: AuditAction::InvitationCreated,
        target,
    };
    store.record_invitation(tenant, &invitation, &audit).await?;
    let link = Link {
        server_url: wanted.public_url.clone(),
        tenant,
        root_hash: found.root_hash,
        kind: LinkKind::Invitation,
        code: code.clone(),
    };
    Ok(Invited {
        code,
        link: link.to_string(),
        expires_at: invitation.expires_at,
    })
}
