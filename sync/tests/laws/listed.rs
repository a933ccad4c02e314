//! The places' days of a short form.

use askel_sync::{
    id::PlaceId,
    stream::listed::{ListedDay, from_numbers, neighbour, to_numbers},
    time::LocalDate,
};
use proptest::{collection::vec, prelude::*};

fn day() -> impl Strategy<Value = ListedDay> {
    (any::<u32>(), any::<i32>(), any::<u64>()).prop_map(|(place, date, position)| ListedDay {
        place: PlaceId::new(place),
        date: LocalDate::from_days(date),
        position,
    })
}

proptest! {
    #[test]
    fn a_list_is_read_as_it_was_written(days in vec(day(), 0..8)) {
        prop_assert_eq!(from_numbers(&to_numbers(&days)), Some(days));
    }

    #[test]
    fn any_numbers_are_a_list_or_none(numbers in vec(any::<u64>(), 0..12)) {
        if let Some(days) = from_numbers(&numbers) {
            prop_assert_eq!(to_numbers(&days), numbers);
        }
    }
}

#[test]
fn days_near_each_other_take_a_byte_a_number() {
    let day = |place, date, position| ListedDay {
        place: PlaceId::new(place),
        date: LocalDate::from_days(date),
        position,
    };
    let days = [day(7, 20_454, 3), day(9, 20_454, 1), day(7, 20_455, 0)];
    assert_eq!(to_numbers(&days), [7, 40_908, 3, 9, 0, 1, 7, 2, 0]);
}

#[test]
fn the_neighbour_is_the_nearest_that_is_not_empty() {
    let positions = [0, 4, 0, 2, 0];
    let found: Vec<_> = (0..6).map(|index| neighbour(&positions, index)).collect();
    assert_eq!(found, [None, Some(1), Some(1), Some(3), Some(3), None]);
}
