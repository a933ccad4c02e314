//! A certificate chain and its key, read from two PEM files.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::{
    self, InconsistentKeys,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use zeroize::Zeroizing;

use crate::{config::TlsFiles, limits::TLS_FILE_BYTES_MAX};

/// The server can't speak TLS with what it was given. No line of a file is repeated: it may be the key's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing, or may not be read.
    #[error("the TLS file {0} can't be read")]
    Unreadable(PathBuf, #[source] io::Error),
    /// A file is far larger than certificates are.
    #[error("the TLS file {0} is no certificate or key: it is too large")]
    TooLarge(PathBuf),
    /// The file has no certificate, or a broken one.
    #[error("the file {0} holds no certificate (PEM)")]
    NoCertificate(PathBuf),
    /// The file has no private key.
    #[error("the file {0} holds no private key (PEM, not encrypted)")]
    NoKey(PathBuf),
    /// The key is of another certificate.
    #[error("the key in {key} does not belong to the certificate in {certificate}")]
    KeyOfAnother {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// Something else that rustls does not take.
    #[error("the certificate in {0} and its key can't be used")]
    Unusable(PathBuf, #[source] rustls::Error),
}

impl TlsError {
    /// What rustls says of a pair of files.
    pub(super) fn of(error: rustls::Error, files: &TlsFiles) -> Self {
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::KeyOfAnother {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
            error => Self::Unusable(files.certificate.clone(), error),
        }
    }
}

/// What two files hold.
pub(super) struct Pair {
    /// The server's own certificate first, then those of who issued it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Of the files' bytes: says whether they are others than before.
    pub(super) digest: [u8; 32],
}

/// Reads both files. Whether the key belongs to the certificate is not looked at.
pub(super) fn read(files: &TlsFiles) -> Result<Pair, TlsError> {
    let certificate = bytes(&files.certificate)?;
    let key = bytes(&files.key)?;
    let no_certificate = || TlsError::NoCertificate(files.certificate.clone());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
    let chain = chain.map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let parsed = PrivateKeyDer::from_pem_slice(&key);
    let digest = Sha256::new()
        .chain_update(Sha256::digest(&*certificate))
        .chain_update(Sha256::digest(&*key));
    Ok(Pair {
        chain,
        key: parsed.map_err(|_| TlsError::NoKey(files.key.clone()))?,
        digest: digest.finalize().into(),
    })
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |error| TlsError::Unreadable(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(TLS_FILE_BYTES_MAX.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}
