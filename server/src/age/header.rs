//! The head of a file: its key, wrapped for each recipient, and a MAC of all that by the key itself.

use std::io::{BufRead, Read as _};

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag, aead::Aead as _};
use data_encoding::BASE64_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

use super::{AgeError, Identity, MAGIC, RECIPIENTS_MAX, Recipient, key::KEY_BYTES};
use crate::entropy::{Entropy, draw};

/// Bytes of a head that is read, at most: those of many recipients of any kind.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Symbols of a full line of a wrapped key. The last line of one is shorter.
const LINE_SYMBOLS: usize = 64;
const FILE_KEY_BYTES: usize = 16;
/// Bytes of a wrapped key: itself and its tag.
const WRAPPED_BYTES: usize = FILE_KEY_BYTES + size_of::<Tag>();
/// Bytes that tell the payload's key of one file from that of another with the same file key.
const SALT_BYTES: usize = 16;

type FileKey = Zeroizing<[u8; FILE_KEY_BYTES]>;

/// What the pieces of a file are sealed with.
pub(super) struct Payload {
    pub(super) cipher: ChaCha20Poly1305,
}

/// A new head, and the cipher for what follows it.
pub(super) fn write(
    recipients: &[Recipient],
    entropy: &dyn Entropy,
) -> Result<(Vec<u8>, Payload), AgeError> {
    if recipients.is_empty() || recipients.len() > RECIPIENTS_MAX {
        return Err(AgeError::Recipients);
    }
    let file_key: FileKey = Zeroizing::new(draw(entropy)?);
    let mut head = MAGIC.to_vec();
    for recipient in recipients {
        head.extend(wrapped(recipient, &file_key, entropy)?.into_bytes());
    }
    head.extend(b"---");
    let mac = mac_of(&file_key, &head).finalize().into_bytes();
    head.extend(format!(" {}\n", BASE64_NOPAD.encode(&mac)).into_bytes());
    let salt: [u8; SALT_BYTES] = draw(entropy)?;
    head.extend(salt);
    Ok((head, payload(&file_key, &salt)))
}

/// Reads a head, and leaves the source at the first piece.
pub(super) fn read(
    source: &mut impl BufRead,
    identities: &[Identity],
) -> Result<Payload, AgeError> {
    let mut lines = Lines {
        source: source.take(HEAD_BYTES_MAX),
        read: Vec::new(),
    };
    if lines.next()? != MAGIC.strip_suffix(b"\n").unwrap_or(MAGIC) {
        return Err(AgeError::Head);
    }
    let mut found: Option<FileKey> = None;
    let (mac, told) = loop {
        let told = lines.read.len();
        let line = lines.next()?;
        if let Some(mac) = line.strip_prefix(b"--- ") {
            break (mac.to_vec(), told.saturating_add(b"---".len()));
        }
        let arguments = line.strip_prefix(b"-> ").ok_or(AgeError::Head)?.to_vec();
        let body = body(&mut lines)?;
        if let Some(share) = arguments.strip_prefix(b"X25519 ") {
            let share = decoded::<KEY_BYTES>(share)?;
            let body = body.try_into().map_err(|_| AgeError::Head)?;
            for key in identities {
                let unwrapped = unwrapped(key, &share, &body)?;
                found = found.or(unwrapped);
            }
        }
    };
    let file_key = found.ok_or(AgeError::WrongKey)?;
    let head = lines.read.get(..told).ok_or(AgeError::Head)?;
    let mac = decoded::<32>(&mac)?;
    let verified = mac_of(&file_key, head).verify_slice(&mac);
    verified.map_err(|_| AgeError::Damaged)?;
    let mut salt = [0; SALT_BYTES];
    source.read_exact(&mut salt).map_err(cut_short)?;
    Ok(payload(&file_key, &salt))
}

/// A source that ends too early was cut.
pub(super) fn cut_short(error: std::io::Error) -> AgeError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => AgeError::CutShort,
        _ => error.into(),
    }
}

