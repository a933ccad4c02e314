//! The canonical form of a payload: minimal varints, ascending tags.
//!
//! An op is hashed and signed as bytes and never re-encoded, so a second form of the same content
//! would only be a second op. Refusing it at admission keeps "the same fact" and "the same bytes"
//! one thing. Fields this version does not know are legal.
//!
//! Only the outer message is checked. Whether the bytes of a field are a message depends on the kind,
//! and for a field of a later version nobody here can tell. A nested message in another form, a field
//! given twice or a zero written out is therefore taken as it is: another op with another id, which
//! its writer could have written anyway. Registers and attendances count it once, and a compact
//! encoding carries such bytes as they are.

/// A payload that is not in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not in canonical form")]
pub struct NotCanonical;

/// Checks the outer message: well-formed fields, minimal varints, tags that never descend.
pub(super) fn check(mut rest: &[u8]) -> Result<(), NotCanonical> {
    let mut last_field = 0;
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        let field = key >> 3;
        if field == 0 || field < last_field || field > MAX_FIELD {
            return Err(NotCanonical);
        }
        last_field = field;
        match key & 7 {
            0 => {
                take_varint(&mut rest)?;
            }
            1 => take_bytes(&mut rest, 8)?,
            2 => {
                let length = take_varint(&mut rest)?;
                take_bytes(
                    &mut rest,
                    usize::try_from(length).map_err(|_| NotCanonical)?,
                )?;
            }
            5 => take_bytes(&mut rest, 4)?,
            _ => return Err(NotCanonical),
        }
    }
    Ok(())
}

/// The largest field number of protobuf.
const MAX_FIELD: u64 = (1 << 29) - 1;
/// Bytes of the longest varint.
const VARINT_BYTES_MAX: usize = 10;

fn take_varint(rest: &mut &[u8]) -> Result<u64, NotCanonical> {
    let mut value: u64 = 0;
    for index in 0..VARINT_BYTES_MAX {
        let (&byte, tail) = rest.split_first().ok_or(NotCanonical)?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        let shift = 7_u32.saturating_mul(u32::try_from(index).map_err(|_| NotCanonical)?);
        let shifted = bits.checked_shl(shift).ok_or(NotCanonical)?;
        if shifted >> shift != bits {
            return Err(NotCanonical);
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            let minimal = index == 0 || byte != 0;
            return if minimal {
                Ok(value)
            } else {
                Err(NotCanonical)
            };
        }
    }
    Err(NotCanonical)
}

fn take_bytes(rest: &mut &[u8], length: usize) -> Result<(), NotCanonical> {
    *rest = rest.get(length..).ok_or(NotCanonical)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_ascending_form_passes() {
        let check_form = |bytes: &[u8], expected: bool| {
            assert_eq!(check(bytes).is_ok(), expected, "{bytes:02x?}");
        };
        check_form(&[], true);
        check_form(&[0x08, 0x01], true);
        check_form(&[0x08, 0x81, 0x00], false);
        check_form(&[0x08, 0x80], false);
        check_form(&[0x10, 0x01, 0x08, 0x01], false);
        check_form(&[0x0a, 0x02, 1, 2], true);
        check_form(&[0x0a, 0x03, 1, 2], false);
        check_form(&[0x00, 0x01], false);
        check_form(&[0x0b], false);
        let widest = [
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        check_form(&widest, true);
        let past = [
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
        ];
        check_form(&past, false);
    }
}
