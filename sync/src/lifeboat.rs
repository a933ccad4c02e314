//! Carried frames: sealed batches of a device on their way to the server in other hands, as a file, a
//! QR code or on another device.
//!
//! A frame is sealed to the server's ingest key with HPKE (RFC 9180: base mode, X25519, HKDF-SHA256,
//! ChaCha20-Poly1305), so that whoever carries it learns nothing. Sealing says nothing of who wrote it:
//! that the signatures of the batches do.

use askel_proto::v1;
use hpke::{
    Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _,
    aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
    kem::X25519HkdfSha256,
    rand_core::{TryCryptoRng, TryRng},
    single_shot_open, single_shot_seal_with_rng,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    id::{DeviceId, TenantId},
    key::{IngestPublicKey, IngestSecretKey},
    limits::CARRIED_FRAME_BYTES_MAX,
};

/// The first byte of a sealed frame.
const VERSION: u8 = 1;
/// Bytes of the encapsulated key.
const ENCAPSULATED_BYTES: usize = 32;
/// What sealing adds to a frame: version, encapsulated key, tag.
pub const SEALED_FRAME_OVERHEAD_BYTES: usize = 1 + ENCAPSULATED_BYTES + 16;

/// Why a frame can't be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than a carried frame may have.
    #[error("a carried frame has at most {CARRIED_FRAME_BYTES_MAX} bytes")]
    TooLong,
    /// Sealed by a later version.
    #[error("the frame's version is not known")]
    UnknownVersion,
    /// Not sealed to this key and tenant, or changed on the way.
    #[error("the frame can't be opened")]
    Unopened,
    /// What was sealed is not a frame of this tenant.
    #[error("the frame can't be read")]
    Malformed,
    /// The key is one that nothing can be sealed to.
    #[error("nothing can be sealed to this key")]
    BadKey,
}

/// Seals a frame. `entropy` is 32 random bytes, used once.
///
/// # Errors
/// [`FrameError::TooLong`], and [`FrameError::BadKey`] for a key of small order.
pub fn seal(
    ingest: &IngestPublicKey,
    tenant: TenantId,
    frame: &v1::Frame,
    entropy: [u8; 32],
) -> Result<Vec<u8>, FrameError> {
    let plain = Zeroizing::new(frame.encode_to_vec());
    if plain.len().saturating_add(SEALED_FRAME_OVERHEAD_BYTES) > CARRIED_FRAME_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    let (encapsulated, ciphertext) =
        single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &ingest.to_hpke().ok_or(FrameError::BadKey)?,
            &info(tenant),
            &plain,
            &[],
            &mut Expanded::new(entropy),
        )
        .map_err(|_| FrameError::BadKey)?;
    Ok([&[VERSION][..], &encapsulated.to_bytes(), &ciphertext].concat())
}

/// Opens a sealed frame. It is of this tenant and names a writer; its batches are not verified yet.
///
/// # Errors
/// [`FrameError`], by the first check that fails.
pub fn open(
    ingest: &IngestSecretKey,
    tenant: TenantId,
    sealed: &[u8],
) -> Result<v1::Frame, FrameError> {
    if sealed.len() > CARRIED_FRAME_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    let rest = match sealed.split_first() {
        Some((&VERSION, rest)) => rest,
        Some(_) => return Err(FrameError::UnknownVersion),
        None => return Err(FrameError::Malformed),
    };
    let (encapsulated, ciphertext) = rest
        .split_at_checked(ENCAPSULATED_BYTES)
        .ok_or(FrameError::Malformed)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated)
        .map_err(|_| FrameError::Unopened)?;
    let plain = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &ingest.to_hpke().ok_or(FrameError::BadKey)?,
        &encapsulated,
        &info(tenant),
        ciphertext,
        &[],
    )
    .map_err(|_| FrameError::Unopened)?;
    let frame = v1::Frame::decode(&*plain).map_err(|_| FrameError::Malformed)?;
    let names_a_writer = DeviceId::try_from(&*frame.device_id).is_ok();
    if names_a_writer && frame.tenant_id == tenant.as_bytes() {
        Ok(frame)
    } else {
        Err(FrameError::Malformed)
    }
}

/// What binds a sealed frame to its use and tenant.
fn info(tenant: TenantId) -> Vec<u8> {
    [&b"askel/frame/v1\0"[..], tenant.as_bytes()].concat()
}

/// Random bytes as HPKE asks for them: the caller's entropy first, which is all that sealing takes,
/// then hashes of it.
struct Expanded {
    entropy: Zeroizing<[u8; 32]>,
    block: Zeroizing<[u8; 32]>,
    used: usize,
    blocks: u64,
}

impl Expanded {
    fn new(entropy: [u8; 32]) -> Self {
        Self {
            block: Zeroizing::new(entropy),
            entropy: Zeroizing::new(entropy),
            used: 0,
            blocks: 0,
        }
    }

    fn next(&mut self) -> u8 {
        if let Some(&byte) = self.block.get(self.used) {
            self.used = self.used.saturating_add(1);
            return byte;
        }
        self.blocks = self.blocks.saturating_add(1);
        let next: [u8; 32] = Sha256::new()
            .chain_update(b"askel/frame-entropy/v1\0")
            .chain_update(*self.entropy)
            .chain_update(self.blocks.to_be_bytes())
            .finalize()
            .into();
        *self.block = next;
        self.used = 1;
        let [first, ..] = next;
        first
    }
}

impl TryRng for Expanded {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.next())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.next())))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill_with(|| self.next());
        Ok(())
    }
}

impl TryCryptoRng for Expanded {}
