//! The proof that whoever asks to be enrolled has the device key.

use super::{BadSignature, KeyPair, PublicKey, Purpose};
use crate::id::TenantId;

/// Signs the wish to be enrolled: purpose `enrol` over the normalised code (ASCII, see
/// [`crate::invitation::normalise`]; empty for an approval) and the public key's 32 bytes.
pub fn prove_enrolment(key: &KeyPair, tenant: TenantId, code: &str) -> Vec<u8> {
    key.sign(Purpose::Enrol, tenant, &message(&key.public_key(), code))
}

/// Verifies such a proof.
///
/// # Errors
/// [`BadSignature`] when the key did not sign this code for this tenant.
pub fn verify_enrolment(
    key: &PublicKey,
    tenant: TenantId,
    code: &str,
    proof: &[u8],
) -> Result<(), BadSignature> {
    key.verify(Purpose::Enrol, tenant, &message(key, code), proof)
}

fn message(key: &PublicKey, code: &str) -> Vec<u8> {
    [code.as_bytes(), key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_key_tenant_and_code() {
        let tenant = TenantId::from_bytes([1; 16]);
        let key = KeyPair::from_seed(&[2; 32]);
        let proof = prove_enrolment(&key, tenant, "0123456789A0");
        let verify = |key: &KeyPair, tenant, code| {
            verify_enrolment(&key.public_key(), tenant, code, &proof).is_ok()
        };
        assert!(verify(&key, tenant, "0123456789A0"));
        assert!(!verify(&key, tenant, "0123456789A1"));
        assert!(!verify(&key, tenant, ""));
        assert!(!verify(&key, TenantId::from_bytes([2; 16]), "0123456789A0"));
        assert!(!verify(
            &KeyPair::from_seed(&[3; 32]),
            tenant,
            "0123456789A0"
        ));
    }
}
