//! An entry as bytes: protobuf messages of this file. Fields are only ever added.

mod convert;

use askel_sync::{id::WrongIdLength, time::Timestamp};
use prost::Message;

use super::{Entry, Noted, StaffImage};

/// Bytes that are no entry of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal's entry can't be read")]
pub struct MalformedEntry;

impl From<WrongIdLength> for MalformedEntry {
    fn from(_: WrongIdLength) -> Self {
        Self
    }
}

impl From<prost::DecodeError> for MalformedEntry {
    fn from(_: prost::DecodeError) -> Self {
        Self
    }
}

impl Noted {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        EntryRow {
            said: Some(self.entry.said()),
            at_ms: self.at.map(Timestamp::as_ms),
        }
        .encode_to_vec()
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`MalformedEntry`] when a field is missing or has no such value.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedEntry> {
        let row = EntryRow::decode(bytes)?;
        Ok(Self {
            at: row.at_ms.map(Timestamp::from_ms),
            entry: row.said.ok_or(MalformedEntry)?.try_into()?,
        })
    }
}

impl Entry {
    /// As bytes, without a time.
    pub fn encode(&self) -> Vec<u8> {
        EntryRow {
            said: Some(self.said()),
            at_ms: None,
        }
        .encode_to_vec()
    }

    /// From bytes, whenever they were written.
    ///
    /// # Errors
    /// As [`Noted::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedEntry> {
        Noted::decode(bytes).map(|noted| noted.entry)
    }

    fn said(&self) -> Said {
        match self {
            Self::Participant(image) => Said::Participant(image.into()),
            Self::Staff(image) => Said::Staff(StaffRow {
                device: Some((&image.device).into()),
                invitations: image.invitations.iter().map(Into::into).collect(),
            }),
            Self::Invitation(invitation) => Said::Invitation(invitation.into()),
            Self::InvitationDeleted(id) => Said::InvitationDeleted(id.to_vec()),
            Self::Erased { erased, is_counted } => Said::Erased(ErasedRow {
                is_counted: *is_counted,
                ..erased.into()
            }),
            Self::Frozen(frozen) => Said::Frozen(frozen.into()),
            Self::Tenant(tenant) => Said::Tenant(tenant.into()),
            Self::Catalog(catalog) => Said::Catalog(catalog.into()),
            Self::Logs(openings) => Said::Logs(LogsRow {
                openings: openings.iter().map(Into::into).collect(),
            }),
        }
    }
}

impl TryFrom<Said> for Entry {
    type Error = MalformedEntry;

