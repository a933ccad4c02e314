//! Time zones.

use askel_proto::v1;

use super::super::{EntryFault, Transition, Zone};
use crate::{
    id::TimeZoneId,
    limits::{TEXT_BYTES_MAX, TRANSITIONS_MAX, ZONE_OFFSET_MINUTES_MAX},
    time::Timestamp,
};

/// Offsets are whole quarters, so that a 15-minute bucket lies in one local hour.
const OFFSET_STEP_MINUTES: i32 = 15;

/// Checks a time zone.
pub(super) fn zone(proto: &v1::TimeZone) -> Result<Zone, EntryFault> {
    if proto.transitions.len() > TRANSITIONS_MAX {
        return Err(EntryFault::TooManyTransitions);
    }
    if proto.name.len() > TEXT_BYTES_MAX {
        return Err(EntryFault::TextTooLong);
    }
    let transition = |proto: &v1::Transition| {
        let at_ms = proto.at_s.checked_mul(1_000);
        Ok(Transition {
            at: Timestamp::from_ms(at_ms.ok_or(EntryFault::OutOfBounds("at_s"))?),
            offset_minutes: offset(proto.offset_minutes)?,
        })
    };
    let transitions: Result<Vec<_>, EntryFault> =
        proto.transitions.iter().map(transition).collect();
    let transitions = transitions?;
    if !transitions.is_sorted_by(|one, next| one.at < next.at) {
        return Err(EntryFault::OutOfBounds("transitions"));
    }
    Ok(Zone {
        id: TimeZoneId::new(proto.id),
        name: proto.name.clone(),
        first_offset_minutes: offset(proto.first_offset_minutes)?,
        transitions,
    })
}

fn offset(minutes: i32) -> Result<i32, EntryFault> {
    let in_range = (-ZONE_OFFSET_MINUTES_MAX..=ZONE_OFFSET_MINUTES_MAX).contains(&minutes);
    if in_range && minutes.rem_euclid(OFFSET_STEP_MINUTES) == 0 {
        Ok(minutes)
    } else {
        Err(EntryFault::OutOfBounds("offset_minutes"))
    }
}
