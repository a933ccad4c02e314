use std::path::Path;

use tempfile::TempDir;

use super::*;

macro_rules! pem {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../client-sdk/tests/tls/certificates/",
            $name,
            ".pem"
        ))
    };
}

/// For `localhost`, until 2120.
const GOOD: &[u8] = pem!("good");
/// Of the same key, for another name.
const ELSEWHERE: &[u8] = pem!("elsewhere");
/// The same until 2021.
const EXPIRED: &[u8] = pem!("expired");
const KEY: &[u8] = pem!("server.key");
const OTHER_KEY: &[u8] = pem!("other.key");

/// A certificate for `localhost`, and its key.
pub(crate) fn good() -> Arc<Tls> {
    Arc::new(Folder::with(GOOD, KEY).load().expect("good files"))
}

/// Two files in a folder.
struct Folder {
    files: TlsFiles,
    _folder: TempDir,
}

impl Folder {
    fn with(certificate: &[u8], key: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TlsFiles {
            certificate: folder.path().join("chain.pem"),
            key: folder.path().join("key.pem"),
        };
        let folder = Self {
            files,
            _folder: folder,
        };
        hold(&folder.files.certificate, certificate);
        hold(&folder.files.key, key);
        folder
    }

    fn certify(&self, certificate: &[u8]) {
        hold(&self.files.certificate, certificate);
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(self.files.clone())
    }

    fn refusal(&self) -> String {
        self.load().err().expect("refused").to_string()
    }
}

fn hold(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_certificate_with_its_key_is_served() {
    let tls = Folder::with(GOOD, KEY).load().expect("good");
    let config = tls.served().config;
    assert_eq!(config.alpn_protocols, [HTTP_2.to_vec()]);
    assert_eq!(
        config.max_early_data_size, 0,
        "nothing that can be replayed"
    );
}

#[test]
fn each_fault_of_the_files_is_told_by_its_file() {
    let missing = Folder::with(GOOD, KEY);
    std::fs::remove_file(&missing.files.key).expect("removed");
    let refusal = missing.refusal();
    assert!(refusal.contains("key.pem can't be read"), "{refusal}");
    let large = vec![b'-'; 1 + usize::try_from(crate::limits::TLS_FILE_BYTES_MAX).expect("small")];
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, expected) in [
        (&b""[..], KEY, "chain.pem holds no certificate"),
        (KEY, KEY, "chain.pem holds no certificate"),
        (GOOD, b"", "key.pem holds no private key"),
        (GOOD, GOOD, "key.pem holds no private key"),
        (GOOD, OTHER_KEY, "key.pem does not belong"),
        (broken, KEY, "chain.pem and its key can't be used"),
        (&large, KEY, "chain.pem is no certificate or key"),
        (&large[1..], KEY, "chain.pem holds no certificate"),
    ] {
        let refusal = Folder::with(certificate, key).refusal();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn no_line_of_a_key_is_repeated() {
    let torn = [b"-----BEGIN secret of the key\n", KEY].concat();
    let error = Folder::with(GOOD, &torn).load().err().expect("refused");
    assert!(!format!("{error:?} {error}").contains("secret"));
}

#[test]
fn a_chain_ends_with_its_first_certificate_that_does() {
    let ends_at = |certificate: &[u8]| {
        let tls = Folder::with(certificate, KEY).load().expect("good");
        tls.served().ends_at.map(Timestamp::as_ms)
    };
    // 1 January 2120 and 2021.
    assert_eq!(ends_at(GOOD), Some(4_733_510_400_000));
    assert_eq!(ends_at(EXPIRED), Some(1_609_459_200_000));
    let chain = [GOOD, EXPIRED].concat();
    assert_eq!(ends_at(&chain), Some(1_609_459_200_000));
    let chain = [GOOD, pem!("issuer")].concat();
    assert!(ends_at(&chain).is_some(), "an issuer's end can be told");
}

#[test]
fn what_is_new_and_good_is_served_and_what_is_not_changes_nothing() {
    let folder = Folder::with(GOOD, KEY);
    let tls = folder.load().expect("good");
    let first = tls.served().config;
    let still = |tls: &Tls| Arc::ptr_eq(&first, &tls.served().config);
    assert!(matches!(tls.look(), Looked::Same));
    folder.certify(b"torn");
    assert!(matches!(tls.look(), Looked::Same), "it may come yet");
    assert!(matches!(
        tls.look(),
        Looked::Unusable(TlsError::NoCertificate(_))
    ));
    assert!(matches!(tls.look(), Looked::Same), "told once");
    hold(&folder.files.key, OTHER_KEY);
    folder.certify(GOOD);
    assert!(matches!(tls.look(), Looked::Same));
    assert!(matches!(
        tls.look(),
        Looked::Unusable(TlsError::KeyOfAnother { .. })
    ));
    std::fs::remove_file(&folder.files.key).expect("removed");
    assert!(matches!(tls.look(), Looked::Same));
    assert!(matches!(
        tls.look(),
        Looked::Unusable(TlsError::Unreadable(..))
    ));
    assert!(still(&tls));
    hold(&folder.files.key, KEY);
    assert!(matches!(tls.look(), Looked::Same), "as it was");
    folder.certify(ELSEWHERE);
    assert!(matches!(tls.look(), Looked::Replaced));
    assert!(!still(&tls));
    assert!(matches!(tls.look(), Looked::Same));
}
