//! The server's own keys, one set a tenant: in a file that only its owner reads, never in the
//! database or its backups.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use askel_sync::{
    id::{DeviceId, TenantId},
    key::{IngestSecretKey, KeyPair, device_id},
    page::PageKey,
};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyFailed, draw};

/// The keys the server holds for one tenant.
#[derive(Clone)]
pub struct ServerKeys {
    /// Issues passes.
    pub pass_issuer: KeyPair,
    /// Lets staff devices work for a while.
    pub staff_certifier: KeyPair,
    /// Stands for the server as a writer of ops.
    pub server_writer: KeyPair,
    code_hash: Zeroizing<[u8; 32]>,
    /// Of the pages handed out: a restored server knows them again.
    page_mac: Arc<PageKey>,
    /// What carried frames are sealed to.
    ingest: IngestSecretKey,
}

/// Which kind of code a hash is of: one never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// Of an invitation or re-invitation.
    Invitation,
    /// Of a recovery sheet.
    RecoverySheet,
}

impl ServerKeys {
    /// Draws new keys.
    ///
    /// # Errors
    /// [`EntropyFailed`] when the machine has no randomness to give.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let key = || Ok(KeyPair::from_seed(&Zeroizing::new(draw(entropy)?)));
        Ok(Self {
            pass_issuer: key()?,
            staff_certifier: key()?,
            server_writer: key()?,
            code_hash: Zeroizing::new(draw(entropy)?),
            page_mac: Arc::new(PageKey::from_bytes(draw(entropy)?)),
            ingest: IngestSecretKey::from_bytes(draw(entropy)?),
        })
    }

    /// The device id under which the server writes.
    pub fn writer_id(&self, tenant: TenantId) -> DeviceId {
        device_id(tenant, &self.server_writer.public_key())
    }

    /// The keyed hash by which a code is stored: HMAC-SHA256 over `askel/code/v1`, a zero byte, the
    /// tenant, the kind and the normalised code.
    pub fn code_hash(&self, tenant: TenantId, kind: CodeKind, code: &[u8]) -> [u8; 32] {
        let kind: &[u8] = match kind {
            CodeKind::Invitation => b"invitation\0",
            CodeKind::RecoverySheet => b"recovery-sheet\0",
        };
        keyed(
            &self.code_hash,
            &[b"askel/code/v1\0", tenant.as_bytes(), kind, code],
        )
    }

    /// The key of the MACs of pages.
    pub fn page_mac(&self) -> Arc<PageKey> {
        Arc::clone(&self.page_mac)
    }

    /// What opens carried frames.
    pub fn ingest(&self) -> &IngestSecretKey {
        &self.ingest
    }

    /// The random bytes of the sheet that follows a used one. They come from the used code, so that
    /// a call which is repeated because its answer was lost tells the same sheet again.
    pub fn next_sheet(&self, tenant: TenantId, code: &[u8]) -> [u8; 16] {
        first(&keyed(
            &self.code_hash,
            &[b"askel/next-sheet/v1\0", tenant.as_bytes(), code],
        ))
    }
}

/// HMAC-SHA256 over the parts together.
fn keyed(key: &Zeroizing<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the hash's block is filled up with zeros, by HMAC's definition.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(**key) {
        *to = from;
    }
    let block: &[u8; 64] = &block;
    let mut hmac = Hmac::<Sha256>::new(block.into());
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

fn first<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    let mut first = [0; N];
    for (to, from) in first.iter_mut().zip(digest) {
        *to = *from;
    }
    first
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerKeys(…)")
    }
}

/// The keys of all tenants of a server.
#[derive(Debug, Clone, Default)]
pub struct Credentials(BTreeMap<TenantId, ServerKeys>);

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialFileError {
    /// It can't be read or written.
    #[error("the server's key file can't be read or written")]
    Io(#[from] io::Error),
    /// It is not what [`Credentials::save`] writes.
    #[error("the server's key file is malformed")]
    Malformed,
    /// Others than its owner may read it, and not only a group to which its owner gives it.
    #[error(
        "the server's key file must be readable by its owner only (mode 0600), or, where that is another \
         user, by its group as well (mode 0440)"
    )]
    OpenToOthers,
}

