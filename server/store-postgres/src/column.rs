//! Values as columns hold them, and back. What can't be read back is inconsistent.

use askel_store::{Scope, StoreError, Tombstone};
use askel_sync::{
    admission::Role,
    id::{DeviceId, GoalId, ID_BYTES, ParticipantId, PlaceId, SessionId, SlotId, WrongIdLength},
    op::SessionRef,
    stream::StreamKey,
    time::LocalDate,
};

/// An id.
pub(crate) fn id<T>(bytes: &[u8]) -> Result<T, StoreError>
where
    T: for<'a> TryFrom<&'a [u8], Error = WrongIdLength>,
{
    T::try_from(bytes).map_err(|_| StoreError::Inconsistent("an id has another length"))
}

/// What is erased, by its id.
pub(crate) fn tombstone(bytes: &[u8]) -> Result<Tombstone, StoreError> {
    Ok(Tombstone::from_bytes(array(bytes)?))
}

/// An id or NULL.
pub(crate) fn optional_id<T>(bytes: Option<&[u8]>) -> Result<Option<T>, StoreError>
where
    T: for<'a> TryFrom<&'a [u8], Error = WrongIdLength>,
{
    bytes.map(id).transpose()
}

/// Bytes of a fixed length.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Inconsistent("a column has another length"))
}

/// A number that is kept as another type.
pub(crate) fn number<From, To: TryFrom<From>>(number: From) -> Result<To, StoreError> {
    To::try_from(number).map_err(|_| StoreError::Inconsistent("a number is out of range"))
}

/// A role.
pub(crate) fn role(column: i16) -> Result<Role, StoreError> {
    let role = Role::try_from(i32::from(column)).ok();
    role.ok_or(StoreError::Inconsistent("a role is not known"))
}

/// A role's number.
pub(crate) fn role_column(role: Role) -> Result<i16, StoreError> {
    number(role as i32)
}

/// Places as a JSON array.
pub(crate) fn scope_column(scope: &Scope) -> Option<String> {
    let places = scope
        .as_ref()?
        .iter()
        .map(|place| place.get())
        .collect::<Vec<_>>();
    Some(serde_json::Value::from(places).to_string())
}

/// Places of a JSON array.
pub(crate) fn scope(column: Option<&str>) -> Result<Scope, StoreError> {
    let places = column.map(serde_json::from_str::<Vec<u32>>).transpose();
    let places = places.map_err(|_| StoreError::Inconsistent("a scope can't be read"))?;
    Ok(places.map(|places| places.into_iter().map(PlaceId::new).collect()))
}

/// A session as its kind and number.
pub(crate) fn session_columns(session: SessionRef) -> (i16, i64) {
    match session {
        SessionRef::Slot(slot) => (0, slot.get().into()),
        SessionRef::Dated(session) => (1, session.get().into()),
    }
}

/// A session of a kind and number.
pub(crate) fn session(kind: i16, session: i64) -> Result<SessionRef, StoreError> {
    match kind {
        0 => Ok(SessionRef::Slot(SlotId::new(number(session)?))),
        1 => Ok(SessionRef::Dated(SessionId::new(number(session)?))),
        _ => Err(StoreError::Inconsistent("a session's kind is not known")),
    }
}

/// Many values of a column of bytes, as one parameter.
pub(crate) fn columns<'a>(values: impl IntoIterator<Item = &'a [u8; ID_BYTES]>) -> Vec<Vec<u8>> {
    values.into_iter().map(|value| value.to_vec()).collect()
}

/// Many streams, as one parameter.
pub(crate) fn stream_columns(
    keys: impl IntoIterator<Item = StreamKey>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    keys.into_iter().map(stream_column).collect()
}

/// What a stream is and whose, as the table `stream` documents.
pub(crate) fn stream_column(key: StreamKey) -> Result<Vec<u8>, StoreError> {
    Ok(match key {
        StreamKey::Participant(participant) => tagged(1, &[participant.as_bytes()]),
        StreamKey::Device(device) => tagged(2, &[device.as_bytes()]),
        StreamKey::PlaceDay(place, date) => {
            let date = date.as_days() ^ i32::MIN;
            tagged(3, &[&place.get().to_be_bytes(), &date.to_be_bytes()])
        }
        StreamKey::Catalog => tagged(4, &[]),
        StreamKey::Challenge(goal) => tagged(5, &[&goal.get().to_be_bytes()]),
        _ => {
            return Err(StoreError::Inconsistent(
                "this store does not know the stream's kind",
            ));
        }
    })
}

/// What a stream is and whose.
pub(crate) fn stream(column: &[u8]) -> Result<StreamKey, StoreError> {
    const UNREADABLE: StoreError = StoreError::Inconsistent("a stream's key can't be read");
    let (tag, rest) = column.split_first().ok_or(UNREADABLE)?;
    match (tag, rest.len()) {
        (1, ID_BYTES) => Ok(StreamKey::Participant(id::<ParticipantId>(rest)?)),
        (2, ID_BYTES) => Ok(StreamKey::Device(id::<DeviceId>(rest)?)),
        (3, _) => {
            let (place, date) = rest.split_first_chunk().ok_or(UNREADABLE)?;
            let date = i32::from_be_bytes(array(date)?) ^ i32::MIN;
            let place = PlaceId::new(u32::from_be_bytes(*place));
            Ok(StreamKey::PlaceDay(place, LocalDate::from_days(date)))
        }
        (4, 0) => Ok(StreamKey::Catalog),
        (5, _) => Ok(StreamKey::Challenge(GoalId::new(u32::from_be_bytes(
            array(rest)?,
        )))),
        _ => Err(UNREADABLE),
    }
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[&[tag][..]], parts].concat().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_reads_back_as_it_was() {
        for key in [
            StreamKey::Participant(ParticipantId::from_bytes([1; 16])),
            StreamKey::Device(DeviceId::from_bytes([2; 16])),
            StreamKey::PlaceDay(PlaceId::new(7), LocalDate::from_days(-3)),
            StreamKey::PlaceDay(PlaceId::new(u32::MAX), LocalDate::from_days(i32::MAX)),
            StreamKey::Catalog,
            StreamKey::Challenge(GoalId::new(9)),
        ] {
            assert_eq!(stream(&stream_column(key).unwrap()).unwrap(), key);
        }
        for column in [&[][..], &[1], &[4, 4], &[6], &[3, 1, 2]] {
            assert!(stream(column).is_err(), "{column:?}");
        }
    }

    #[test]
    fn a_scope_reads_back_as_it_was() {
        for places in [
            None,
            Some(vec![]),
            Some(vec![PlaceId::new(3), PlaceId::new(1)]),
        ] {
            assert_eq!(scope(scope_column(&places).as_deref()).unwrap(), places);
        }
        assert!(scope(Some("{}")).is_err());
    }
}
