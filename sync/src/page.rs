//! What the MAC of a page covers, so that a reader can hand it back to a restored server.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    admission::AdmittedOp,
    id::{StreamId, TenantId},
};

/// Bytes of a page's MAC.
pub const PAGE_MAC_BYTES: usize = 8;
/// Bytes of the key behind it.
pub const PAGE_KEY_BYTES: usize = 32;

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageSpan {
    /// The stream, by the handle it had then.
    pub stream: StreamId,
    /// The position of the first op.
    pub first_position: u64,
    /// Where a reader stands once the page is committed.
    pub next_position: u64,
}

/// The server's key for pages; kept outside the database.
pub struct PageKey(Zeroizing<[u8; PAGE_KEY_BYTES]>);

impl PageKey {
    /// Wraps random bytes.
    pub fn from_bytes(bytes: [u8; PAGE_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the credential file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; PAGE_KEY_BYTES]> {
        self.0.clone()
    }

    /// The first eight bytes of HMAC-SHA256 over a page's [`digest`].
    pub fn mac(&self, digest: &[u8; 32]) -> [u8; PAGE_MAC_BYTES] {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.0);
        let tag = mac.map(|mac| mac.chain_update(digest).finalize().into_bytes());
        tag.ok()
            .and_then(|tag| tag.first_chunk().copied())
            .unwrap_or_default()
    }

    /// Whether a page with this digest carries its own MAC; takes the same time either way.
    pub fn verifies(&self, digest: &[u8; 32], mac: &[u8]) -> bool {
        self.mac(digest).ct_eq(mac).into()
    }
}

impl std::fmt::Debug for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageKey(…)")
    }
}

/// SHA-256 over `askel/page/v1`, a zero byte, tenant, stream, first and next position (8 bytes each),
/// the number of ops (4), then of each op: kind (4), length of the payload (4), payload, origin log,
/// origin sequence (8), corrected and received time (8 each), strength, flags and author's role (4
/// each), length of the subject (1), subject. All numbers are big-endian; docs/signing.md says the
/// same.
pub fn digest(tenant: TenantId, span: &PageSpan, ops: &[AdmittedOp]) -> [u8; 32] {
    let mut hash = Sha256::new()
        .chain_update(b"askel/page/v1\0")
        .chain_update(tenant.as_bytes())
        .chain_update(span.stream.as_bytes())
        .chain_update(span.first_position.to_be_bytes())
        .chain_update(span.next_position.to_be_bytes())
        .chain_update(length(ops.len()));
    for AdmittedOp { op, admission } in ops {
        let subject = admission
            .subject
            .as_ref()
            .map_or(&[][..], |subject| subject.as_bytes());
        hash.update(op.kind.to_be_bytes());
        hash.update(length(op.payload.len()));
        hash.update(&op.payload);
        hash.update(op.origin.log.as_bytes());
        hash.update(op.origin.sequence.to_be_bytes());
        hash.update(admission.corrected_at.as_ms().to_be_bytes());
        hash.update(admission.received_at.as_ms().to_be_bytes());
        hash.update((admission.strength as i32).to_be_bytes());
        hash.update(admission.flags.bits().to_be_bytes());
        hash.update((admission.author_role as i32).to_be_bytes());
        hash.update([u8::try_from(subject.len()).unwrap_or(u8::MAX)]);
        hash.update(subject);
    }
    hash.finalize().into()
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}
