//! Crockford's base 32: for codes that people type and for QR codes in alphanumeric mode.
//!
//! Digits and letters without I, L, O and U. Bits go most significant first; the last symbol is
//! filled up with zero bits. Reading takes lower case and the look-alikes (O for 0, I and L for 1).

/// The symbols by value.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bits of a symbol.
const SYMBOL_BITS: u32 = 5;

/// Writes bytes as symbols.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        // At most 4 bits are held over, so 12 bits never overflow.
        held = (held << 8) | u32::from(*byte);
        bits = bits.saturating_add(8);
        while bits >= SYMBOL_BITS {
            bits = bits.saturating_sub(SYMBOL_BITS);
            text.push(symbol(held >> bits));
            held = low_bits(held, bits);
        }
    }
    if bits > 0 {
        text.push(symbol(held << SYMBOL_BITS.saturating_sub(bits)));
    }
    text
}

/// Reads symbols; `None` for a character that is none, or filling bits that are not zero.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for character in text.chars() {
        held = (held << SYMBOL_BITS) | value(character)?;
        bits = bits.saturating_add(SYMBOL_BITS);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from(held >> bits).ok()?);
            held = low_bits(held, bits);
        }
    }
    (held == 0 && bits < SYMBOL_BITS).then_some(bytes)
}

/// The canonical symbol of a character; `None` if it is none.
pub(crate) fn canonical(character: char) -> Option<char> {
    value(character).map(symbol)
}

fn low_bits(value: u32, bits: u32) -> u32 {
    value & !(u32::MAX << bits)
}

fn symbol(value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or(0);
    SYMBOLS.get(index).map_or('0', |symbol| char::from(*symbol))
}

fn value(character: char) -> Option<u32> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let index = SYMBOLS
        .iter()
        .position(|symbol| char::from(*symbol) == upper)?;
    u32::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_look_alikes_are_read() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length)
                .map(|index| index.wrapping_mul(37) ^ 0xa5)
                .collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(encode(b"\x00\x44\x32"), "01234".to_owned() + "");
        assert_eq!(decode("oi"), decode("01"));
        assert_eq!(decode("lI"), decode("11"));
    }

    #[test]
    fn what_is_no_symbol_or_not_filled_with_zeros_is_refused() {
        for bad in ["U0", "0-", "ä0", "01", "0", "000"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode("00"), Some(vec![0]));
    }
}