    fn try_from(said: Said) -> Result<Self, MalformedEntry> {
        Ok(match said {
            Said::Participant(row) => Self::Participant(row.try_into()?),
            Said::Staff(row) => Self::Staff(Box::new(StaffImage {
                device: row.device.ok_or(MalformedEntry)?.try_into()?,
                invitations: all(row.invitations)?,
            })),
            Said::Invitation(row) => Self::Invitation(row.try_into()?),
            Said::InvitationDeleted(id) => Self::InvitationDeleted(array(&id)?),
            Said::Erased(row) => Self::Erased {
                is_counted: row.is_counted,
                erased: row.try_into()?,
            },
            Said::Frozen(row) => Self::Frozen(row.try_into()?),
            Said::Tenant(row) => Self::Tenant(row.try_into()?),
            Said::Catalog(row) => Self::Catalog(row.try_into()?),
            Said::Logs(row) => Self::Logs(all(row.openings)?),
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct EntryRow {
    #[prost(oneof = "Said", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    said: Option<Said>,
    /// When it was written down.
    #[prost(sint64, optional, tag = "10")]
    at_ms: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Said {
    #[prost(message, tag = "1")]
    Participant(ParticipantRow),
    #[prost(message, tag = "2")]
    Staff(StaffRow),
    #[prost(message, tag = "3")]
    Invitation(InvitationRow),
    #[prost(bytes, tag = "4")]
    InvitationDeleted(Vec<u8>),
    #[prost(message, tag = "5")]
    Erased(ErasedRow),
    #[prost(message, tag = "6")]
    Tenant(TenantRow),
    #[prost(message, tag = "7")]
    Catalog(CatalogRow),
    #[prost(message, tag = "8")]
    Logs(LogsRow),
    #[prost(message, tag = "9")]
    Frozen(FrozenRow),
}

#[derive(Clone, PartialEq, Message)]
struct ParticipantRow {
    #[prost(bytes, tag = "1")]
    participant: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    devices: Vec<DeviceRow>,
    #[prost(message, repeated, tag = "3")]
    passes: Vec<PassRow>,
    #[prost(message, repeated, tag = "4")]
    sheets: Vec<SheetRow>,
    #[prost(message, repeated, tag = "5")]
    approvals: Vec<ApprovalRow>,
    #[prost(message, repeated, tag = "6")]
    cards: Vec<CardRow>,
    #[prost(message, repeated, tag = "7")]
    invitations: Vec<InvitationRow>,
}

#[derive(Clone, PartialEq, Message)]
struct StaffRow {
    #[prost(message, optional, tag = "1")]
    device: Option<DeviceRow>,
    #[prost(message, repeated, tag = "2")]
    invitations: Vec<InvitationRow>,
}

#[derive(Clone, PartialEq, Message)]
struct DeviceRow {
    #[prost(bytes, tag = "1")]
    device: Vec<u8>,
    #[prost(bytes, tag = "2")]
    public_key: Vec<u8>,
    #[prost(int32, tag = "3")]
    role: i32,
    #[prost(bytes, optional, tag = "4")]
    participant: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    scope: Option<ScopeRow>,
    /// 1 pending, 2 active, 3 probation, 4 revoked.
    #[prost(uint32, tag = "6")]
    state: u32,
    #[prost(sint64, tag = "7")]
    probation_until_ms: i64,
    #[prost(bytes, optional, tag = "8")]
    inviter: Option<Vec<u8>>,
    #[prost(sint64, tag = "9")]
    enrolled_at_ms: i64,
    #[prost(sint64, optional, tag = "10")]
    lease_until_ms: Option<i64>,
    #[prost(bytes, optional, tag = "11")]
    pass: Option<Vec<u8>>,
}

/// Absent for the whole tenant.
#[derive(Clone, PartialEq, Message)]
struct ScopeRow {
    #[prost(uint32, repeated, tag = "1")]
    places: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct PassRow {
    #[prost(bytes, tag = "1")]
    pass: Vec<u8>,
    #[prost(sint64, optional, tag = "2")]
    burned_at_ms: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct SheetRow {
    #[prost(bytes, tag = "1")]
    code_hash: Vec<u8>,
    #[prost(bytes, tag = "2")]
    maker: Vec<u8>,
    #[prost(bytes, optional, tag = "3")]
    used_by: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ApprovalRow {
    #[prost(bytes, tag = "1")]
    approved: Vec<u8>,
    #[prost(bytes, optional, tag = "2")]
    replaced: Option<Vec<u8>>,
    #[prost(bytes, tag = "3")]
    maker: Vec<u8>,
    #[prost(sint64, tag = "4")]
    expires_at_ms: i64,
    #[prost(bool, tag = "5")]
    used: bool,
}

#[derive(Clone, PartialEq, Message)]
struct CardRow {
    #[prost(bytes, tag = "1")]
    request: Vec<u8>,
    #[prost(bytes, tag = "2")]
    pass: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct InvitationRow {
    #[prost(bytes, tag = "1")]
    id: Vec<u8>,
    #[prost(bytes, tag = "2")]
    code_hash: Vec<u8>,
    #[prost(int32, tag = "3")]
    role: i32,
    #[prost(message, optional, tag = "4")]
    scope: Option<ScopeRow>,
    #[prost(bytes, optional, tag = "5")]
    participant: Option<Vec<u8>>,
    #[prost(bytes, optional, tag = "6")]
    inviter: Option<Vec<u8>>,
    #[prost(sint64, tag = "7")]
    created_at_ms: i64,
    #[prost(sint64, tag = "8")]
    expires_at_ms: i64,
    #[prost(bytes, optional, tag = "9")]
    used_by: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ErasedRow {
    #[prost(bytes, tag = "1")]
    participant: Vec<u8>,
    #[prost(bytes, repeated, tag = "2")]
    devices: Vec<Vec<u8>>,
    #[prost(bytes, repeated, tag = "3")]
    logs: Vec<Vec<u8>>,
    #[prost(bytes, repeated, tag = "4")]
    passes: Vec<Vec<u8>>,
    #[prost(bool, tag = "5")]
    is_counted: bool,
}

#[derive(Clone, PartialEq, Message)]
struct FrozenRow {
    #[prost(message, repeated, tag = "1")]
    points: Vec<FrozenPointsRow>,
    #[prost(message, repeated, tag = "2")]
    people: Vec<FrozenPeopleRow>,
}

#[derive(Clone, PartialEq, Message)]
struct FrozenPointsRow {
    #[prost(uint32, tag = "1")]
    goal: u32,
    #[prost(uint64, tag = "2")]
    total: u64,
    #[prost(uint32, tag = "3")]
    people: u32,
}

#[derive(Clone, PartialEq, Message)]
struct FrozenPeopleRow {
    #[prost(uint32, tag = "1")]
    place: u32,
    /// Days since 1970-01-01.
    #[prost(sint32, tag = "2")]
    date: i32,
    /// Whether it is a dated session of the catalog, else a slot.
    #[prost(bool, tag = "3")]
    is_dated: bool,
    #[prost(uint32, tag = "4")]
    session: u32,
    #[prost(uint64, tag = "5")]
    people: u64,
}

#[derive(Clone, PartialEq, Message)]
struct TenantRow {
    #[prost(bytes, tag = "1")]
    tenant: Vec<u8>,
    #[prost(bytes, tag = "2")]
    root_hash: Vec<u8>,
    #[prost(bytes, tag = "3")]
    signed_key_list: Vec<u8>,
    #[prost(uint32, tag = "4")]
    key_list_version: u32,
    #[prost(sint64, tag = "5")]
    created_at_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct CatalogRow {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes, tag = "2")]
    hash: Vec<u8>,
    #[prost(bytes, tag = "3")]
    content: Vec<u8>,
    #[prost(bytes, tag = "4")]
    signature: Vec<u8>,
    #[prost(sint64, tag = "5")]
    published_at_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LogsRow {
    #[prost(message, repeated, tag = "1")]
    openings: Vec<LogOpeningRow>,
}

#[derive(Clone, PartialEq, Message)]
struct LogOpeningRow {
    #[prost(bytes, tag = "1")]
    log: Vec<u8>,
    #[prost(bytes, tag = "2")]
    device: Vec<u8>,
    #[prost(sint64, tag = "3")]
    opened_at_ms: i64,
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], MalformedEntry> {
    bytes.try_into().map_err(|_| MalformedEntry)
}

fn all<R, T: TryFrom<R, Error = MalformedEntry>>(rows: Vec<R>) -> Result<Vec<T>, MalformedEntry> {
    rows.into_iter().map(T::try_from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it was written before records had times.
    const DELETED: &[u8] = &[0x22, 16, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];

    #[test]
    fn what_was_written_without_a_time_is_read() {
        let noted = Noted::decode(DELETED).expect("an entry");
        assert_eq!(noted, Entry::InvitationDeleted([7; 16]).into());
        assert_eq!(noted.encode(), DELETED);
        assert_eq!(noted.entry.encode(), DELETED);
    }

    #[test]
    fn a_time_is_kept_and_one_who_does_not_know_it_reads_the_rest() {
        for at in [-5, 0, 1_460_440_800_000] {
            let noted = Noted {
                at: Some(Timestamp::from_ms(at)),
                entry: Entry::InvitationDeleted([7; 16]),
            };
            let bytes = noted.encode();
            assert_eq!(Noted::decode(&bytes), Ok(noted.clone()));
            assert_eq!(Entry::decode(&bytes), Ok(noted.entry));
            // Those of before take what they do not know for nothing.
            assert!(bytes.starts_with(DELETED));
        }
        assert_eq!(Noted::decode(&[0x50, 2]), Err(MalformedEntry));
    }
}