impl Credentials {
    /// The keys for a tenant.
    pub fn get(&self, tenant: TenantId) -> Option<&ServerKeys> {
        self.0.get(&tenant)
    }

    /// The names under which hints of tenants go from node to node: they say nothing to whoever does not
    /// hold the keys. HMAC-SHA256 over `askel/channel/v1`, a zero byte and the tenant, 16 bytes of it.
    pub fn channels(&self) -> BTreeMap<TenantId, String> {
        let channel = |(tenant, keys): (&TenantId, &ServerKeys)| {
            let label = b"askel/channel/v1\0";
            let digest = keyed(&keys.code_hash, &[label, tenant.as_bytes()]);
            (*tenant, HEXLOWER.encode(&first::<16>(&digest)))
        };
        self.0.iter().map(channel).collect()
    }

    /// Adds or replaces a tenant's keys.
    pub fn insert(&mut self, tenant: TenantId, keys: ServerKeys) {
        self.0.insert(tenant, keys);
    }

    /// Reads the file; no file is no keys.
    ///
    /// # Errors
    /// [`CredentialFileError`] when the file can't be read, is malformed, or others may read it.
    pub fn load(path: &Path) -> Result<Self, CredentialFileError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        check_mode(path)?;
        let file: KeyFile = toml::from_str(&text).map_err(|_| CredentialFileError::Malformed)?;
        let tenants = file.tenant.iter().map(TenantEntry::parse);
        tenants
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(CredentialFileError::Malformed)
    }

    /// Writes the file beside and moves it into place, readable by its owner only.
    ///
    /// # Errors
    /// [`CredentialFileError::Io`] when it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), CredentialFileError> {
        let file = KeyFile {
            tenant: self
                .0
                .iter()
                .map(|(tenant, keys)| TenantEntry::of(*tenant, keys))
                .collect(),
        };
        let text = toml::to_string(&file).map_err(|_| CredentialFileError::Malformed)?;
        write_private(path, Zeroizing::new(text).as_bytes())?;
        Ok(())
    }
}

/// Writes a file that only its owner reads; whatever stood there is replaced at once or not at all.
///
/// # Errors
/// When the file can't be written, synced or moved.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn check_mode(path: &Path) -> Result<(), CredentialFileError> {
    use std::os::unix::fs::MetadataExt as _;
    let file = fs::metadata(path)?;
    if is_closed(file.mode(), file.uid(), geteuid().as_raw()) {
        Ok(())
    } else {
        Err(CredentialFileError::OpenToOthers)
    }
}

/// Whether a file with this mode and owner is closed to all whom `user` does not share it with. A file of
/// somebody else's is given to us by its group: Kubernetes mounts a Secret as root's, with mode 0440.
const fn is_closed(mode: u32, owner: u32, user: u32) -> bool {
    const GROUP_READS: u32 = 0o040;
    let others = if owner == user {
        0o077
    } else {
        0o077 & !GROUP_READS
    };
    mode & others == 0
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    #[serde(default)]
    tenant: Vec<TenantEntry>,
}

#[derive(Serialize, Deserialize)]
struct TenantEntry {
    id: String,
    pass_issuer: String,
    staff_certifier: String,
    server_writer: String,
    code_hash: String,
    page_mac: String,
    ingest: String,
}

impl TenantEntry {
    fn of(tenant: TenantId, keys: &ServerKeys) -> Self {
        let hex = |pair: &KeyPair| HEXLOWER.encode(&*pair.to_seed());
        Self {
            id: HEXLOWER.encode(tenant.as_bytes()),
            pass_issuer: hex(&keys.pass_issuer),
            staff_certifier: hex(&keys.staff_certifier),
            server_writer: hex(&keys.server_writer),
            code_hash: HEXLOWER.encode(&*keys.code_hash),
            page_mac: HEXLOWER.encode(&*keys.page_mac.to_bytes()),
            ingest: HEXLOWER.encode(&*keys.ingest.to_bytes()),
        }
    }

