//! The lifeboat: unconfirmed ops that leave by another way than this device's own network.

use super::Client;
use crate::{Error, engine, engine::Engine};

impl Client {
    /// Everything unconfirmed in frames of at most so many bytes, sealed to the server: each for a QR
    /// code (2,900 bytes), a file or another device. They can be handed in any number of times, in any
    /// order, beside ordinary syncs. Whoever carries them learns nothing.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a limit that is too small, [`Error::RetryLater`] while the tenant's key
    /// list has no key to seal to.
    pub fn lifeboat(&self, limit_bytes: usize) -> Result<Vec<Vec<u8>>, Error> {
        self.shared.decide(|engine, _| engine.prepare_lifeboat())?;
        let mut entropy = || self.shared.draw();
        self.shared
            .ask(|engine| engine.lifeboat(limit_bytes, &mut entropy))
    }

    /// The same as one file, for [`Client::carry_file`].
    pub fn lifeboat_file(&self) -> Result<Vec<u8>, Error> {
        let frames = self.lifeboat(askel_sync::limits::CARRIED_FRAME_BYTES_MAX)?;
        Ok(engine::to_file(&frames))
    }

    /// Carries another device's frame to the server with the next syncs. A second copy changes nothing.
    ///
    /// # Errors
    /// [`Error::FixInput`] for more than 64 KiB, or when 256 frames wait already.
    pub fn carry(&self, frame: &[u8]) -> Result<(), Error> {
        let frames = [frame.to_vec()];
        self.shared
            .decide(|engine, _| engine.carry(&frames))
            .map(drop)
    }

    /// Carries all frames of a file, or none. Returns how many are new.
    ///
    /// # Errors
    /// [`Error::FixInput`] for what is no file of frames, and as [`Client::carry`].
    pub fn carry_file(&self, file: &[u8]) -> Result<usize, Error> {
        let frames = engine::from_file(file)?;
        let (count, _) = self
            .shared
            .decide(|engine: &Engine, _| engine.carry(&frames))?;
        Ok(count)
    }
}
