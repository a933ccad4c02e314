//! Rows of the store as rows of the journal, and back.

use askel_sync::{
    id::{DeviceId, GoalId, ParticipantId, PassTag, PlaceId, SessionId, SlotId, WrongIdLength},
    key::PublicKey,
    op::SessionRef,
    time::{LocalDate, Timestamp},
};

use super::{
    ApprovalRow, CardRow, CatalogRow, DeviceRow, ErasedRow, FrozenPeopleRow, FrozenPointsRow,
    FrozenRow, InvitationRow, LogOpeningRow, MalformedEntry, ParticipantRow, PassRow, ScopeRow,
    SheetRow, TenantRow, all, array,
};
use crate::{
    Approval, CatalogVersion, ChallengeSum, Device, DeviceState, Erased, Frozen, Invitation,
    PassRecord, RecoverySheet, SessionName, Tenant,
    journal::{LogOpening, ParticipantImage},
};

fn id<T>(bytes: &[u8]) -> Result<T, MalformedEntry>
where
    T: for<'a> TryFrom<&'a [u8], Error = WrongIdLength>,
{
    Ok(T::try_from(bytes)?)
}

fn optional_id<T>(bytes: Option<Vec<u8>>) -> Result<Option<T>, MalformedEntry>
where
    T: for<'a> TryFrom<&'a [u8], Error = WrongIdLength>,
{
    bytes.map(|bytes| id(&bytes)).transpose()
}

fn ids<T>(bytes: &[Vec<u8>]) -> Result<Vec<T>, MalformedEntry>
where
    T: for<'a> TryFrom<&'a [u8], Error = WrongIdLength>,
{
    bytes.iter().map(|bytes| id(bytes)).collect()
}

fn scope_row(scope: &crate::Scope) -> Option<ScopeRow> {
    let places = scope.as_ref()?.iter().map(|place| place.get()).collect();
    Some(ScopeRow { places })
}

fn scope(row: Option<ScopeRow>) -> crate::Scope {
    Some(row?.places.into_iter().map(PlaceId::new).collect())
}

fn role(number: i32) -> Result<askel_sync::admission::Role, MalformedEntry> {
    number.try_into().map_err(|_| MalformedEntry)
}

