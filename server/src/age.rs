//! Files that only the holder of a key kept elsewhere can read: the format of age
//! (<https://age-encryption.org/v1>) with X25519 keys.
//!
//! Whoever has `age` or another program of that format can make the keys and read the files without
//! Askel. Only what a backup needs is here: no passphrases, no text armour, no plugins. A file is a
//! stream of pieces of 64 KiB, each of them and their end authenticated: what is read was written so,
//! and one that was cut short is told from a whole one.

mod header;
mod key;
mod stream;

use std::io;

pub use key::{BadKey, Identity, Recipient, parse_identities};
pub use stream::{Opener, Sealer};

use crate::entropy::EntropyFailed;

/// Those to whom one file is sealed, at most.
pub const RECIPIENTS_MAX: usize = 20;

/// How a file of this format begins.
pub const MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// A file can't be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// There is nobody to seal it to, or too many.
    #[error("a file is sealed to 1 to {RECIPIENTS_MAX} recipients")]
    Recipients,
    /// It does not begin as such a file does, or goes on in a way that this build can't read.
    #[error("the head of the encrypted file can't be read")]
    Head,
    /// It was sealed to others.
    #[error("the key does not open the file: it was encrypted to another one")]
    WrongKey,
    /// It ends before its end.
    #[error("the encrypted file was cut short")]
    CutShort,
    /// It is not what was sealed.
    #[error("the encrypted file is damaged: it was changed or cut short")]
    Damaged,
    /// The machine gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// It can't be read or written.
    #[error("the encrypted file can't be read or written")]
    Io(#[source] io::Error),
}

impl From<io::Error> for AgeError {
    /// What an [`Opener`] told its reader is told again as it was.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<AgeError> for io::Error {
    fn from(error: AgeError) -> Self {
        match error {
            AgeError::Io(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

#[cfg(test)]
mod tests;
