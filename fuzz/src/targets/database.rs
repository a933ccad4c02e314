//! A phone's database with rows that are not what this version wrote: opened with its key or not,
//! such a row is refused or shown, and the rest goes on.

use std::sync::Arc;

use askel_client_sdk::{RowKey, SealedRow};
use askel_sync::op::Measure;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};

use crate::{
    Target,
    findings::Watch,
    input::Input,
    installation::{Installation, Phone, installation},
    wire::{Answering, Parts, Wire},
};
use askel_proto::v1;

pub(crate) const DATABASE: Target = Target {
    name: "database",
    run,
    seeds,
};

pub(crate) const CARRIED_FILE: Target = Target {
    name: "carried-file",
    run: carried_file,
    seeds: || {
        let phone = opened();
        phone.live();
        let file = phone.client.lifeboat_file();
        vec![file.expect("something is unconfirmed")]
    },
};

/// Bytes of the nonce before the ciphertext.
const NONCE_BYTES: usize = 24;

/// Rows: table, number, whether it is sealed as it should be, and its bytes.
fn run(bytes: &[u8]) {
    let watch = Watch::start();
    let installation = installation();
    let mut rows = installation.rows();
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let key = RowKey {
            table: input.u8(),
            number: u32::try_from(input.number()).unwrap_or(u32::MAX),
        };
        let (shape, bytes) = (input.u8(), input.piece());
        rows.retain(|row| row.key != key);
        let sealed = match shape % 4 {
            0 => bytes.to_vec(),
            1 => continue,
            _ => seal(installation, key, bytes),
        };
        rows.push(SealedRow { key, sealed });
    }
    if let Ok(phone) = installation.open(rows, Arc::new(Wire::Hostile(Box::new(Silence)))) {
        let client = &phone.client;
        let _ = (client.status(), client.attendances(), client.progress());
        let _ = (client.awards(), client.profile(), client.pass());
        let _ = (client.day_steps(Measure::Steps), client.rejected());
        let _ = (client.places(), client.footprint(), client.lifeboat(2_900));
        phone.live();
    }
    watch.end();
}

/// The installation as it is, with nobody to talk to.
fn opened() -> Phone {
    let installation = installation();
    let silence = Arc::new(Wire::Hostile(Box::new(Silence)));
    let opened = installation.open(installation.rows(), silence);
    opened.expect("nothing is wrong with the rows")
}

/// A file that somebody handed over is carried whole or not at all, and its second copy is not new.
fn carried_file(bytes: &[u8]) {
    let phone = opened();
    let before = phone.storage.rows();
    match phone.client.carry_file(bytes) {
        Ok(new) => {
            assert!(new <= bytes.len());
            assert_eq!(phone.client.carry_file(bytes).ok(), Some(0));
        }
        Err(_) => assert_eq!(phone.storage.rows(), before),
    }
}

/// Nobody answers.
struct Silence;

impl Answering for Silence {
    fn sync(&self, _: v1::SyncRequest) -> Parts {
        Vec::new()
    }

    fn chunk(&self) -> Option<v1::CatalogChunk> {
        None
    }
}

fn associated(key: RowKey) -> Vec<u8> {
    let number = key.number.to_be_bytes();
    [&b"askel/row/v1\0"[..], &[key.table], &number].concat()
}

fn seal(installation: &Installation, key: RowKey, plain: &[u8]) -> Vec<u8> {
    let nonce = [0; NONCE_BYTES];
    let payload = Payload {
        msg: plain,
        aad: &associated(key),
    };
    let cipher = XChaCha20Poly1305::new(installation.data_key().into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
    [&nonce[..], &sealed.expect("short")].concat()
}

fn open(installation: &Installation, row: &SealedRow) -> Option<Vec<u8>> {
    let (nonce, sealed) = row.sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: sealed,
        aad: &associated(row.key),
    };
    let cipher = XChaCha20Poly1305::new(installation.data_key().into());
    cipher.decrypt(&XNonce::from(*nonce), payload).ok()
}

/// Each row of the installation in clear.
fn seeds() -> Vec<Vec<u8>> {
    let installation = installation();
    let seed = |row: &SealedRow| {
        let plain = open(installation, row)?;
        let number = row.key.number.to_be_bytes();
        let length = u16::try_from(plain.len()).ok()?.to_be_bytes();
        let mut seed = vec![row.key.table, u8::MAX, 0, 0, 0, 0];
        seed.extend(number);
        seed.push(3);
        seed.extend(length);
        seed.extend(plain);
        Some(seed)
    };
    installation.rows().iter().filter_map(seed).collect()
}
