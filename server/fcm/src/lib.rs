//! Wakes phones through FCM HTTP v1. What is sent is the same word for everyone, always; it says nothing
//! about anyone. Nothing here keeps anything: who is woken when, and again, is the caller's.
//!
//! ```
//! use askel_fcm::{Options, ServiceAccount};
//! use std::time::Duration;
//!
//! // What is no service account is told at the start, not at the first message.
//! assert!(ServiceAccount::parse("{}").is_err());
//! assert_eq!(Options::default().timeout, Duration::from_secs(10));
//! ```

mod access;
mod account;
mod answer;
mod backoff;
#[cfg(feature = "fake")]
pub mod fake;
mod https;
pub mod limits;
mod messenger;

pub use account::{AccountError, ServiceAccount};
pub use answer::{Outcome, Refusal};
pub use https::Roots;
pub use messenger::{Attempt, Messenger, Options, OptionsError};
