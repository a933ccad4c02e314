//! Being woken.

use super::{Answer, Client};
use crate::record::PushWish;

#[uniffi::export]
impl Client {
    /// Asks to be woken when others did something for this device; calling it is the consent. Once with
    /// each token; the next sync tells the server.
    pub fn want_push(&self, wish: PushWish) -> Answer<()> {
        Ok(self.sdk.want_push(wish.into())?)
    }

    /// Asks to be woken no more; the next sync tells the server.
    pub fn want_no_push(&self) -> Answer<()> {
        Ok(self.sdk.want_no_push()?)
    }

    /// What was asked for last.
    pub fn push_wish(&self) -> Option<PushWish> {
        self.sdk.push_wish().map(PushWish::from)
    }
}
