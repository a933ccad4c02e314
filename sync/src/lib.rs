//! Askel's pure core.
//!
//! Everything Askel knows is a set of small signed facts, [`op`]s, in [`log`]s. The server judges
//! each once ([`admission`]) and lists it in [`stream`]s. Folds, rules and awards compute
//! everything else from admitted ops and a catalog: the same bytes of result on phone and server,
//! in any order.
//!
//! Nothing here does I/O, waits, reads a clock, draws randomness, uses floats or depends on hash
//! order.

mod base32;

pub mod admission;
pub mod award;
pub mod catalog;
pub mod fold;
pub mod frame;
pub mod goal;
pub mod id;
pub mod invitation;
pub mod key;
pub mod lifeboat;
pub mod limits;
pub mod log;
pub mod op;
pub mod page;
pub mod pass;
pub mod planted;
pub mod rule;
pub mod short;
pub mod stream;
pub mod time;
