//! Seals rows: XChaCha20-Poly1305 with a random nonce and the row's key as associated data.

use bytes::Bytes;
use chacha20poly1305::{
    KeyInit as _, Tag, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, AeadInOut as _, Payload},
};

use super::{RowKey, SealedRow};
use crate::entropy::{Entropy, NoEntropy, draw};

/// Bytes of the nonce before the ciphertext.
const NONCE_BYTES: usize = 24;
/// Bytes of the authentication tag after it.
const TAG_BYTES: usize = 16;
/// What is authenticated beside the bytes of a row: this label, then the row's name.
const LABEL: &[u8; 13] = b"askel/row/v1\0";
const ASSOCIATED_BYTES: usize = LABEL.len() + 5;

/// Seals and opens rows under the data key.
pub(crate) struct RowCipher(XChaCha20Poly1305);

/// A row that was not sealed under this key and number: the key is another one, or the row was moved
/// or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of the database does not open with its key")]
pub(crate) struct UnreadableRow;

impl RowCipher {
    pub(crate) fn new(data_key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(data_key.into()))
    }

    pub(crate) fn seal(
        &self,
        key: RowKey,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<SealedRow, NoEntropy> {
        let nonce: [u8; NONCE_BYTES] = draw(entropy)?;
        let payload = Payload {
            msg: plain,
            aad: &associated(key),
        };
        // The cipher refuses only messages of more than 256 GiB.
        let ciphertext = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| NoEntropy)?;
        Ok(SealedRow {
            key,
            sealed: [&nonce[..], &ciphertext].concat(),
        })
    }

    /// The bytes of a row. They are deciphered where they lie, so that a database of many small rows
    /// opens soon.
    pub(crate) fn open(&self, row: SealedRow) -> Result<Bytes, UnreadableRow> {
        let SealedRow { key, mut sealed } = row;
        let associated = associated(key);
        let (nonce, rest) = sealed
            .split_first_chunk_mut::<NONCE_BYTES>()
            .ok_or(UnreadableRow)?;
        let (text, tag) = rest
            .split_last_chunk_mut::<TAG_BYTES>()
            .ok_or(UnreadableRow)?;
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &associated,
                (&mut *text).into(),
                &Tag::from(*tag),
            )
            .map_err(|_| UnreadableRow)?;
        let plain = NONCE_BYTES..NONCE_BYTES.saturating_add(text.len());
        Ok(Bytes::from(sealed).slice(plain))
    }
}

fn associated(key: RowKey) -> [u8; ASSOCIATED_BYTES] {
    let mut bytes = [0; ASSOCIATED_BYTES];
    let name = std::iter::once(key.table).chain(key.number.to_be_bytes());
    let told = LABEL.iter().copied().chain(name);
    bytes
        .iter_mut()
        .zip(told)
        .for_each(|(byte, told)| *byte = told);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const KEY: RowKey = RowKey {
        table: 2,
        number: 7,
    };

    #[test]
    fn a_row_opens_under_its_own_key_and_number_only() {
        let cipher = RowCipher::new(&[1; 32]);
        let sealed = cipher.seal(KEY, b"plain", &SystemEntropy).expect("sealed");
        assert_eq!(
            cipher.open(sealed.clone()),
            Ok(Bytes::from_static(b"plain"))
        );
        let another = RowCipher::new(&[2; 32]);
        assert_eq!(another.open(sealed.clone()), Err(UnreadableRow));
        for key in [RowKey { table: 3, ..KEY }, RowKey { number: 8, ..KEY }] {
            let moved = SealedRow {
                key,
                ..sealed.clone()
            };
            assert_eq!(cipher.open(moved), Err(UnreadableRow));
        }
    }

    #[test]
    fn a_changed_or_cut_row_does_not_open() {
        let cipher = RowCipher::new(&[1; 32]);
        let sealed = cipher.seal(KEY, b"plain", &SystemEntropy).expect("sealed");
        for index in 0..sealed.sealed.len() {
            let mut changed = sealed.clone();
            changed.sealed[index] ^= 1;
            assert_eq!(cipher.open(changed.clone()), Err(UnreadableRow));
            changed.sealed.truncate(index);
            assert_eq!(cipher.open(changed), Err(UnreadableRow));
        }
    }

    #[test]
    fn the_same_row_sealed_twice_looks_different() {
        let cipher = RowCipher::new(&[1; 32]);
        let seal = || {
            cipher
                .seal(KEY, b"plain", &SystemEntropy)
                .expect("sealed")
                .sealed
        };
        assert_ne!(seal(), seal());
    }
}
