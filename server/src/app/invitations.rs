//! Invitations: making, listing, taking back. A code is told once and kept as a keyed hash.

use askel_store::{AuditAction, Invitation, PageOf, PageRequest, PassRecord, Scope};
use askel_sync::{
    admission::Role,
    id::{ParticipantId, PassTag, TenantId},
    invitation::{self, Link, LinkKind},
    op::Alias,
};
use data_encoding::HEXLOWER;

use super::{
    App, AppError, Caller, Reason,
    guesses::Times,
    streams::{covers, works_within},
    used::tell_guess,
};
use crate::{
    credential_file::{CodeKind, ServerKeys},
    limits::{PAGE_ITEMS_MAX, PARTICIPANT_INVITATION_MS_MAX, STAFF_INVITATION_MS_MAX},
    project::replay,
};

/// An invitation about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvitationDraft {
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    /// `None` for the longest the role allows.
    pub(crate) valid_for_ms: Option<i64>,
    pub(crate) re_invitation: Option<ReInvitation>,
}

/// Who is to come back, and what staff saw with the person present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReInvitation {
    pub(crate) pass: PassTag,
    pub(crate) alias: Alias,
    pub(crate) picture: u32,
}

/// An invitation with its code, which is told once.
#[derive(Debug, Clone)]
pub(crate) struct Invited {
    pub(crate) invitation: Invitation,
    pub(crate) code: String,
    pub(crate) link: String,
}

/// Makes an invitation.
pub(crate) async fn create_invitation(
    app: &App,
    caller: &Caller,
    draft: &InvitationDraft,
) -> Result<Invited, AppError> {
    if !may_invite(caller, draft) {
        return Err(Reason::InvitationNotAllowed.into());
    }
    let valid_for_ms = valid_for_ms(draft)?;
    let participant = match draft.re_invitation {
        Some(seen) => Some(recognise(app, caller, seen).await?),
        None => None,
    };
    let now = app.now();
    let code = invitation_code(draft.role, app.draw()?);
    let keys = app.keys(caller.tenant)?;
    let invitation = Invitation {
        id: app.draw()?,
        code_hash: hash_of(keys, caller.tenant, &code)?,
        role: draft.role,
        scope: draft.scope.clone(),
        participant,
        inviter: Some(caller.device.id),
        created_at: now,
        expires_at: now.saturating_add_ms(valid_for_ms),
        used_by: None,
    };
    let name = invitation_name(&invitation.id);
    let audit = app.audit(caller, AuditAction::InvitationCreated, name);
    app.store()
        .record_invitation(caller.tenant, &invitation, &audit)
        .await?;
    let tenant = app.tenant(caller.tenant).await?;
    let link = Link {
        server_url: app.public_url.clone(),
        tenant: tenant.id,
        root_hash: tenant.root_hash,
        code: code.clone(),
        kind: if participant.is_some() {
            LinkKind::ReInvitation
        } else {
            LinkKind::Invitation
        },
    };
    Ok(Invited {
        invitation,
        code,
        link: link.to_string(),
    })
}

/// A code for a role: participants' are short to type, others' long.
pub(crate) fn invitation_code(role: Role, random: [u8; 16]) -> String {
    if role == Role::Participant {
        let mut short = [0; 7];
        for (to, from) in short.iter_mut().zip(random) {
            *to = from;
        }
        invitation::participant_code(short)
    } else {
        invitation::staff_code(random)
    }
}

fn hash_of(keys: &ServerKeys, tenant: TenantId, code: &str) -> Result<[u8; 32], AppError> {
    let normalised = invitation::normalise(code).map_err(|_| Reason::Internal)?;
    Ok(keys.code_hash(tenant, CodeKind::Invitation, normalised.as_bytes()))
}

/// Nobody invites above or beside themself, except admins; nor beyond their own places.
fn may_invite(caller: &Caller, draft: &InvitationDraft) -> bool {
    let role = match (caller.device.role, draft.role) {
        (Role::Admin, role) => !matches!(role, Role::Unspecified | Role::Server),
        (Role::Organiser, role) => {
            matches!(role, Role::Participant | Role::Volunteer | Role::Staff)
        }
        (Role::Staff, role) => matches!(role, Role::Participant | Role::Volunteer),
        _ => false,
    };
    let within = match &draft.scope {
        None => draft.role == Role::Participant || caller.device.scope.is_none(),
        Some(places) => places.iter().all(|place| covers(caller, *place)),
    };
    role && within && (draft.re_invitation.is_none() || draft.role == Role::Participant)
}

