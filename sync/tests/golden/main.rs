//! Frames that released versions wrote, in a folder a version beside this file, each with what a
//! reader must find in it. Every later version reads them all.
//!
//! `cargo test -p askel-sync --test golden -- --ignored` writes the folder of this version anew.
//! A released folder is never written again.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unnecessary_wraps,
    reason = "a test that can't go on fails"
)]

mod frame;
mod telling;
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
};

use frame::FRAMES;

/// The folder of the version being made. It is final once that is released.
const NEWEST: &str = "v0.1";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the golden folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.is_dir()).collect()
}

#[test]
fn frames_of_every_version_are_read() {
    for version in versions() {
        for frame in FRAMES {
            // A frame that came later is not in the folders before it.
            let Ok(bytes) = fs::read(version.join(frame.file())) else {
                continue;
            };
            let expected = fs::read_to_string(version.join(frame.expectation())).expect("words");
            let found = (frame.tell)(&bytes, &version);
            assert_eq!(found, expected, "{} in {}", frame.name, version.display());
        }
    }
}

#[test]
fn the_newest_folder_has_every_frame_and_no_folder_has_others() {
    let newest = folder().join(NEWEST);
    for frame in FRAMES {
        assert!(newest.join(frame.file()).exists(), "{}", frame.name);
    }
    for version in versions() {
        for entry in fs::read_dir(version).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let known = FRAMES.iter().any(|frame| frame.name == name);
            assert!(known, "nobody reads {}", path.display());
        }
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let newest = folder().join(NEWEST);
    for frame in FRAMES {
        let mut bytes = fs::read(newest.join(frame.file())).expect("a frame");
        let expected = fs::read_to_string(newest.join(frame.expectation())).expect("words");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // What can't be read panics in a test; either way it is noticed.
        let told = std::panic::catch_unwind(|| (frame.tell)(&bytes, &newest));
        assert_ne!(told.ok(), Some(expected), "{}", frame.name);
    }
}

#[test]
#[ignore = "writes the folder of this version anew"]
fn write() {
    let newest = folder().join(NEWEST);
    fs::create_dir_all(&newest).expect("a folder");
    for frame in FRAMES {
        let bytes = (frame.make)();
        fs::write(newest.join(frame.file()), &bytes).expect("written");
    }
    for frame in FRAMES {
        let bytes = fs::read(newest.join(frame.file())).expect("just written");
        let told = (frame.tell)(&bytes, &newest);
        fs::write(newest.join(frame.expectation()), told).expect("written");
    }
}