/// The lines of a head, all of which are kept for its MAC.
struct Lines<R> {
    source: std::io::Take<R>,
    read: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line, without its end.
    fn next(&mut self) -> Result<&[u8], AgeError> {
        let start = self.read.len();
        self.source.read_until(b'\n', &mut self.read)?;
        let line = self.read.get(start..).unwrap_or_default();
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(line),
            None if self.source.limit() == 0 => Err(AgeError::Head),
            None => Err(AgeError::CutShort),
        }
    }
}

/// What follows the line of a recipient: full lines, then one that is not.
fn body<R: BufRead>(lines: &mut Lines<R>) -> Result<Vec<u8>, AgeError> {
    let mut symbols = Vec::new();
    loop {
        let line = lines.next()?;
        if line.len() > LINE_SYMBOLS {
            return Err(AgeError::Head);
        }
        symbols.extend(line);
        if line.len() < LINE_SYMBOLS {
            let bytes = BASE64_NOPAD.decode(&symbols);
            return bytes.map_err(|_| AgeError::Head);
        }
    }
}

fn decoded<const N: usize>(symbols: &[u8]) -> Result<[u8; N], AgeError> {
    let bytes = BASE64_NOPAD.decode(symbols).map_err(|_| AgeError::Head)?;
    bytes.try_into().map_err(|_| AgeError::Head)
}

/// The lines that wrap the file's key for one recipient.
fn wrapped(
    recipient: &Recipient,
    file_key: &FileKey,
    entropy: &dyn Entropy,
) -> Result<String, AgeError> {
    let secret: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(draw(entropy)?);
    let share = x25519(*secret, X25519_BASEPOINT_BYTES);
    let agreed = Zeroizing::new(x25519(*secret, *recipient.as_bytes()));
    let cipher = wrapping(&agreed, &share, recipient.as_bytes()).ok_or(AgeError::Recipients)?;
    let body = cipher.encrypt(&Nonce::default(), &file_key[..]);
    let body = body.map_err(|_| AgeError::Recipients)?;
    Ok(format!(
        "-> X25519 {}\n{}\n",
        BASE64_NOPAD.encode(&share),
        BASE64_NOPAD.encode(&body)
    ))
}

/// `None` for a key that was wrapped for somebody else.
fn unwrapped(
    identity: &Identity,
    share: &[u8; KEY_BYTES],
    body: &[u8; WRAPPED_BYTES],
) -> Result<Option<FileKey>, AgeError> {
    let agreed = identity.agree(share);
    let recipient = identity.recipient();
    let cipher = wrapping(&agreed, share, recipient.as_bytes()).ok_or(AgeError::Head)?;
    let Ok(key) = cipher.decrypt(&Nonce::default(), &body[..]) else {
        return Ok(None);
    };
    let key = Zeroizing::new(key);
    Ok(key.as_slice().try_into().ok().map(Zeroizing::new))
}

/// `None` where a share of small order made the agreed secret known to all.
fn wrapping(
    agreed: &[u8; KEY_BYTES],
    share: &[u8; KEY_BYTES],
    recipient: &[u8; KEY_BYTES],
) -> Option<ChaCha20Poly1305> {
    if agreed.iter().all(|byte| *byte == 0) {
        return None;
    }
    let salt = [&share[..], recipient].concat();
    let info = b"age-encryption.org/v1/X25519";
    let key = derived(Some(&salt), agreed, info);
    Some(ChaCha20Poly1305::new((&*key).into()))
}

fn payload(file_key: &FileKey, salt: &[u8; SALT_BYTES]) -> Payload {
    let key = derived(Some(salt), &file_key[..], b"payload");
    Payload {
        cipher: ChaCha20Poly1305::new((&*key).into()),
    }
}

fn mac_of(file_key: &FileKey, head: &[u8]) -> Hmac<Sha256> {
    let key = derived(None, &file_key[..], b"header");
    // A key shorter than the hash's block is filled up with zeros, by HMAC's definition.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(*key).for_each(|(to, from)| *to = from);
    let block: &[u8; 64] = &block;
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(block.into());
    mac.update(head);
    mac
}

/// HKDF-SHA256, 32 bytes of it.
fn derived(salt: Option<&[u8]>, from: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(salt, from).expand(info, &mut *key);
    // Only lengths of more than 255 hashes are refused.
    debug_assert!(expanded.is_ok());
    key
}
