//! The journal: what a restore from yesterday's backup may not undo, in a file beside the database
//! and outside its backups.
//!
//! A record is the length of its content (4 bytes, big-endian), the first 8 bytes of the content's
//! SHA-256, and the content. It is on the disk before whatever it says is acknowledged. A record that
//! a crash cut short is the last one, was acknowledged to nobody, and is written over.
//!
//! A journal that has grown is folded: fewer records that say the same are written beside it and
//! moved into its place, so that a crash leaves the one or the other.

mod folding;

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::limits::{JOURNAL_FOLD_BYTES_MIN, JOURNAL_RECORD_BYTES_MAX};

/// What keeps records, as a component.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends a record; durable on return.
    ///
    /// # Errors
    /// [`JournalError`]; the record may be there nevertheless.
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError>;

    /// Lets go of records that later ones have made void: those of someone who was erased. One that keeps
    /// them in memory alone has nothing to do.
    ///
    /// # Errors
    /// [`JournalError`]; the records say the same as before.
    async fn fold(&self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// The journal can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Its file can't be written or read.
    #[error("the journal can't be written or read")]
    Io(#[from] io::Error),
    /// It has no room.
    #[error("the journal has no room")]
    Full(#[source] io::Error),
    /// A record before the last is not what was written.
    #[error("the journal is damaged at byte {0}")]
    Damaged(u64),
    /// A record is too long.
    #[error("a record of the journal has at most {JOURNAL_RECORD_BYTES_MAX} bytes")]
    TooLong,
}

/// Records in memory, for tests and the simulation. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl MemoryJournal {
    /// What was appended, in order.
    pub fn records(&self) -> Vec<Vec<u8>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.clone()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(record);
        Ok(())
    }
}

/// Records in a file. Several processes may append to it.
#[derive(Debug, Clone)]
pub struct FileJournal {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    fold: Option<Fold>,
}

/// Fewer records that say the same; `None` when some of them can't be read.
pub type Fold = fn(&[Vec<u8>]) -> Option<Vec<Vec<u8>>>;

/// What a process knows of the file.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Which file it is: another may have been moved into its place.
    file: Option<(u64, u64)>,
    /// Up to where its records are known to be whole.
    sound: u64,
    /// Its length when it was last folded.
    folded: u64,
}

/// Bytes before a record's content.
const FRAME_BYTES: usize = 4 + CHECK_BYTES;
const CHECK_BYTES: usize = 8;

impl FileJournal {
    /// The journal at a path; the file comes to be with the first record.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            state: Arc::default(),
            fold: None,
        }
    }

    /// Folded whenever it has doubled.
    #[must_use]
    pub fn folding_by(self, fold: Fold) -> Self {
        Self {
            fold: Some(fold),
            ..self
        }
    }

    /// All records, in order.
    ///
    /// # Errors
    /// [`JournalError::Io`], also when there is no file; [`JournalError::Damaged`].
    pub fn read(path: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        Ok(records_of(&bytes)?.0)
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, record: Vec<u8>) -> Result<(), JournalError> {
        let Self { path, state, fold } = self.clone();
        let appended = tokio::task::spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            append(&path, &record, &mut state, fold)
        });
        appended.await.map_err(io::Error::other)?
    }

    async fn fold(&self) -> Result<(), JournalError> {
        let Self { path, state, fold } = self.clone();
        let Some(fold) = fold else { return Ok(()) };
        let folded = tokio::task::spawn_blocking(move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut file = locked(&path, &mut state)?;
            state.sound = sound_end(&mut file, state.sound)?;
            folding::fold(&path, &mut state, fold)
        });
        folded.await.map_err(io::Error::other)?
    }
}

fn append(
    path: &Path,
    record: &[u8],
    state: &mut State,
    fold: Option<Fold>,
) -> Result<(), JournalError> {
    let framed = framed(record)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let is_new = !path.exists();
    // Locked until it is closed.
    let mut file = locked(path, state)?;
    let end = sound_end(&mut file, state.sound)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let written = file.write_all(&framed).and_then(|()| file.sync_all());
    written.map_err(full_or_not)?;
    if is_new {
        // The file's name has to outlive a crash too.
        File::open(folder)?.sync_all()?;
    }
    state.sound = end.saturating_add(u64::try_from(framed.len()).unwrap_or(0));
    if let Some(fold) = fold
        && state.sound >= state.folded.saturating_mul(2).max(JOURNAL_FOLD_BYTES_MIN)
    {
        // The record is there either way.
        if let Err(error) = folding::fold(path, state, fold) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the journal could not be folded");
            state.folded = state.sound;
        }
    }
    Ok(())
}

/// The file at the path, locked. One that was folded away while its lock was waited for is let go.
fn locked(path: &Path, state: &mut State) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    loop {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).open(path)?;
        file.lock()?;
        let metadata = file.metadata()?;
        let name = (metadata.dev(), metadata.ino());
        let stands = fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == name);
        if !stands {
            continue;
        }
        if state.file != Some(name) {
            *state = State {
                file: Some(name),
                ..State::default()
            };
        }
        return Ok(file);
    }
}

