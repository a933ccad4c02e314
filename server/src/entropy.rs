//! Randomness, as a component. [`SystemEntropy`] is the one place that draws from the machine.

/// What draws random bytes, good enough for keys.
pub trait Entropy: Send + Sync {
    /// Fills a buffer.
    ///
    /// # Errors
    /// [`EntropyFailed`] when the machine has none to give.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed>;
}

/// The machine gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine gave no randomness")]
pub struct EntropyFailed;

/// The machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one wrapper of the machine's randomness"
    )]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        getrandom::fill(buffer).map_err(|_| EntropyFailed)
    }
}

/// Draws an array, for an id or a key.
///
/// # Errors
/// [`EntropyFailed`] when the machine has none to give.
pub fn draw<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyFailed> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
