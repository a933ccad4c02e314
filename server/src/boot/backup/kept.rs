//! A backup as it is read back: whoever made it, encrypted or not.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::BackupError;
use crate::age::{Identity, MAGIC, Opener};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A file of `SQLite`.
    Sqlite,
    /// A dump of `PostgreSQL`.
    Postgres,
}

/// Opens one of the wanted kind, with a key if it has to be.
pub(super) fn open(
    path: &Path,
    identities: &[Identity],
    wanted: Content,
) -> Result<Box<dyn BufRead + Send>, BackupError> {
    let mut file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let mut bytes: Box<dyn BufRead + Send> = if file.fill_buf()?.starts_with(MAGIC) {
        if identities.is_empty() {
            return Err(BackupError::Locked);
        }
        let opened = Opener::new(file, identities)?;
        Box::new(BufReader::with_capacity(READ_BYTES, opened))
    } else {
        Box::new(file)
    };
    let content = match bytes.fill_buf()? {
        start if start.starts_with(b"SQLite format 3\0") => Content::Sqlite,
        start if start.starts_with(b"PGDMP") => Content::Postgres,
        _ => return Err(BackupError::NotABackup(path.to_owned())),
    };
    if content == wanted {
        Ok(bytes)
    } else {
        Err(BackupError::OtherKind(path.to_owned()))
    }
}
