//! Errors by what the caller can do about them.

/// A call that the backend could not carry out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Busy or away; the same call later may go through. Whether it took effect is not known, and
    /// does not matter: every call may be repeated.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store holds something it should not be able to hold; an operator must look.
    #[error("the store is inconsistent: {0}")]
    Inconsistent(&'static str),
    /// No room to write.
    #[error("the store is full")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
}
