//! The places' days that a short form lists: a few numbers each, in an order that both sides keep.

use sha2::{Digest as _, Sha256};

use super::StreamKey;
use crate::{
    id::{PlaceId, StreamId},
    time::LocalDate,
};

/// How far a reader has come in a place's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListedDay {
    /// Where.
    pub place: PlaceId,
    /// Which day.
    pub date: LocalDate,
    /// The last position committed, 0 for none.
    pub position: u64,
}

impl ListedDay {
    /// The day's stream.
    pub const fn stream(&self) -> StreamKey {
        StreamKey::PlaceDay(self.place, self.date)
    }
}

/// Numbers of one day on the wire.
const NUMBERS: usize = 3;

/// Three numbers each: the place, how many days after the one before (zigzag; the first: after
/// 1970-01-01), the position.
pub fn to_numbers(days: &[ListedDay]) -> Vec<u64> {
    let mut before: i64 = 0;
    days.iter()
        .flat_map(|day| {
            let date = i64::from(day.date.as_days());
            let moved = date.wrapping_sub(before);
            before = date;
            [u64::from(day.place.get()), zigzag(moved), day.position]
        })
        .collect()
}

/// Reads what [`to_numbers`] wrote; `None` when it is no list of days.
pub fn from_numbers(numbers: &[u64]) -> Option<Vec<ListedDay>> {
    let days = numbers.chunks_exact(NUMBERS);
    if !days.remainder().is_empty() {
        return None;
    }
    let mut before: i64 = 0;
    days.map(|numbers| {
        let &[place, moved, position] = numbers else {
            return None;
        };
        let date = before.checked_add(unzigzag(moved))?;
        before = date;
        Some(ListedDay {
            place: PlaceId::new(u32::try_from(place).ok()?),
            date: LocalDate::from_days(i32::try_from(date).ok()?),
            position,
        })
    })
    .collect()
}

/// The handle of a place's day that is begun while the catalog's stream has this one: whoever follows
/// both knows it without being told. The first 16 bytes of SHA-256 over `askel/place-day/v1`, a zero
/// byte, the catalog's handle, place and date (4 bytes each, big-endian).
pub fn day_handle(catalog: StreamId, place: PlaceId, date: LocalDate) -> StreamId {
    let hash = Sha256::new()
        .chain_update(b"askel/place-day/v1\0")
        .chain_update(catalog.as_bytes())
        .chain_update(place.get().to_be_bytes())
        .chain_update(date.as_days().to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk().copied();
    StreamId::from_bytes(first.unwrap_or_default())
}

/// Of the day at `index` and those before it, the nearest of which a reader holds anything: its last
/// op is what a page may refer to. `positions` are those of all days.
pub fn neighbour(positions: &[u64], index: usize) -> Option<usize> {
    let up_to = positions.get(..=index)?;
    up_to.iter().rposition(|position| *position > 0)
}

fn zigzag(number: i64) -> u64 {
    (number.wrapping_shl(1) ^ number.wrapping_shr(63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}
