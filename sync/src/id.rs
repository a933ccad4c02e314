//! Typed ids: random or derived handles of 16 bytes, and the small numbers of a catalog.
//!
//! `Debug` prints four hex digits only: ids name people and places, and have no business in logs.

use std::fmt;

/// An id of the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has {LENGTH} bytes, this one has {0}", LENGTH = ID_BYTES)]
pub struct WrongIdLength(pub usize);

/// Length of a handle, in bytes.
pub const ID_BYTES: usize = 16;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; ID_BYTES]);

        impl $name {
            /// Wraps the bytes; the caller drew or derived them.
            pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }

            /// The bytes, for a message.
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WrongIdLength;

            fn try_from(bytes: &[u8]) -> Result<Self, WrongIdLength> {
                bytes.try_into().map(Self).map_err(|_| WrongIdLength(bytes.len()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [first, second, ..] = self.0;
                write!(f, "{}({first:02x}{second:02x}…)", stringify!($name))
            }
        }
    };
}

macro_rules! catalog_number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Wraps a number of the catalog.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(…)", stringify!($name))
            }
        }
    };
}

handle!(
    /// One controller of data. Random.
    TenantId
);
handle!(
    /// A person taking part. Random, given by the server.
    ParticipantId
);
handle!(
    /// An installation with a signing key. Derived from tenant and key, see [`crate::key::device_id`].
    DeviceId
);
handle!(
    /// A log. Random, drawn by its writer.
    LogId
);
handle!(
    /// The server's handle of a stream. Random; says nothing about whose stream it is.
    StreamId
);
handle!(
    /// What names an op everywhere, see [`crate::op::Op::id`].
    OpId
);
handle!(
    /// What a pass carries. Random; the server alone knows whose it is.
    PassTag
);
handle!(
    /// A counting device. Random, kept when the phone is lost.
    StepSourceId
);
handle!(
    /// A UUID of version 5, see [`crate::award::award_id`].
    AwardId
);

catalog_number!(
    /// Where things happen.
    PlaceId
);
catalog_number!(
    /// What is offered.
    ActivityId
);
catalog_number!(
    /// One dated occurrence of an activity.
    SessionId
);
catalog_number!(
    /// An opening interval of a place; 0 is outside any.
    SlotId
);
catalog_number!(
    /// A badge rule, a step quest or a challenge.
    GoalId
);
catalog_number!(
    /// A badge.
    BadgeId
);
catalog_number!(
    /// Who offers activities.
    OrganisationId
);
catalog_number!(
    /// A time zone of the catalog.
    TimeZoneId
);
