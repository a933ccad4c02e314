//! Randomness for ports, passwords and names.

use std::{fs::File, io::Read as _};

use crate::Error;

const SOURCE: &str = "/dev/urandom";

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    File::open(SOURCE)
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(Error::at(SOURCE))
        .map(|()| bytes)
}

/// A word that nobody guesses: 32 hex digits.
pub(crate) fn word() -> Result<String, Error> {
    Ok(format!("{:032x}", u128::from_le_bytes(bytes()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ() {
        let [one, two] = [word().expect("random"), word().expect("random")];
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
