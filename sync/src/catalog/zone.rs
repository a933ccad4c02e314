//! Time zones as a list of transitions: no zone database is needed.

use sha2::{Digest as _, Sha256};

use crate::{
    id::TimeZoneId,
    time::{LocalDate, MINUTE_MS, Quarter, Timestamp},
};

/// Offsets from UTC with the instants at which they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its number.
    pub id: TimeZoneId,
    /// The IANA name, for people.
    pub name: String,
    /// Minutes east of UTC before the first transition; a multiple of 15.
    pub first_offset_minutes: i32,
    /// Ascending.
    pub transitions: Vec<Transition>,
}

/// From an instant on, another offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The first instant of the new offset.
    pub at: Timestamp,
    /// Minutes east of UTC; a multiple of 15.
    pub offset_minutes: i32,
}

/// Minutes after midnight at which an attendance day begins: who stays past midnight is still at
/// the same evening.
pub const ATTENDANCE_CUT_MINUTES: i32 = 4 * 60;

impl Zone {
    /// Minutes east of UTC at an instant.
    pub fn offset_minutes(&self, at: Timestamp) -> i32 {
        let passed = self
            .transitions
            .partition_point(|transition| transition.at <= at);
        passed
            .checked_sub(1)
            .and_then(|last| self.transitions.get(last))
            .map_or(self.first_offset_minutes, |transition| {
                transition.offset_minutes
            })
    }

    /// The local day of an attendance (04:00 cut).
    pub fn attendance_date(&self, at: Timestamp) -> LocalDate {
        at.local_date(self.offset_minutes(at), ATTENDANCE_CUT_MINUTES)
    }

    /// The calendar day (midnight cut).
    pub fn midnight_date(&self, at: Timestamp) -> LocalDate {
        at.local_date(self.offset_minutes(at), 0)
    }

    /// Minutes since local midnight, 0..1440.
    pub fn minute_of_day(&self, at: Timestamp) -> u32 {
        let minutes = at
            .as_ms()
            .div_euclid(MINUTE_MS)
            .saturating_add(i64::from(self.offset_minutes(at)))
            .rem_euclid(24 * 60);
        u32::try_from(minutes).unwrap_or(0)
    }

    /// The first eight bytes of SHA-256 over all that decides about instants before one: the first offset
    /// (4 bytes, big-endian), then of each earlier transition its milliseconds (8 bytes) and offset.
    pub fn hash_until(&self, until: Timestamp) -> [u8; 8] {
        let mut hash = Sha256::new()
            .chain_update(b"askel/zone/v1\0")
            .chain_update(self.first_offset_minutes.to_be_bytes());
        let earlier = self.transitions.iter();
        for transition in earlier.take_while(|transition| transition.at < until) {
            hash.update(transition.at.as_ms().to_be_bytes());
            hash.update(transition.offset_minutes.to_be_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// The first quarter of the local hour that a quarter lies in.
    pub fn hour_of(&self, quarter: Quarter) -> Quarter {
        let offset_quarters = i64::from(self.offset_minutes(quarter.begins_at())).div_euclid(15);
        let into_hour = i64::from(quarter.get())
            .saturating_add(offset_quarters)
            .rem_euclid(4);
        Quarter::new(
            quarter
                .get()
                .saturating_sub(u32::try_from(into_hour).unwrap_or(0)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    /// Helsinki around the change to summer time of 2016-03-27 (01:00 UTC) and back (2016-10-30).
    pub(crate) fn helsinki() -> Zone {
        Zone {
            id: TimeZoneId::new(1),
            name: "Europe/Helsinki".to_owned(),
            first_offset_minutes: 120,
            transitions: vec![
                Transition {
                    at: Timestamp::from_ms(1_459_040_400_000),
                    offset_minutes: 180,
                },
                Transition {
                    at: Timestamp::from_ms(1_477_789_200_000),
                    offset_minutes: 120,
                },
            ],
        }
    }

    #[test]
    fn an_offset_holds_from_its_transition_on() {
        let at = |ms| helsinki().offset_minutes(Timestamp::from_ms(ms));
        assert_eq!(at(1_459_040_399_999), 120);
        assert_eq!(at(1_459_040_400_000), 180);
        assert_eq!(at(1_477_789_199_999), 180);
        assert_eq!(at(1_477_789_200_000), 120);
    }

    #[test]
    fn the_attendance_day_ends_at_four_and_the_step_day_at_midnight() {
        // 2016-04-13 00:00 in Helsinki.
        let midnight = Timestamp::from_ms(1_460_494_800_000);
        let zone = helsinki();
        let day = |hours| {
            let at = midnight.saturating_add_ms(hours * HOUR_MS);
            (
                zone.attendance_date(at).as_days(),
                zone.midnight_date(at).as_days(),
            )
        };
        assert_eq!(day(-1), (16_903, 16_903));
        assert_eq!(day(0), (16_903, 16_904));
        assert_eq!(day(3), (16_903, 16_904));
        assert_eq!(day(4), (16_904, 16_904));
        assert_eq!(
            zone.minute_of_day(midnight.saturating_add_ms(3 * HOUR_MS)),
            180
        );
    }

    #[test]
    fn a_local_hour_of_a_half_hour_zone_begins_in_its_own_quarter() {
        let zone = Zone {
            first_offset_minutes: 330,
            transitions: Vec::new(),
            ..helsinki()
        };
        let hour = |quarter| zone.hour_of(Quarter::new(quarter)).get();
        assert_eq!([hour(5), hour(6), hour(9), hour(10)], [2, 6, 6, 10]);
        assert_eq!(helsinki().hour_of(Quarter::new(7)).get(), 4);
    }
}
