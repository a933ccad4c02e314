//! Writes the bindings of a language: `uniffi-bindgen generate --library … --language kotlin`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
