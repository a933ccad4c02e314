//! server/store-sqlite
