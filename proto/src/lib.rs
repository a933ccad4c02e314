//! The messages and services of `askel.v1`, generated from the .proto files.
//!
//! Nothing is written by hand here. The messages alone need no gRPC; the features `client` and
//! `server` add tonic's halves of the services. Conversions into types that can't be wrong live in
//! `askel-sync`.

/// Version 1 of the protocol.
#[expect(
    missing_docs,
    clippy::pedantic,
    reason = "generated code; the .proto files carry the documentation"
)]
#[cfg_attr(
    feature = "server",
    expect(clippy::allow_attributes, reason = "what tonic generates")
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/askel.v1.rs"));
}

/// The compiled descriptors, for reflection and for checks of compatibility.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/askel.v1.bin"));
