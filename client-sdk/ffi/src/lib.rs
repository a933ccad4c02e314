//! client-sdk/ffi
