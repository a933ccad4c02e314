//! libFuzzer's entry: the target that `ASKEL_FUZZ_TARGET` names.
//!
//! One binary for all targets, because what takes long is to link it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let run = RUN.get_or_init(|| {
        let name = std::env::var("ASKEL_FUZZ_TARGET").expect("ASKEL_FUZZ_TARGET names a target");
        askel_fuzz::find(&name).expect("a target of askel-fuzz").run
    });
    run(bytes);
});
