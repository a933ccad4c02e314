//! The randomness of a world: one seed, and a stream of its own for each thing that is drawn, so that
//! leaving one thing out changes no other.

use std::sync::{Mutex, PoisonError};

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// A stream of random choices.
#[derive(Debug, Clone)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of the `number`th of what `what` names.
    pub(crate) fn of(seed: u64, what: &str, number: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"askel/simulation/v1");
        hash.update(seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(what.as_bytes());
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// Below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// True so often in a hundred.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// Random bytes of the server's and the devices' components, repeatable.
pub(crate) struct Bytes(Mutex<Chance>);

impl Bytes {
    pub(crate) fn of(seed: u64, what: &str, number: u64) -> Self {
        Self(Mutex::new(Chance::of(seed, what, number)))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chance.fill(bytes);
    }
}

impl askel_server::entropy::Entropy for Bytes {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), askel_server::entropy::EntropyFailed> {
        Self::fill(self, buffer);
        Ok(())
    }
}

impl askel_client_sdk::Entropy for Bytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), askel_client_sdk::NoEntropy> {
        Self::fill(self, bytes);
        Ok(())
    }
}
