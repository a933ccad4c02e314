//! Resource names: what they look like, and what they name.

use askel_sync::{
    id::{DeviceId, GoalId, PlaceId},
    time::LocalDate,
};
use data_encoding::HEXLOWER;

use crate::app::AppError;

/// `devices/{32 hexadecimal digits}`.
pub(super) fn device(name: &str) -> Result<DeviceId, AppError> {
    handle(name, "devices/").map(DeviceId::from_bytes)
}

/// The name of a device.
pub(super) fn of_device(device: DeviceId) -> String {
    format!("devices/{}", HEXLOWER.encode(device.as_bytes()))
}

/// `invitations/{32 hexadecimal digits}`.
pub(super) fn invitation(name: &str) -> Result<[u8; 16], AppError> {
    handle(name, "invitations/")
}

/// `catalogs/{version}`, or `None` for `catalogs/-`.
pub(super) fn catalog(name: &str) -> Result<Option<u32>, AppError> {
    if name == "catalogs/-" {
        Ok(None)
    } else {
        number(name, "catalogs/").map(Some)
    }
}

/// `challenges/{goal}`.
pub(super) fn challenge(name: &str) -> Result<GoalId, AppError> {
    number(name, "challenges/").map(GoalId::new)
}

/// `places/{place}/days/{yyyy-mm-dd}`.
pub(super) fn place_day(name: &str) -> Result<(PlaceId, LocalDate), AppError> {
    let parsed = name.strip_prefix("places/").and_then(|rest| {
        let (place, date) = rest.split_once("/days/")?;
        let date: jiff::civil::Date = date.parse().ok()?;
        Some((PlaceId::new(decimal(place)?), LocalDate::from_civil(date)))
    });
    parsed.ok_or_else(|| unreadable("places/{place}/days/{yyyy-mm-dd}"))
}

/// The name of a place.
pub(super) fn of_place(place: PlaceId) -> String {
    format!("places/{}", place.get())
}

fn handle(name: &str, prefix: &str) -> Result<[u8; 16], AppError> {
    let bytes = name
        .strip_prefix(prefix)
        .and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| unreadable(&format!("{prefix}{{32 hexadecimal digits}}")))
}

fn number(name: &str, prefix: &str) -> Result<u32, AppError> {
    let number = name.strip_prefix(prefix).and_then(decimal);
    number.ok_or_else(|| unreadable(&format!("{prefix}{{number}}")))
}

/// Digits only: no sign, no leading zero.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if plain && (text == "0" || !text.starts_with('0')) {
        text.parse().ok()
    } else {
        None
    }
}

fn unreadable(form: &str) -> AppError {
    AppError::field("name", format!("must look like {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_name_one_thing_in_one_way() {
        assert_eq!(catalog("catalogs/-").ok(), Some(None));
        assert_eq!(catalog("catalogs/12").ok(), Some(Some(12)));
        for bad in [
            "catalogs/012",
            "catalogs/+1",
            "catalogs/",
            "catalogs/4294967296",
            "12",
        ] {
            assert!(catalog(bad).is_err(), "{bad}");
        }
        let day = place_day("places/7/days/2016-04-12").expect("good");
        assert_eq!(day, (PlaceId::new(7), LocalDate::from_days(16_903)));
        assert!(place_day("places/7/days/2016-04-31").is_err());
        let id = DeviceId::from_bytes([0xab; 16]);
        assert_eq!(device(&of_device(id)).ok(), Some(id));
        assert!(device("devices/ab").is_err());
    }
}