impl From<&ParticipantImage> for ParticipantRow {
    fn from(image: &ParticipantImage) -> Self {
        let sheet = |(sheet, used_by): &(RecoverySheet, Option<_>)| SheetRow {
            code_hash: sheet.code_hash.to_vec(),
            maker: sheet.maker.to_vec(),
            used_by: used_by.map(DeviceId::to_vec),
        };
        let approval = |(approval, used): &(Approval, bool)| ApprovalRow {
            approved: approval.approved.to_vec(),
            replaced: approval.replaced.map(DeviceId::to_vec),
            maker: approval.maker.to_vec(),
            expires_at_ms: approval.expires_at.as_ms(),
            used: *used,
        };
        let pass = |pass: &PassRecord| PassRow {
            pass: pass.pass.to_vec(),
            burned_at_ms: pass.burned_at.map(Timestamp::as_ms),
        };
        let card = |(request, pass): &([u8; 16], PassTag)| CardRow {
            request: request.to_vec(),
            pass: pass.to_vec(),
        };
        Self {
            participant: image.participant.to_vec(),
            devices: image.devices.iter().map(Into::into).collect(),
            passes: image.passes.iter().map(pass).collect(),
            sheets: image.sheets.iter().map(sheet).collect(),
            approvals: image.approvals.iter().map(approval).collect(),
            cards: image.cards.iter().map(card).collect(),
            invitations: image.invitations.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<ParticipantRow> for ParticipantImage {
    type Error = MalformedEntry;

    fn try_from(row: ParticipantRow) -> Result<Self, MalformedEntry> {
        let participant = id(&row.participant)?;
        let pass = |pass: PassRow| {
            Ok(PassRecord {
                pass: id(&pass.pass)?,
                participant,
                burned_at: pass.burned_at_ms.map(Timestamp::from_ms),
            })
        };
        let sheet = |sheet: SheetRow| {
            let used_by = optional_id(sheet.used_by)?;
            let sheet = RecoverySheet {
                participant,
                code_hash: array(&sheet.code_hash)?,
                maker: id(&sheet.maker)?,
            };
            Ok((sheet, used_by))
        };
        let approval = |row: ApprovalRow| {
            let approval = Approval {
                participant,
                approved: id(&row.approved)?,
                replaced: optional_id(row.replaced)?,
                maker: id(&row.maker)?,
                expires_at: Timestamp::from_ms(row.expires_at_ms),
            };
            Ok((approval, row.used))
        };
        let card = |card: CardRow| Ok((array(&card.request)?, id(&card.pass)?));
        Ok(Self {
            participant,
            devices: all(row.devices)?,
            passes: collect(row.passes, pass)?,
            sheets: collect(row.sheets, sheet)?,
            approvals: collect(row.approvals, approval)?,
            cards: collect(row.cards, card)?,
            invitations: all(row.invitations)?,
        })
    }
}

fn collect<R, T>(
    rows: Vec<R>,
    read: impl Fn(R) -> Result<T, MalformedEntry>,
) -> Result<Vec<T>, MalformedEntry> {
    rows.into_iter().map(read).collect()
}

impl From<&Device> for DeviceRow {
    fn from(device: &Device) -> Self {
        let (state, probation_until_ms) = match device.state {
            DeviceState::Pending => (1, 0),
            DeviceState::Active => (2, 0),
            DeviceState::Probation { until } => (3, until.as_ms()),
            DeviceState::Revoked => (4, 0),
        };
        Self {
            device: device.id.to_vec(),
            public_key: device.public_key.as_bytes().to_vec(),
            role: device.role as i32,
            participant: device.participant.map(ParticipantId::to_vec),
            scope: scope_row(&device.scope),
            state,
            probation_until_ms,
            inviter: device.inviter.map(DeviceId::to_vec),
            enrolled_at_ms: device.enrolled_at.as_ms(),
            lease_until_ms: device.lease_until.map(Timestamp::as_ms),
            pass: device.pass.map(PassTag::to_vec),
        }
    }
}

impl TryFrom<DeviceRow> for Device {
    type Error = MalformedEntry;

    fn try_from(row: DeviceRow) -> Result<Self, MalformedEntry> {
        let state = match row.state {
            1 => DeviceState::Pending,
            2 => DeviceState::Active,
            3 => DeviceState::Probation {
                until: Timestamp::from_ms(row.probation_until_ms),
            },
            4 => DeviceState::Revoked,
            _ => return Err(MalformedEntry),
        };
        Ok(Self {
            id: id(&row.device)?,
            public_key: PublicKey::from_bytes(&row.public_key).map_err(|_| MalformedEntry)?,
            role: role(row.role)?,
            participant: optional_id(row.participant)?,
            scope: scope(row.scope),
            state,
            inviter: optional_id(row.inviter)?,
            enrolled_at: Timestamp::from_ms(row.enrolled_at_ms),
            lease_until: row.lease_until_ms.map(Timestamp::from_ms),
            pass: optional_id(row.pass)?,
            clock: None,
        })
    }
}

impl From<&Invitation> for InvitationRow {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.to_vec(),
            code_hash: invitation.code_hash.to_vec(),
            role: invitation.role as i32,
            scope: scope_row(&invitation.scope),
            participant: invitation.participant.map(ParticipantId::to_vec),
            inviter: invitation.inviter.map(DeviceId::to_vec),
            created_at_ms: invitation.created_at.as_ms(),
            expires_at_ms: invitation.expires_at.as_ms(),
            used_by: invitation.used_by.map(DeviceId::to_vec),
        }
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = MalformedEntry;

    fn try_from(row: InvitationRow) -> Result<Self, MalformedEntry> {
        Ok(Self {
            id: array(&row.id)?,
            code_hash: array(&row.code_hash)?,
            role: role(row.role)?,
            scope: scope(row.scope),
            participant: optional_id(row.participant)?,
            inviter: optional_id(row.inviter)?,
            created_at: Timestamp::from_ms(row.created_at_ms),
            expires_at: Timestamp::from_ms(row.expires_at_ms),
            used_by: optional_id(row.used_by)?,
        })
    }
}

impl From<&Erased> for ErasedRow {
    fn from(erased: &Erased) -> Self {
        Self {
            participant: erased.participant.to_vec(),
            devices: erased.devices.iter().map(|id| id.to_vec()).collect(),
            logs: erased.logs.iter().map(|id| id.to_vec()).collect(),
            passes: erased.passes.iter().map(|id| id.to_vec()).collect(),
            is_counted: false,
        }
    }
}

impl TryFrom<ErasedRow> for Erased {
    type Error = MalformedEntry;

    fn try_from(row: ErasedRow) -> Result<Self, MalformedEntry> {
        Ok(Self {
            participant: id(&row.participant)?,
            devices: ids(&row.devices)?,
            logs: ids(&row.logs)?,
            passes: ids(&row.passes)?,
        })
    }
}

impl From<&Frozen> for FrozenRow {
    fn from(frozen: &Frozen) -> Self {
        let points = |(goal, sum): (&GoalId, &ChallengeSum)| FrozenPointsRow {
            goal: goal.get(),
            total: sum.total,
            people: sum.people,
        };
        let people = |((place, date, session), people): (&SessionName, &u64)| {
            let (is_dated, session) = match session {
                SessionRef::Slot(slot) => (false, slot.get()),
                SessionRef::Dated(session) => (true, session.get()),
            };
            FrozenPeopleRow {
                place: place.get(),
                date: date.as_days(),
                is_dated,
                session,
                people: *people,
            }
        };
        Self {
            points: frozen.points.iter().map(points).collect(),
            people: frozen.people.iter().map(people).collect(),
        }
    }
}

impl TryFrom<FrozenRow> for Frozen {
    type Error = MalformedEntry;

    fn try_from(row: FrozenRow) -> Result<Self, MalformedEntry> {
        let mut frozen = Self::default();
        for row in row.points {
            let sum = ChallengeSum {
                total: count(row.total)?,
                people: row.people,
            };
            frozen.points.insert(GoalId::new(row.goal), sum);
        }
        for row in row.people {
            let session = if row.is_dated {
                SessionRef::Dated(SessionId::new(row.session))
            } else {
                SessionRef::Slot(SlotId::new(row.session))
            };
            let name = (
                PlaceId::new(row.place),
                LocalDate::from_days(row.date),
                session,
            );
            frozen.people.insert(name, count(row.people)?);
        }
        Ok(frozen)
    }
}

/// A count as a database can hold it.
fn count(count: u64) -> Result<u64, MalformedEntry> {
    i64::try_from(count)
        .map(|_| count)
        .map_err(|_| MalformedEntry)
}

impl From<&Tenant> for TenantRow {
    fn from(tenant: &Tenant) -> Self {
        Self {
            tenant: tenant.id.to_vec(),
            root_hash: tenant.root_hash.to_vec(),
            signed_key_list: tenant.signed_key_list.clone(),
            key_list_version: tenant.key_list_version,
            created_at_ms: tenant.created_at.as_ms(),
        }
    }
}

impl TryFrom<TenantRow> for Tenant {
    type Error = MalformedEntry;

    fn try_from(row: TenantRow) -> Result<Self, MalformedEntry> {
        Ok(Self {
            id: id(&row.tenant)?,
            root_hash: array(&row.root_hash)?,
            signed_key_list: row.signed_key_list,
            key_list_version: row.key_list_version,
            created_at: Timestamp::from_ms(row.created_at_ms),
        })
    }
}

impl From<&CatalogVersion> for CatalogRow {
    fn from(catalog: &CatalogVersion) -> Self {
        Self {
            version: catalog.version,
            hash: catalog.hash.to_vec(),
            content: catalog.content.clone(),
            signature: catalog.signature.clone(),
            published_at_ms: catalog.published_at.as_ms(),
        }
    }
}

impl TryFrom<CatalogRow> for CatalogVersion {
    type Error = MalformedEntry;

    fn try_from(row: CatalogRow) -> Result<Self, MalformedEntry> {
        Ok(Self {
            version: row.version,
            hash: array(&row.hash)?,
            content: row.content,
            signature: row.signature,
            published_at: Timestamp::from_ms(row.published_at_ms),
        })
    }
}

impl From<&LogOpening> for LogOpeningRow {
    fn from(opening: &LogOpening) -> Self {
        Self {
            log: opening.log.to_vec(),
            device: opening.device.to_vec(),
            opened_at_ms: opening.opened_at.as_ms(),
        }
    }
}

impl TryFrom<LogOpeningRow> for LogOpening {
    type Error = MalformedEntry;

    fn try_from(row: LogOpeningRow) -> Result<Self, MalformedEntry> {
        Ok(Self {
            log: id(&row.log)?,
            device: id(&row.device)?,
            opened_at: Timestamp::from_ms(row.opened_at_ms),
        })
    }
}
