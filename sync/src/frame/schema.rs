//! What the fields of payloads mean to the coder.
//!
//! The table only guides the odds: a field without a row is coded too, by what it was last time. A row
//! that changes changes the encoding, so there is a new number for it then.

use crate::op::OpKind;

/// What a field of a payload is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A message within the payload.
    Message,
    /// Near what it was last time.
    Near,
    /// What it was last time, mostly.
    Same,
    /// One more than the last time, mostly.
    Next,
    /// One of a few values.
    Choice,
    /// Zigzag milliseconds: when the act happened.
    Time,
    /// The place that the op is about.
    Place,
    /// The goal that the op is about.
    Goal,
    /// The slot, which the place suggests.
    Slot,
    /// The counting device.
    Source,
    /// What it counts.
    Measure,
    /// When it counted.
    Bucket,
    /// Which version of a count this is.
    Revision,
    /// The count.
    Count,
    /// A handle of 16 bytes.
    Handle,
    /// The id of an op of this kind.
    Cited(OpKind),
    /// An award's id, which goal, stage and participant suggest.
    Award,
    /// One of a few texts.
    Word,
    /// Text or other bytes.
    Bytes,
    /// A hash or signature.
    Noise,
}

impl Role {
    /// Fields that explain others come first; the number orders fields within an op.
    pub(super) const fn order(self) -> u8 {
        match self {
            Self::Source => 0,
            Self::Measure => 1,
            Self::Bucket => 2,
            Self::Revision => 3,
            Self::Cited(_) => 5,
            Self::Award => 6,
            _ => 4,
        }
    }

    /// Whether it is a varint on the wire; the others are bytes.
    pub(super) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Near
                | Self::Same
                | Self::Next
                | Self::Choice
                | Self::Time
                | Self::Place
                | Self::Goal
                | Self::Slot
                | Self::Measure
                | Self::Bucket
                | Self::Revision
                | Self::Count
        )
    }
}

/// Where a field stands: its number and those of the messages around it, 10 bits each.
pub(super) type Path = u64;

/// A field within another.
pub(super) const fn within(path: Path, field: u64) -> Path {
    path << 10 ^ field
}

/// What the table says of a field.
pub(super) fn role(kind: u32, path: Path) -> Option<Role> {
    let kind = OpKind::try_from(i32::try_from(kind).ok()?).ok()?;
    let [outer, middle, inner] = [path >> 20, path >> 10 & 1023, path & 1023];
    let fields = match (outer, middle, inner) {
        (0, 0, field) => return top(kind, field),
        (0, outer, field) => (outer, 0, field),
        fields => fields,
    };
    Some(match (kind, fields) {
        (OpKind::CheckIn | OpKind::Tally, (3, 0, 1))
        | (OpKind::PassSeen, (4, 0, 1))
        | (OpKind::Correction, (5, 2, 1)) => Role::Slot,
        (OpKind::CheckIn | OpKind::Tally, (3, 0, 2))
        | (OpKind::PassSeen, (4, 0, 2))
        | (OpKind::Correction, (5, 2, 2)) => Role::Choice,
        (OpKind::CheckIn, (7, 0, 1)) => Role::Handle,
        (OpKind::Correction, (5, 0, 1)) => Role::Time,
        (OpKind::Correction, (5, 0, 2)) => Role::Message,
        (OpKind::ProfileSet, (2, 0, _)) => Role::Near,
        (OpKind::OutcomeChanged, (4, 0, 1)) => Role::Word,
        _ => return None,
    })
}

/// The fields of the payload itself.
fn top(kind: OpKind, field: u64) -> Option<Role> {
    let index = usize::try_from(field.checked_sub(1)?).ok()?;
    let roles = if (kind as i32) < OpKind::AwardConfirmed as i32 {
        by_devices(kind)
    } else {
        by_server(kind)
    };
    roles.get(index).copied()
}

/// The kinds that devices write.
const fn by_devices(kind: OpKind) -> &'static [Role] {
    match kind {
        OpKind::CheckIn => &[
            Role::Place,
            Role::Time,
            Role::Message,
            Role::Same,
            Role::Same,
            Role::Message,
            Role::Message,
            Role::Message,
        ],
        OpKind::Tally => &[
            Role::Place,
            Role::Time,
            Role::Message,
            Role::Same,
            Role::Choice,
        ],
        OpKind::Correction => &[
            Role::Cited(OpKind::CheckIn),
            Role::Same,
            Role::Message,
            Role::Message,
            Role::Message,
            Role::Same,
            Role::Time,
        ],
        OpKind::StepCount => &[
            Role::Source,
            Role::Bucket,
            Role::Count,
            Role::Revision,
            Role::Measure,
        ],
        OpKind::Evidence => &[Role::Cited(OpKind::CheckIn), Role::Bytes],
        OpKind::ProfileSet => &[
            Role::Time,
            Role::Message,
            Role::Choice,
            Role::Word,
            Role::Next,
        ],
        OpKind::QuestJoined => &[Role::Goal, Role::Time],
        OpKind::QuestLeft => &[Role::Goal, Role::Time, Role::Cited(OpKind::QuestJoined)],
        OpKind::FavouriteAdded => &[Role::Place, Role::Time],
        OpKind::FavouriteRemoved => &[Role::Place, Role::Time, Role::Cited(OpKind::FavouriteAdded)],
        _ => &[],
    }
}

/// The kinds of the server's own log, and those about persons.
const fn by_server(kind: OpKind) -> &'static [Role] {
    match kind {
        OpKind::AwardConfirmed => &[
            Role::Award,
            Role::Goal,
            Role::Next,
            Role::Same,
            Role::Noise,
            Role::Time,
        ],
        OpKind::AwardWithdrawn => &[Role::Handle, Role::Same, Role::Time],
        OpKind::PassSeen => &[
            Role::Handle,
            Role::Place,
            Role::Time,
            Role::Message,
            Role::Cited(OpKind::CheckIn),
            Role::Same,
            Role::Same,
        ],
        OpKind::PassErased => &[Role::Handle],
        OpKind::CatalogPublished => &[Role::Next, Role::Noise, Role::Near, Role::Noise],
        OpKind::KeyListPublished => &[Role::Bytes],
        OpKind::ChallengeTotal => &[Role::Goal, Role::Near, Role::Near, Role::Next, Role::Time],
        OpKind::OutcomeChanged => &[Role::Handle, Role::Near, Role::Message, Role::Message],
        OpKind::DeviceChanged => &[Role::Handle, Role::Same, Role::Time, Role::Time],
        OpKind::SamePersonLinked | OpKind::Erase => &[Role::Handle, Role::Time],
        OpKind::SamePersonUnlinked => &[Role::Cited(OpKind::SamePersonLinked), Role::Time],
        _ => &[],
    }
}
