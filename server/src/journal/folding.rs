//! Folding the journal's file: a new one beside it, whole on the disk, then moved into its place.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{Fold, JournalError, State, framed, full_or_not, records_of};

/// Folds the file while its lock is held; what can't be read stays as it is.
pub(super) fn fold(path: &Path, state: &mut State, fold: Fold) -> Result<(), JournalError> {
    use std::os::unix::fs::MetadataExt as _;
    let Some(bytes) = folded(path, fold)? else {
        state.folded = state.sound;
        return Ok(());
    };
    let file = write_beside(path, &bytes)?;
    take_its_place(path)?;
    let metadata = file.metadata()?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    *state = State {
        file: Some((metadata.dev(), metadata.ino())),
        sound: length,
        folded: length,
    };
    Ok(())
}

/// The bytes of the new file; `None` when there is a record that can't be read.
fn folded(path: &Path, fold: Fold) -> Result<Option<Vec<u8>>, JournalError> {
    let (records, _) = records_of(&fs::read(path)?)?;
    let Some(records) = fold(&records) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for record in &records {
        bytes.extend(framed(record)?);
    }
    Ok(Some(bytes))
}

/// Puts the new file beside the old one, whole and on the disk.
fn write_beside(path: &Path, bytes: &[u8]) -> Result<File, JournalError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true);
    let mut file = options.mode(0o600).open(beside(path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(full_or_not)?;
    Ok(file)
}

fn take_its_place(path: &Path) -> Result<(), JournalError> {
    fs::rename(beside(path), path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("folding")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{FileJournal, Journal as _, append},
        *,
    };

    /// Of each first byte the last record.
    fn last_of_each(records: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let mut last = std::collections::BTreeMap::new();
        for record in records {
            last.insert(*record.first()?, record.clone());
        }
        Some(last.into_values().collect())
    }

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("askel.journal");
        for record in [b"a1", b"b1", b"a2", b"a3"] {
            append(&path, record, &mut State::default(), None).expect("appended");
        }
        (folder, path)
    }

    #[test]
    fn a_crash_at_any_point_leaves_all_that_is_needed() {
        let whole = {
            let (_folder, path) = journal();
            folded(&path, last_of_each)
                .expect("read")
                .expect("readable")
        };
        let written = (0..=whole.len()).map(|count| (count, false));
        for step @ (count, is_moved) in written.chain([(whole.len(), true)]) {
            let (_folder, path) = journal();
            write_beside(&path, &whole[..count]).expect("written so far");
            if is_moved {
                fs::rename(beside(&path), &path).expect("moved");
            }
            // Another process goes on with what is there.
            let mut state = State::default();
            append(&path, b"b2", &mut state, None).expect("appended");
            let read = FileJournal::read(&path).expect("read");
            let says = last_of_each(&read).expect("readable");
            assert_eq!(says, [b"a3".to_vec(), b"b2".to_vec()], "{step:?}");
            fold(&path, &mut state, last_of_each).expect("folded");
            append(&path, b"c1", &mut state, None).expect("appended");
            let read = FileJournal::read(&path).expect("read");
            let expected = [b"a3".to_vec(), b"b2".to_vec(), b"c1".to_vec()];
            assert_eq!(read, expected, "{step:?}");
        }
    }

    #[test]
    fn one_who_had_the_old_file_open_goes_on_in_the_new() {
        let (_folder, path) = journal();
        let mut other = State::default();
        append(&path, b"b2", &mut other, None).expect("appended");
        fold(&path, &mut State::default(), last_of_each).expect("folded");
        append(&path, b"c1", &mut other, None).expect("appended");
        let read = FileJournal::read(&path).expect("read");
        assert_eq!(read, [b"a3".to_vec(), b"b2".to_vec(), b"c1".to_vec()]);
    }

    #[test]
    fn what_can_not_be_read_is_left() {
        let (_folder, path) = journal();
        fold(&path, &mut State::default(), |_| None).expect("left");
        assert_eq!(FileJournal::read(&path).expect("read").len(), 4);
    }

    #[tokio::test]
    async fn a_journal_in_use_does_not_grow_without_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("askel.journal");
        let journal = FileJournal::at(path.clone()).folding_by(last_of_each);
        let mut largest = 0;
        for count in 0..40_u8 {
            let mut record = vec![count; 200_000];
            record[0] = count % 3;
            journal.append(record).await.expect("appended");
            largest = fs::metadata(&path).expect("there").len().max(largest);
        }
        assert!(largest < 1_600_000, "{largest}");
        let read = FileJournal::read(&path).expect("read");
        let says = last_of_each(&read).expect("readable");
        let last: Vec<u8> = says.iter().map(|record| record[1]).collect();
        assert_eq!(last, [39, 37, 38]);
    }
}
