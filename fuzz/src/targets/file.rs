//! Files that somebody else may have written, or a crash: the journal, the server's settings and
//! keys, the keys of an installation.

use std::{fs, path::PathBuf, sync::OnceLock};

use askel_client_sdk::{FileKeyStore, KeyStore as _};
use askel_server::{
    Config,
    credential_file::{Credentials, ServerKeys},
    journal::{FileJournal, Journal as _},
    limits::JOURNAL_RECORD_BYTES_MAX,
    parse_record,
};
use sha2::{Digest as _, Sha256};

use crate::{
    Target,
    input::Input,
    tenant::{Counted, alone, images},
    world::TENANT,
};

pub(crate) const JOURNAL_FILE: Target = Target {
    name: "journal-file",
    run: journal,
    seeds: || {
        let records: Vec<Vec<u8>> = images()
            .iter()
            .map(|entry| [&TENANT.as_bytes()[..], &entry.encode()].concat())
            .collect();
        let whole: Vec<u8> = records.iter().flat_map(|one| stretch(1, one)).collect();
        let cut = [&*whole, &stretch(0, &[0, 0, 0, 9, 1, 2, 3])].concat();
        vec![whole, cut]
    },
};

pub(crate) const SETTINGS: Target = Target {
    name: "settings",
    run: settings,
    seeds: || {
        vec![
            b"[server]\nlisten = \"127.0.0.1:7243\"\ndrain_ms = 500\n[store]\ndata_dir = \"x\"\n"
                .to_vec(),
            b"[ingest]\nbatch_ops_max = 7\n[telemetry]\nformat = \"json\"\n[kitchen]\nsink = 1\n"
                .to_vec(),
        ]
    },
};

pub(crate) const KEY_FILE: Target = Target {
    name: "key-file",
    run: keys,
    seeds: || {
        let mut credentials = Credentials::default();
        let keys = ServerKeys::generate(&Counted::new(9)).expect("entropy");
        credentials.insert(TENANT, keys);
        let path = path("seed");
        credentials.save(&path).expect("saved");
        vec![fs::read(&path).expect("saved"), vec![7; 64]]
    },
};

/// A file of this process's own, in memory where there is a place for it.
fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = Some(memory).filter(|path| path.is_dir());
        let base = base.unwrap_or_else(std::env::temp_dir);
        let folder = base.join(format!("askel-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    });
    folder.join(name)
}

/// How a stretch is framed, its length, and it.
fn stretch(frame: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&[frame][..], &length.to_be_bytes(), bytes].concat()
}

/// Stretches of a file: as they are, as records, or as records that something happened to.
fn journal_of(mut input: Input<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    while !input.is_empty() {
        let (frame, bytes) = (input.u8(), input.piece());
        if frame.is_multiple_of(4) {
            file.extend_from_slice(bytes);
            continue;
        }
        let mut length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut check: [u8; 32] = Sha256::digest(bytes).into();
        match frame % 4 {
            2 => length = length.wrapping_add(u32::from(frame)).wrapping_sub(128),
            3 => check = [frame; 32],
            _ => {}
        }
        file.extend(length.to_be_bytes());
        file.extend(check.iter().take(8));
        file.extend_from_slice(bytes);
    }
    file
}

/// A journal is read to its last whole record or refused; where it is read, the next record goes
/// behind those, and all are read again.
fn journal(bytes: &[u8]) {
    let path = path("askel.journal");
    let file = journal_of(Input::new(bytes));
    fs::write(&path, &file).expect("written");
    let read = FileJournal::read(&path);
    let journal = FileJournal::at(path.clone());
    let appended = alone(journal.append(b"one more".to_vec()));
    let Ok(mut records) = read else {
        return;
    };
    let held: usize = records.iter().map(Vec::len).sum();
    assert!(held <= file.len());
    for record in &records {
        assert!(record.len() <= JOURNAL_RECORD_BYTES_MAX);
        let _ = parse_record(record);
    }
    appended.expect("a sound journal takes records");
    records.push(b"one more".to_vec());
    assert_eq!(FileJournal::read(&path).expect("sound"), records);
}

/// Settings are taken or all their faults told, never both.
fn settings(bytes: &[u8]) {
    let path = path("askel.toml");
    fs::write(&path, bytes).expect("written");
    if let Err(faults) = Config::load(Some(&path)) {
        assert!(faults.iter().next().is_some() && !faults.to_string().is_empty());
    }
}

/// The server's key file and a desktop's: what is read is written and read again as the same.
fn keys(bytes: &[u8]) {
    let (of_server, again) = (path("server-keys.toml"), path("again.toml"));
    // Made by the one who saves, so that it is its owner's alone.
    Credentials::default().save(&of_server).expect("saved");
    fs::write(&of_server, bytes).expect("written");
    if let Ok(found) = Credentials::load(&of_server) {
        found.save(&again).expect("saved");
        let twice = Credentials::load(&again).expect("what was saved");
        twice.save(&of_server).expect("saved");
        let read = |path: &PathBuf| fs::read(path).expect("saved");
        assert_eq!(read(&of_server), read(&again));
    }
    let of_phone = path("installation-keys");
    fs::write(&of_phone, bytes).expect("written");
    let mut store = FileKeyStore::new(&of_phone);
    if let Ok(Some(found)) = store.load() {
        store.save(&found).expect("saved");
        assert_eq!(fs::read(&of_phone).expect("saved"), bytes);
    }
}
