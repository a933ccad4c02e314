//! What follows the head: pieces of 64 KiB, each sealed with its number and whether it is the last.

use std::io::{self, BufRead as _, BufReader, Read, Write};

use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag, aead::AeadInOut as _};
use zeroize::Zeroizing;

use super::{AgeError, Identity, Recipient, header};
use crate::entropy::Entropy;

/// Bytes of a piece. The last has fewer or as many, and none only if it is the first.
const PIECE_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = size_of::<Tag>();

/// Seals what is written to it. Nothing of the last 64 KiB is there before [`Sealer::finish`].
pub struct Sealer<W> {
    to: W,
    pieces: Pieces,
    held: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealer<W> {
    /// Writes the head of a file that any one of the recipients can open.
    ///
    /// # Errors
    /// [`AgeError::Recipients`], [`AgeError::Entropy`] and [`AgeError::Io`].
    pub fn new(
        mut to: W,
        recipients: &[Recipient],
        entropy: &dyn Entropy,
    ) -> Result<Self, AgeError> {
        let (head, payload) = header::write(recipients, entropy)?;
        to.write_all(&head)?;
        Ok(Self {
            to,
            pieces: Pieces::of(payload),
            held: Zeroizing::new(Vec::with_capacity(PIECE_BYTES.saturating_add(TAG_BYTES))),
        })
    }

    /// Seals the end, without which the file is none. Returns what was written to.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(Place::Last)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, place: Place) -> io::Result<()> {
        self.pieces.seal(&mut self.held, place)?;
        self.to.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until it is known not to be the last.
        if self.held.len() >= PIECE_BYTES && !bytes.is_empty() {
            self.seal(Place::Within)?;
        }
        let room = PIECE_BYTES.saturating_sub(self.held.len()).min(bytes.len());
        let (taken, _) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.held.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads what was sealed. What it gives was written so; its end was the end. Its errors are those of
/// [`AgeError`].
pub struct Opener<R> {
    from: BufReader<R>,
    pieces: Pieces,
    piece: Zeroizing<Vec<u8>>,
    given: usize,
    is_last: bool,
}

impl<R: Read> Opener<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// [`AgeError`].
    pub fn new(from: R, identities: &[Identity]) -> Result<Self, AgeError> {
        let mut from = BufReader::new(from);
        let payload = header::read(&mut from, identities)?;
        Ok(Self {
            from,
            pieces: Pieces::of(payload),
            piece: Zeroizing::default(),
            given: 0,
            is_last: false,
        })
    }

    fn open_next(&mut self) -> Result<(), AgeError> {
        self.given = 0;
        self.piece.clear();
        let full = PIECE_BYTES.saturating_add(TAG_BYTES);
        let limit = u64::try_from(full).unwrap_or(u64::MAX);
        (&mut self.from).take(limit).read_to_end(&mut self.piece)?;
        if self.piece.is_empty() {
            return Err(AgeError::CutShort);
        }
        let is_last = self.piece.len() < full || self.from.fill_buf()?.is_empty();
        let is_first = self.pieces.number == 0;
        let place = if is_last { Place::Last } else { Place::Within };
        self.pieces.open(&mut self.piece, place)?;
        if self.piece.is_empty() && !is_first {
            return Err(AgeError::Damaged);
        }
        self.is_last = is_last;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.piece.len() {
            if self.is_last {
                return Ok(0);
            }
            if let Err(error) = self.open_next() {
                self.piece.clear();
                return Err(error.into());
            }
        }
        let left = self.piece.get(self.given..).unwrap_or_default();
        let count = left.len().min(to.len());
        for (to, from) in to.iter_mut().zip(left) {
            *to = *from;
        }
        self.given = self.given.saturating_add(count);
        Ok(count)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Within,
    Last,
}

/// The pieces of a file, in order.
struct Pieces {
    cipher: ChaCha20Poly1305,
    number: u64,
}

impl Pieces {
    fn of(payload: header::Payload) -> Self {
        Self {
            cipher: payload.cipher,
            number: 0,
        }
    }

    fn seal(&mut self, piece: &mut Vec<u8>, place: Place) -> io::Result<()> {
        let nonce = self.nonce(place);
        let sealed = self.cipher.encrypt_in_place(&nonce, &[], piece);
        sealed.map_err(|_| io::Error::other("a piece can't be sealed"))?;
        self.number = self.number.saturating_add(1);
        Ok(())
    }

    fn open(&mut self, piece: &mut Vec<u8>, place: Place) -> Result<(), AgeError> {
        // What does not open stays as it is.
        let mut opens = |place| {
            self.cipher
                .decrypt_in_place(&self.nonce(place), &[], &mut *piece)
        };
        if opens(place).is_ok() {
            self.number = self.number.saturating_add(1);
            return Ok(());
        }
        // One that others should follow.
        if opens(Place::Within).is_ok() {
            return Err(AgeError::CutShort);
        }
        Err(AgeError::Damaged)
    }

    /// Eleven bytes of the number, then whether the piece is the last.
    fn nonce(&self, place: Place) -> Nonce {
        let mut nonce = [0; 12];
        let number = nonce.iter_mut().skip(3).zip(self.number.to_be_bytes());
        number.for_each(|(to, from)| *to = from);
        let [.., last] = &mut nonce;
        *last = u8::from(place == Place::Last);
        Nonce::from(nonce)
    }
}
