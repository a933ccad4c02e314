//! Seals rows: XChaCha20-Poly1305 with a random nonce and the row's key as associated data.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};

use super::{RowKey, SealedRow};
use crate::entropy::{Entropy, NoEntropy, draw};

/// Bytes of the nonce before the ciphertext.
const NONCE_BYTES: usize = 24;

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

    pub(crate) fn open(&self, row: &SealedRow) -> Result<Vec<u8>, UnreadableRow> {
        let (nonce, ciphertext) = row
            .sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(UnreadableRow)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated(row.key),
        };
        self.0
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| UnreadableRow)
    }
}

fn associated(key: RowKey) -> Vec<u8> {
    [
        &b"askel/row/v1\0"[..],
        &[key.table],
        &key.number.to_be_bytes(),
    ]
    .concat()
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
        assert_eq!(cipher.open(&sealed).as_deref(), Ok(&b"plain"[..]));
        assert_eq!(RowCipher::new(&[2; 32]).open(&sealed), Err(UnreadableRow));
        for key in [RowKey { table: 3, ..KEY }, RowKey { number: 8, ..KEY }] {
            let moved = SealedRow {
                key,
                ..sealed.clone()
            };
            assert_eq!(cipher.open(&moved), Err(UnreadableRow));
        }
    }

    #[test]
    fn a_changed_or_cut_row_does_not_open() {
        let cipher = RowCipher::new(&[1; 32]);
        let sealed = cipher.seal(KEY, b"plain", &SystemEntropy).expect("sealed");
        for index in 0..sealed.sealed.len() {
            let mut changed = sealed.clone();
            changed.sealed[index] ^= 1;
            assert_eq!(cipher.open(&changed), Err(UnreadableRow));
            changed.sealed.truncate(index);
            assert_eq!(cipher.open(&changed), Err(UnreadableRow));
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