fn valid_for_ms(draft: &InvitationDraft) -> Result<i64, AppError> {
    let longest = if draft.role == Role::Participant {
        PARTICIPANT_INVITATION_MS_MAX
    } else {
        STAFF_INVITATION_MS_MAX
    };
    match draft.valid_for_ms {
        None => Ok(longest),
        Some(ms) if (1..=longest).contains(&ms) => Ok(ms),
        Some(_) => Err(AppError::field(
            "valid_for_ms",
            format!("is at most {longest}"),
        )),
    }
}

/// Whose pass it is, if alias and picture are that person's. A wrong pair counts as guessing, by the
/// device that invites.
async fn recognise(
    app: &App,
    caller: &Caller,
    seen: ReInvitation,
) -> Result<ParticipantId, AppError> {
    let now = app.now();
    let window_ms = app.enrolment.failure_window_ms();
    let since = now.saturating_add_ms(window_ms.saturating_neg());
    let whose = (caller.tenant, caller.device.id);
    let free = app
        .guesses
        .take(whose, app.enrolment.failures_max, Times { now, since });
    if !free {
        return Err(AppError::Later {
            reason: Reason::EnrolmentLimited,
            retry_after_ms: u64::try_from(window_ms).unwrap_or_default(),
        });
    }
    let records = app
        .store()
        .lookup_passes(caller.tenant, &[seen.pass])
        .await?;
    let holder = records.first().and_then(PassRecord::holder);
    let participant = holder.ok_or(Reason::PassUnknown)?;
    let catalog = app.catalog(caller.tenant).await?;
    let state = replay(app.store(), caller.tenant, participant, &catalog)
        .await?
        .state;
    let profile = state.profile();
    if profile.alias == Some(seen.alias) && profile.picture == Some(seen.picture) {
        app.guesses.give_back(whose);
        return Ok(participant);
    }
    tell_guess(app, whose);
    Err(Reason::ReInvitationMismatch.into())
}

/// An invitation's resource name.
pub(crate) fn invitation_name(id: &[u8; 16]) -> String {
    format!("invitations/{}", HEXLOWER.encode(id))
}

/// Whether an invitation is the caller's affair: its own, or for places it works at.
fn is_within(caller: &Caller, invitation: &Invitation) -> bool {
    invitation.inviter == Some(caller.device.id) || works_within(caller, invitation.scope.as_ref())
}

/// Invitations, oldest first, without codes: those that are the caller's affair.
pub(crate) async fn list_invitations(
    app: &App,
    caller: &Caller,
    page: &PageRequest,
) -> Result<PageOf<Invitation>, AppError> {
    let mut listed = app.store().list_invitations(caller.tenant, page).await?;
    listed
        .items
        .retain(|invitation| is_within(caller, invitation));
    Ok(listed)
}

/// Takes back an invitation that nobody has used.
pub(crate) async fn delete_invitation(
    app: &App,
    caller: &Caller,
    id: [u8; 16],
) -> Result<(), AppError> {
    if caller.device.scope.is_some() && !is_own_affair(app, caller, id).await? {
        return Err(Reason::NotFound.into());
    }
    let audit = app.audit(caller, AuditAction::InvitationDeleted, invitation_name(&id));
    if app
        .store()
        .delete_invitation(caller.tenant, id, &audit)
        .await?
    {
        Ok(())
    } else {
        Err(Reason::NotFound.into())
    }
}

async fn is_own_affair(app: &App, caller: &Caller, id: [u8; 16]) -> Result<bool, AppError> {
    let mut page = PageRequest {
        size: PAGE_ITEMS_MAX,
        after: Vec::new(),
    };
    loop {
        let listed = app.store().list_invitations(caller.tenant, &page).await?;
        let found = listed.items.iter().find(|invitation| invitation.id == id);
        if let Some(found) = found {
            return Ok(is_within(caller, found));
        }
        match listed.next {
            Some(next) => page.after = next,
            None => return Ok(false),
        }
    }
}