    fn parse(&self) -> Option<(TenantId, ServerKeys)> {
        let seed = |text: &str| bytes_of(text).map(|seed| KeyPair::from_seed(&seed));
        let tenant = HEXLOWER.decode(self.id.as_bytes()).ok()?;
        let keys = ServerKeys {
            pass_issuer: seed(&self.pass_issuer)?,
            staff_certifier: seed(&self.staff_certifier)?,
            server_writer: seed(&self.server_writer)?,
            code_hash: bytes_of(&self.code_hash)?,
            page_mac: Arc::new(PageKey::from_bytes(*bytes_of(&self.page_mac)?)),
            ingest: IngestSecretKey::from_bytes(*bytes_of(&self.ingest)?),
        };
        Some((TenantId::try_from(&*tenant).ok()?, keys))
    }
}

fn bytes_of(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);

    fn keys() -> Credentials {
        let mut credentials = Credentials::default();
        credentials.insert(
            TENANT,
            ServerKeys::generate(&SystemEntropy).expect("randomness"),
        );
        credentials
    }

    #[test]
    fn what_is_saved_is_read_back_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server-keys.toml");
        let saved = keys();
        saved.save(&path).expect("written");
        let read = Credentials::load(&path).expect("read");
        let hash = |keys: &Credentials| {
            let keys = keys.get(TENANT).expect("held");
            let code = keys.code_hash(TENANT, CodeKind::Invitation, b"code");
            (code, keys.page_mac.mac(&[1; 32]), *keys.ingest.to_bytes())
        };
        assert_eq!(hash(&read), hash(&saved));
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server-keys.toml");
        keys().save(&path).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
        let loaded = Credentials::load(&path);
        assert!(matches!(loaded, Err(CredentialFileError::OpenToOthers)));
    }

    #[test]
    fn a_channel_differs_by_tenant_and_key_and_names_neither() {
        let mut ours = keys();
        let same = ours.get(TENANT).expect("held").clone();
        let other = TenantId::from_bytes([2; 16]);
        ours.insert(other, same);
        let channel = |keys: &Credentials, tenant| keys.channels().remove(&tenant).expect("named");
        let name = channel(&ours, TENANT);
        // Every node with this file names it so, also after a restart.
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server-keys.toml");
        ours.save(&path).expect("written");
        let elsewhere = Credentials::load(&path).expect("read");
        assert_eq!(channel(&elsewhere, TENANT), name);
        // The same keys for another tenant, other keys for the same one.
        assert_ne!(channel(&ours, other), name);
        assert_ne!(channel(&keys(), TENANT), name);
        let bytes = HEXLOWER.decode(name.as_bytes()).expect("hex");
        assert_eq!(bytes.len(), 16);
        assert_ne!(bytes, TENANT.as_bytes());
        // Who has what stands in the database computes no name: it takes the key.
        let guess = keyed(
            &Zeroizing::new([0; 32]),
            &[b"askel/channel/v1\0", TENANT.as_bytes()],
        );
        assert_ne!(name, HEXLOWER.encode(&first::<16>(&guess)));
    }

    #[test]
    fn a_group_may_read_what_somebody_else_gives_it_and_no_more() {
        const ROOT: u32 = 0;
        const US: u32 = 65532;
        let check = |owner: u32, mode: u32, expected: bool| {
            // As the kernel says it, with the kind of file in front.
            let closed = is_closed(0o100_000 | mode, owner, US);
            assert_eq!(closed, expected, "{owner} {mode:o}");
        };
        check(US, 0o600, true);
        check(US, 0o400, true);
        check(US, 0o640, false);
        check(US, 0o440, false);
        // As Kubernetes mounts a Secret with `fsGroup`, and one bit past it.
        check(ROOT, 0o440, true);
        check(ROOT, 0o640, true);
        check(ROOT, 0o460, false);
        check(ROOT, 0o450, false);
        check(ROOT, 0o444, false);
        check(ROOT, 0o442, false);
        check(ROOT, 0o441, false);
    }

    #[test]
    fn a_code_of_one_kind_or_tenant_never_passes_for_another() {
        let credentials = keys();
        let keys = credentials.get(TENANT).expect("held");
        let invitation = keys.code_hash(TENANT, CodeKind::Invitation, b"code");
        assert_ne!(
            invitation,
            keys.code_hash(TENANT, CodeKind::RecoverySheet, b"code")
        );
        let other = TenantId::from_bytes([2; 16]);
        assert_ne!(
            invitation,
            keys.code_hash(other, CodeKind::Invitation, b"code")
        );
    }
}
