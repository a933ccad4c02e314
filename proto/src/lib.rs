//! The messages and services of `askel.v1`, generated from the .proto files.
//!
//! The messages alone need no gRPC; the features `client` and `server` add tonic's halves of the services,
//! and the names of its codes. Conversions into types that can't be wrong live in
//! `askel-sync`.

#[cfg(any(feature = "client", feature = "server"))]
mod code;
#[cfg(any(feature = "client", feature = "server"))]
pub mod codec;

#[cfg(any(feature = "client", feature = "server"))]
pub use code::code_name;

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