fn full_or_not(error: io::Error) -> JournalError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::Full(error),
        _ => JournalError::Io(error),
    }
}

fn framed(record: &[u8]) -> Result<Vec<u8>, JournalError> {
    if record.len() > JOURNAL_RECORD_BYTES_MAX {
        return Err(JournalError::TooLong);
    }
    let length = u32::try_from(record.len()).map_err(|_| JournalError::TooLong)?;
    Ok([&length.to_be_bytes()[..], &check(record), record].concat())
}

fn check(record: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(record).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Where the next record goes: after the last one that is whole, from a record's end on. Reads
/// lengths only, and the last record.
fn sound_end(file: &mut File, sound: u64) -> Result<u64, JournalError> {
    let size = file.metadata()?.len();
    // A file that was put in this one's place is read from its beginning.
    let mut at = if sound <= size { sound } else { 0 };
    loop {
        let mut frame = [0; FRAME_BYTES];
        file.seek(SeekFrom::Start(at))?;
        match file.read_exact(&mut frame) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(at),
            Err(error) => return Err(error.into()),
        }
        let (length, expected) = frame_of(&frame);
        if length > JOURNAL_RECORD_BYTES_MAX as u64 {
            return Err(JournalError::Damaged(at));
        }
        let next = at.saturating_add(FRAME_BYTES as u64).saturating_add(length);
        if next > size {
            return Ok(at);
        }
        if next == size {
            let mut record = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact(&mut record)?;
            return Ok(if check(&record) == expected { next } else { at });
        }
        at = next;
    }
}

fn frame_of(frame: &[u8; FRAME_BYTES]) -> (u64, [u8; CHECK_BYTES]) {
    let length = frame.first_chunk().copied().map_or(0, u32::from_be_bytes);
    let check = frame.last_chunk().copied().unwrap_or_default();
    (u64::from(length), check)
}

/// The whole records, and where the last of them ends.
fn records_of(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), JournalError> {
    let mut records = Vec::new();
    let mut at = 0_usize;
    while let Some((frame, rest)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk) {
        let (length, expected) = frame_of(frame);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > JOURNAL_RECORD_BYTES_MAX {
            return Err(JournalError::Damaged(u64::try_from(at).unwrap_or(u64::MAX)));
        }
        let Some(record) = rest.get(..length) else {
            break;
        };
        let next = at.saturating_add(FRAME_BYTES).saturating_add(length);
        if check(record) != expected {
            if next == bytes.len() {
                break;
            }
            return Err(JournalError::Damaged(u64::try_from(at).unwrap_or(u64::MAX)));
        }
        records.push(record.to_vec());
        at = next;
    }
    Ok((records, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[&[u8]]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal").join("askel.journal");
        for record in records {
            append(&path, record, &mut State::default(), None).expect("appended");
        }
        (folder, path)
    }

    #[test]
    fn what_is_appended_is_read_back_in_order_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = written(&[b"one", b"", b"three"]);
        let read = FileJournal::read(&path).expect("read");
        assert_eq!(read, [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_record_cut_short_at_any_byte_is_written_over() {
        let (_folder, path) = written(&[b"one", b"two"]);
        let whole = fs::read(&path).expect("read");
        let first = FRAME_BYTES + 3;
        for cut in first..whole.len() {
            fs::write(&path, &whole[..cut]).expect("cut");
            assert_eq!(FileJournal::read(&path).expect("read").len(), 1, "{cut}");
            append(&path, b"three", &mut State::default(), None).expect("appended");
            let read = FileJournal::read(&path).expect("read");
            assert_eq!(read, [b"one".to_vec(), b"three".to_vec()], "{cut}");
        }
    }

    #[test]
    fn a_last_record_with_a_wrong_byte_was_never_acknowledged() {
        let (_folder, path) = written(&[b"one", b"two"]);
        let mut bytes = fs::read(&path).expect("read");
        *bytes.last_mut().expect("some") ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert_eq!(FileJournal::read(&path).expect("read").len(), 1);
    }

    #[test]
    fn a_wrong_byte_before_the_last_record_is_told() {
        let (_folder, path) = written(&[b"one", b"two", b"three"]);
        let mut bytes = fs::read(&path).expect("read");
        bytes[FRAME_BYTES] ^= 1;
        fs::write(&path, &bytes).expect("written");
        let read = FileJournal::read(&path);
        assert!(matches!(read, Err(JournalError::Damaged(0))), "{read:?}");
    }

    #[test]
    fn a_record_has_so_many_bytes() {
        assert!(framed(&vec![0; JOURNAL_RECORD_BYTES_MAX]).is_ok());
        let one_more = framed(&vec![0; JOURNAL_RECORD_BYTES_MAX + 1]);
        assert!(matches!(one_more, Err(JournalError::TooLong)));
    }

    #[test]
    fn no_journal_is_an_error_and_not_an_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = FileJournal::read(&folder.path().join("none"));
        assert!(matches!(read, Err(JournalError::Io(_))));
    }
}
