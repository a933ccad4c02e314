//! The story's randomness: one seed, and a stream of its own for each thing that is drawn, so that
//! drawing more of one thing changes no other.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// A generator for the `index`th of what `what` names.
pub(crate) fn stream(seed: u64, what: &str, index: usize) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"askel/demo/v1");
    hash.update(seed.to_be_bytes());
    hash.update(u64::try_from(index).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(what.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    #[test]
    fn the_same_name_draws_the_same_and_another_name_another() {
        let draw = |seed, what, index| stream(seed, what, index).random_range(0..u64::MAX);
        assert_eq!(draw(1, "visits", 2), draw(1, "visits", 2));
        assert_ne!(draw(1, "visits", 2), draw(2, "visits", 2));
        assert_ne!(draw(1, "visits", 2), draw(1, "steps", 2));
        assert_ne!(draw(1, "visits", 2), draw(1, "visits", 3));
    }
}
