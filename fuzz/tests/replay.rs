//! Every target takes its corpus and a number of random changes of it.
//!
//! `cargo test -p askel-fuzz -- --ignored` writes the seeds into the corpora: golden frames and
//! others that reach deep.
//!
//! `ASKEL_FUZZ_MUTATIONS` says how many changes a target gets, 200 if it is not set.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on fails"
)]

use std::{fs, path::Path};

use askel_fuzz::{TARGETS, Target};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The longest input, in bytes.
const BYTES_MAX: usize = 8_192;

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let mut files: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = files.iter().map(|file| fs::read(file).expect("a file"));
    read.collect()
}

fn mutations() -> u32 {
    let said = std::env::var("ASKEL_FUZZ_MUTATIONS");
    said.map_or(200, |text| text.parse().expect("a number"))
}

/// One to four changes: a bit, a byte, a cut, a repeated stretch, a stretch of another input.
fn mutate(random: &mut ChaCha8Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let pick = |random: &mut ChaCha8Rng| corpus[random.random_range(0..corpus.len())].clone();
    let mut bytes = pick(random);
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => {
                let extremes = [0, 1, 0x7F, 0x80, 0xFF];
                bytes[at] = extremes[random.random_range(0..extremes.len())];
            }
            2 => bytes.truncate(at),
            3 => {
                let other = pick(random);
                let from = random.random_range(0..=other.len());
                bytes.splice(at..at, other[from..].iter().copied());
            }
            4 => {
                let mut noise = vec![0; random.random_range(1..20)];
                random.fill_bytes(&mut noise);
                bytes.splice(at..at, noise);
            }
            _ => {
                let end = random.random_range(at..=bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

#[test]
fn corpora_and_changes_of_them_do_no_harm() {
    for target in TARGETS {
        let corpus = corpus(target);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let changed = (0..mutations()).map(|_| mutate(&mut random, &corpus));
        for bytes in corpus.iter().cloned().chain(changed) {
            let run = || (target.run)(&bytes);
            let is_fine = std::panic::catch_unwind(run).is_ok();
            assert!(is_fine, "{}: {}", target.name, hex(&bytes));
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    for target in TARGETS {
        assert!(!corpus(target).is_empty(), "{}", target.name);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(folder).expect("the corpora") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("text");
        assert!(askel_fuzz::find(name).is_some(), "no target {name}");
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("{bytes:02x?}").replace(", ", "")
}

#[test]
#[ignore = "writes the seeds into the corpora"]
fn write_seeds() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in (0..).zip((target.seeds)()) {
            fs::write(folder.join(format!("seed-{number:02}")), seed).expect("written");
        }
    }
}
