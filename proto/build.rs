//! Compiles the .proto files with protox: no protoc is needed.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const FILES: &[&str] = &[
    "askel/v1/common.proto",
    "askel/v1/op.proto",
    "askel/v1/sync.proto",
    "askel/v1/enrolment.proto",
    "askel/v1/catalog_content.proto",
    "askel/v1/catalog.proto",
    "askel/v1/reading.proto",
    "askel/v1/admin.proto",
    "askel/v1/push.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=askel");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("askel.v1.bin"), descriptors.encode_to_vec())?;
    let mut prost = tonic_prost_build::Config::new();
    prost.enable_type_names();
    // Slices of the message: ops are read and held by the thousand.
    prost.bytes([".askel.v1.Op.payload", ".askel.v1.AdmittedOp.payload"]);
    tonic_prost_build::configure()
        .build_client(env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .codec_path("crate::codec::SmallBuffers")
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        .compile_fds_with_config(descriptors, prost)?;
    Ok(())
}
