//! The suite of every store, on a database of its own for each test.

mod common;

use common::open;

askel_store::store_conformance!(open);
