//! When a certificate ends.

use std::time::Duration;

use askel_sync::time::Timestamp;
use tokio_rustls::rustls::{
    CertificateError, Error, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    pki_types::{CertificateDer, UnixTime},
    server::ParsedCertificate,
};

/// A day that no certificate reaches: the years of its dates have four digits.
const AFTER_ALL: Duration = Duration::MAX;

/// When the first one of a chain ends; `None` for a chain that can't be read.
pub(super) fn ends_at(chain: &[CertificateDer<'_>]) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = chain.iter().map(end).collect();
    ends?.into_iter().min()
}

/// rustls reads certificates and does not tell their dates, but when it refuses one for its age: so it is
/// asked about a day after all of them have ended. The age is looked at before the issuer, of which none
/// is given.
fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = ParsedCertificate::try_from(certificate).ok()?;
    let then = UnixTime::since_unix_epoch(AFTER_ALL);
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], then, &[]) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let ms = not_after.as_secs().checked_mul(1_000)?;
            Some(Timestamp::from_ms(i64::try_from(ms).ok()?))
        }
        _ => None,
    }
}
