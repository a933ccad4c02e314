//! The call credential: a self-signed statement that a device calls now. No bearer secret exists.
//!
//! 105 bytes, as base64url without padding in the ASCII metadata key `askel-credential`:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 16 | tenant id |
//! | 16 | device id |
//! | 8 | issued at, milliseconds since 1970-01-01T00:00:00Z, big-endian, two's complement |
//! | 64 | Ed25519 with purpose `call` over the 41 bytes before and the audience |
//!
//! The audience is the server's name as it told at enrolment, in UTF-8: a credential for one server
//! is none for another. It is good ten minutes either way and may be used again in that time.

use data_encoding::BASE64URL_NOPAD;

use super::{KeyPair, PublicKey, Purpose, SIGNATURE_BYTES};
use crate::{
    id::{DeviceId, ID_BYTES, TenantId},
    limits::CREDENTIAL_SKEW_MS_MAX,
    time::Timestamp,
};

/// The metadata key of calls.
pub const METADATA_KEY: &str = "askel-credential";

/// Who calls, and when it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCredential {
    /// Whose server part is called.
    pub tenant: TenantId,
    /// Who calls.
    pub device: DeviceId,
    /// When the credential was made, by the device's clock.
    pub issued_at: Timestamp,
}

/// A credential as it was read, not verified yet: its device's key has to be looked up first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCredential {
    /// What it says.
    pub claimed: CallCredential,
    signature: Vec<u8>,
}

/// Why a credential is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Not a credential of this version.
    #[error("the credential can't be read")]
    Malformed,
    /// Made too long ago, or too far ahead; a device whose clock is off corrects it and tries again.
    #[error("the credential is stale")]
    Stale,
    /// The device's key did not sign it, or for another audience.
    #[error("the credential's signature does not fit")]
    BadSignature,
}

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 1 + ID_BYTES + ID_BYTES + 8;
const TEXT_BYTES: usize = (SIGNED_BYTES + SIGNATURE_BYTES) * 4 / 3;

impl CallCredential {
    /// Signs for an audience; the text for the call's metadata.
    pub fn sign(&self, key: &KeyPair, audience: &str) -> String {
        let signature = key.sign(Purpose::Call, self.tenant, &self.message(audience));
        BASE64URL_NOPAD.encode(&[self.layout(), signature].concat())
    }

    /// Reads the text of a call's metadata.
    ///
    /// # Errors
    /// [`CredentialError::Malformed`].
    pub fn parse(text: &str) -> Result<UnverifiedCredential, CredentialError> {
        if text.len() != TEXT_BYTES {
            return Err(CredentialError::Malformed);
        }
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| CredentialError::Malformed)?;
        let read = || {
            let (version, rest) = bytes.split_first()?;
            let (tenant, rest) = rest.split_at_checked(ID_BYTES)?;
            let (device, rest) = rest.split_at_checked(ID_BYTES)?;
            let (issued_at, signature) = rest.split_first_chunk::<8>()?;
            let claimed = Self {
                tenant: TenantId::try_from(tenant).ok()?,
                device: DeviceId::try_from(device).ok()?,
                issued_at: Timestamp::from_ms(i64::from_be_bytes(*issued_at)),
            };
            let signature = signature.to_vec();
            (*version == VERSION).then_some(UnverifiedCredential { claimed, signature })
        };
        read().ok_or(CredentialError::Malformed)
    }

    fn layout(&self) -> Vec<u8> {
        let issued_at = self.issued_at.as_ms().to_be_bytes();
        [
            &[VERSION][..],
            self.tenant.as_bytes(),
            self.device.as_bytes(),
            &issued_at,
        ]
        .concat()
    }

    fn message(&self, audience: &str) -> Vec<u8> {
        [&*self.layout(), audience.as_bytes()].concat()
    }
}

impl UnverifiedCredential {
    /// Whether it is of now, give or take.
    ///
    /// # Errors
    /// [`CredentialError::Stale`] past ten minutes either way.
    pub fn check_time(&self, now: Timestamp) -> Result<(), CredentialError> {
        let age_ms = now.saturating_ms_since(self.claimed.issued_at);
        if age_ms.saturating_abs() > CREDENTIAL_SKEW_MS_MAX {
            return Err(CredentialError::Stale);
        }
        Ok(())
    }

    /// Verifies time and signature with the key of the claimed device.
    ///
    /// # Errors
    /// [`CredentialError::Stale`] past ten minutes either way, then
    /// [`CredentialError::BadSignature`].
    pub fn verify(
        &self,
        key: &PublicKey,
        audience: &str,
        now: Timestamp,
    ) -> Result<(), CredentialError> {
        self.check_time(now)?;
        let message = self.claimed.message(audience);
        key.verify(
            Purpose::Call,
            self.claimed.tenant,
            &message,
            &self.signature,
        )
        .map_err(|_| CredentialError::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_460_000_000_000);

    fn credential() -> CallCredential {
        CallCredential {
            tenant: TenantId::from_bytes([1; 16]),
            device: DeviceId::from_bytes([2; 16]),
            issued_at: NOW,
        }
    }

    #[test]
    fn a_credential_is_good_for_ten_minutes_either_way_and_one_audience() {
        let key = KeyPair::from_seed(&[3; 32]);
        let read = CallCredential::parse(&credential().sign(&key, "askel.example"));
        let read = read.expect("just written");
        assert_eq!(read.claimed, credential());
        let check = |audience, late_ms, expected| {
            let now = NOW.saturating_add_ms(late_ms);
            assert_eq!(read.verify(&key.public_key(), audience, now), expected);
        };
        check("askel.example", CREDENTIAL_SKEW_MS_MAX, Ok(()));
        check("askel.example", -CREDENTIAL_SKEW_MS_MAX, Ok(()));
        check(
            "askel.example",
            CREDENTIAL_SKEW_MS_MAX + 1,
            Err(CredentialError::Stale),
        );
        check(
            "askel.example",
            -CREDENTIAL_SKEW_MS_MAX - 1,
            Err(CredentialError::Stale),
        );
        check("other.example", 0, Err(CredentialError::BadSignature));
        let stranger = KeyPair::from_seed(&[4; 32]).public_key();
        let foreign = read.verify(&stranger, "askel.example", NOW);
        assert_eq!(foreign, Err(CredentialError::BadSignature));
    }

    #[test]
    fn another_version_or_length_can_not_be_read() {
        let text = credential().sign(&KeyPair::from_seed(&[3; 32]), "askel.example");
        let other_version = format!("AA{}", &text[2..]);
        for bad in [
            "",
            &text[1..],
            &format!("{text}A"),
            &other_version,
            &text.replace('A', "!"),
        ] {
            assert_eq!(
                CallCredential::parse(bad),
                Err(CredentialError::Malformed),
                "{bad}"
            );
        }
    }
}
