//! Dice that give the same throws on every machine.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::Shape;

/// Dice for one subject of one day, so that a longer run begins like a shorter one.
pub(crate) fn dice(shape: Shape, subject: &str, day: u32) -> ChaCha8Rng {
    let mut seed = [0; 32];
    let text = subject.bytes();
    let parts = shape
        .seed
        .to_le_bytes()
        .into_iter()
        .chain(day.to_le_bytes())
        .chain(text);
    for (slot, byte) in seed.iter_mut().zip(parts) {
        *slot = byte;
    }
    ChaCha8Rng::from_seed(seed)
}
