//! Codes that let a device in, and the links that carry them.
//!
//! A code is random bytes in Crockford's base 32, in groups of four for the eye. The server keeps a
//! keyed hash of it, never the code.

mod link;

pub use link::{Link, LinkError, LinkKind};

use crate::base32;

/// Symbols of a participant's code: 56 bits.
const PARTICIPANT_SYMBOLS: usize = 12;
/// Symbols of a 128-bit code.
const LONG_SYMBOLS: usize = 26;
/// Symbols of a group.
const GROUP: usize = 4;

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a code: it has {PARTICIPANT_SYMBOLS} or {LONG_SYMBOLS} letters and digits")]
pub struct NotACode;

/// A participant's invitation code from 56 random bits: `XXXX-XXXX-XXXX`.
pub fn participant_code(random: [u8; 7]) -> String {
    grouped(&base32::encode(&random))
}

/// A code of 128 random bits, for staff and recovery sheets.
pub fn long_code(random: [u8; 16]) -> String {
    grouped(&base32::encode(&random))
}

/// A staff invitation code from 128 random bits.
pub fn staff_code(random: [u8; 16]) -> String {
    long_code(random)
}

/// The code without spaces, hyphens, lower case and look-alikes: what is hashed and signed.
///
/// # Errors
/// [`NotACode`] for another length or other characters.
pub fn normalise(code: &str) -> Result<String, NotACode> {
    let mut normal = String::new();
    for character in code.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        normal.push(base32::canonical(character).ok_or(NotACode)?);
        if normal.len() > LONG_SYMBOLS {
            return Err(NotACode);
        }
    }
    if [PARTICIPANT_SYMBOLS, LONG_SYMBOLS].contains(&normal.len()) {
        Ok(normal)
    } else {
        Err(NotACode)
    }
}

fn grouped(symbols: &str) -> String {
    let mut text = String::new();
    for (index, symbol) in symbols.chars().enumerate() {
        if index > 0 && index.is_multiple_of(GROUP) {
            text.push('-');
        }
        text.push(symbol);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = participant_code([0, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54]);
        assert_eq!(code, "0123-4567-89A0");
        for typed in [
            "0123-4567-89a0",
            " o1 23 4567-89AO ",
            "0I234567-89A0",
            "0l23456789a0",
        ] {
            assert_eq!(normalise(typed).as_deref(), Ok("0123456789A0"), "{typed}");
        }
    }

    #[test]
    fn other_lengths_and_characters_are_no_code() {
        let long = staff_code([0xff; 16]);
        assert_eq!(normalise(&long).map(|code| code.len()), Ok(26));
        let too_long = format!("{long}0");
        for bad in [
            "",
            "0123-4567-89A",
            "0123-4567-89A00",
            "0123-4567-89AU",
            &too_long,
        ] {
            assert_eq!(normalise(bad), Err(NotACode), "{bad}");
        }
    }
}
