//! Passes: what a participant shows, signed by the pass issuer; the same on a card and a phone.
//!
//! A pass carries a random tag and nothing else: the server alone knows whose it is, and a scanner
//! without a network can tell that it is genuine.

use askel_proto::v1;
use prost::Message as _;

pub use askel_proto::v1::PassForm;

use crate::{
    base32,
    id::{PassTag, TenantId},
    key::{BadSignature, KeyList, KeyPair, Purpose, SIGNATURE_BYTES},
    limits::PASS_TEXT_BYTES_MAX,
    time::Timestamp,
};

/// A pass that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pass {
    /// Random.
    pub tag: PassTag,
    /// On what it is shown.
    pub form: PassForm,
}

/// Why a pass is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// Not a pass at all: another code was scanned.
    #[error("this is not a pass")]
    NotAPass,
    /// No pass issuer of this tenant signed it.
    #[error("the pass is not of this tenant")]
    BadSignature,
}

impl From<BadSignature> for PassError {
    fn from(_: BadSignature) -> Self {
        Self::BadSignature
    }
}

/// What a pass's text begins with. The whole text is of QR's alphanumeric set.
const TEXT_PREFIX: &str = "ASKEL:PASS:1:";

/// Makes and signs a pass with the issuer's key.
pub fn issue(tag: PassTag, form: PassForm, tenant: TenantId, issuer: &KeyPair) -> v1::SignedPass {
    let pass = v1::Pass {
        tag: tag.to_vec(),
        form: form.into(),
    }
    .encode_to_vec();
    let signature = issuer.sign(Purpose::Pass, tenant, &pass);
    v1::SignedPass { pass, signature }
}

/// Verifies a pass against the issuer's keys that are good at an instant.
///
/// # Errors
/// [`PassError`], by the first check that fails.
pub fn verify(
    signed: &v1::SignedPass,
    tenant: TenantId,
    keys: &KeyList,
    at: Timestamp,
) -> Result<Pass, PassError> {
    let genuine = keys.good_keys(v1::KeyPurpose::PassIssuer, at).any(|key| {
        key.verify(Purpose::Pass, tenant, &signed.pass, &signed.signature)
            .is_ok()
    });
    if !genuine {
        return Err(PassError::BadSignature);
    }
    let pass = v1::Pass::decode(&*signed.pass).map_err(|_| PassError::NotAPass)?;
    let tag = PassTag::try_from(&*pass.tag).map_err(|_| PassError::NotAPass)?;
    Ok(Pass {
        tag,
        form: pass.form(),
    })
}

/// A pass as the text of a QR code: `ASKEL:PASS:1:` and, in Crockford's base 32, the signature (64
/// bytes) and the pass.
pub fn to_text(signed: &v1::SignedPass) -> String {
    let bytes = [&*signed.signature, &*signed.pass].concat();
    format!("{TEXT_PREFIX}{}", base32::encode(&bytes))
}

/// Reads the text of a QR code.
///
/// # Errors
/// [`PassError::NotAPass`] for anything that [`to_text`] does not write.
pub fn from_text(text: &str) -> Result<v1::SignedPass, PassError> {
    if text.len() > PASS_TEXT_BYTES_MAX {
        return Err(PassError::NotAPass);
    }
    let symbols = text.strip_prefix(TEXT_PREFIX).ok_or(PassError::NotAPass)?;
    let bytes = base32::decode(symbols).ok_or(PassError::NotAPass)?;
    let (signature, pass) = bytes
        .split_at_checked(SIGNATURE_BYTES)
        .ok_or(PassError::NotAPass)?;
    Ok(v1::SignedPass {
        pass: pass.to_vec(),
        signature: signature.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyEntry;

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);
    const TAG: PassTag = PassTag::from_bytes([9; 16]);

    fn keys(issuer: &KeyPair) -> KeyList {
        let entry = KeyEntry {
            purpose: v1::KeyPurpose::PassIssuer,
            public_key: issuer.public_key().into(),
            from: Timestamp::from_ms(0),
            until: Timestamp::from_ms(100),
            revoked: false,
        };
        KeyList {
            version: 1,
            expires_at: Timestamp::from_ms(100),
            keys: vec![entry],
        }
    }

    #[test]
    fn a_pass_is_good_for_its_tenant_and_while_its_issuer_is() {
        let issuer = KeyPair::from_seed(&[5; 32]);
        let signed = issue(TAG, PassForm::Card, TENANT, &issuer);
        let check = |tenant, at| verify(&signed, tenant, &keys(&issuer), Timestamp::from_ms(at));
        assert_eq!(
            check(TENANT, 50),
            Ok(Pass {
                tag: TAG,
                form: PassForm::Card
            })
        );
        assert_eq!(check(TENANT, 100), Err(PassError::BadSignature));
        let other = TenantId::from_bytes([2; 16]);
        assert_eq!(check(other, 50), Err(PassError::BadSignature));
        let stranger = keys(&KeyPair::from_seed(&[6; 32]));
        let foreign = verify(&signed, TENANT, &stranger, Timestamp::from_ms(50));
        assert_eq!(foreign, Err(PassError::BadSignature));
    }

    #[test]
    fn a_pass_comes_back_from_its_text_and_other_codes_do_not() {
        let signed = issue(TAG, PassForm::Phone, TENANT, &KeyPair::from_seed(&[5; 32]));
        let text = to_text(&signed);
        assert_eq!(from_text(&text), Ok(signed));
        assert!(
            text.chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ':')
        );
        let long = format!("{text}{}", "0".repeat(PASS_TEXT_BYTES_MAX));
        for bad in [
            "",
            "https://example.org",
            "ASKEL:PASS:1:",
            "ASKEL:PASS:1:0",
            &long,
        ] {
            assert_eq!(from_text(bad), Err(PassError::NotAPass), "{bad}");
        }
    }
}
