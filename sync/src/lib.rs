//! Askel's pure core.
//!
//! Everything Askel knows is a set of small signed facts, [`op`]s, in [`log`]s. The server judges
//! each once ([`admission`]) and lists it in [`stream`]s. Folds, rules and awards compute
//! everything else from admitted ops and a catalog: the same bytes of result on phone and server,
//! in any order.
//!
//! Nothing here does I/O, waits, reads a clock, draws randomness, uses floats or depends on hash
//! order.

pub mod admission;
pub mod id;
pub mod key;
pub mod limits;
pub mod log;
pub mod op;
pub mod stream;
pub mod time;
