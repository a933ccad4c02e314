//! Keys as text: a recipient is public and begins `age1`, an identity is secret and begins
//! `AGE-SECRET-KEY-1`.

use std::{fmt, str::FromStr};

use bech32::{
    Bech32, Hrp,
    primitives::decode::{CheckedHrpstring, CheckedHrpstringError},
};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize as _, Zeroizing};

use crate::entropy::{Entropy, EntropyFailed, draw};

/// Bytes of either key.
pub(super) const KEY_BYTES: usize = 32;

const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// Text that is no key of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no key of age for X25519")]
pub struct BadKey;

impl From<CheckedHrpstringError> for BadKey {
    fn from(_: CheckedHrpstringError) -> Self {
        Self
    }
}

/// To whom a file is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient([u8; KEY_BYTES]);

impl Recipient {
    pub(super) const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let key = Self(*decoded(text, RECIPIENT)?);
        // One text of each key: as it is written here, without bits that say nothing.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(BadKey)
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, RECIPIENT, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What opens a file. Wiped when it is let go of; shows nothing of itself.
#[derive(Clone)]
pub struct Identity(Zeroizing<[u8; KEY_BYTES]>);

impl Identity {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`EntropyFailed`] when the machine has no randomness to give.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        Ok(Self(Zeroizing::new(draw(entropy)?)))
    }

    /// To whom files for it are sealed.
    pub fn recipient(&self) -> Recipient {
        Recipient(x25519(*self.0, X25519_BASEPOINT_BYTES))
    }

    /// As text, for a file that only its owner reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        let text = bech32::encode_upper::<Bech32>(IDENTITY, &*self.0);
        // So few bytes are never too many for one.
        Zeroizing::new(text.unwrap_or_default())
    }

    pub(super) fn agree(&self, with: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(x25519(*self.0, *with))
    }
}

impl FromStr for Identity {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let key = Self(decoded(text, IDENTITY)?);
        if *key.to_text() == text {
            Ok(key)
        } else {
            Err(BadKey)
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// The identities of a key file: one a line, beside empty lines and comments (`#`).
///
/// # Errors
/// [`BadKey`] for any other line, and when there is none.
pub fn parse_identities(text: &str) -> Result<Vec<Identity>, BadKey> {
    let lines = text.lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Identity> = keys.map(str::parse).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(BadKey);
    }
    Ok(keys)
}

fn decoded(text: &str, kind: Hrp) -> Result<Zeroizing<[u8; KEY_BYTES]>, BadKey> {
    let checked = CheckedHrpstring::new::<Bech32>(text)?;
    if checked.hrp() != kind {
        return Err(BadKey);
    }
    let mut bytes: Vec<u8> = checked.byte_iter().collect();
    let key = bytes.as_slice().try_into().map(Zeroizing::new);
    bytes.zeroize();
    key.map_err(|_| BadKey)
}
