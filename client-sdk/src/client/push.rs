//! Being woken.

use super::Client;
use crate::{Error, PushWish, engine::Engine};

impl Client {
    /// Asks to be woken: by the word "sync" and nothing else, when there is something new that others did.
    /// Calling it is the consent. The wish is kept, the next sync tells the server, and later ones tell it
    /// again where that is needed; call it again with each token that the push service gives out. Nothing
    /// depends on it: what is new comes with any sync.
    ///
    /// # Errors
    /// [`Error::FixInput`] for a token that can't be one, and for hours that leave less than one of the day.
    pub fn want_push(&self, wish: PushWish) -> Result<(), Error> {
        self.shared
            .decide(|engine, _| engine.want_push(Some(wish)))
            .map(drop)
    }

    /// Asks to be woken no more. The next sync tells the server, which forgets the token.
    pub fn want_no_push(&self) -> Result<(), Error> {
        self.shared
            .decide(|engine, _| engine.want_push(None))
            .map(drop)
    }

    /// What this device asked for last; `None` when it does not want to be woken.
    pub fn push_wish(&self) -> Option<PushWish> {
        self.shared.ask(Engine::push_wish)
    }

    /// Tells the server, if it may not know. A sync does not fail for this: the next one tells it again.
    ///
    /// # Errors
    /// Only where the database can't be written.
    pub(super) async fn tell_push(&self) -> Result<(), Error> {
        let now = self.shared.now().wall;
        let Some(told) = self.shared.ask(|engine| engine.push_to_tell(now)) else {
            return Ok(());
        };
        let answer = self
            .shared
            .call(|transport, credential| {
                let request = told.request.clone();
                async move {
                    match request {
                        Some(request) => {
                            let call = transport.update_push_registration(&credential, request);
                            call.await.map(drop)
                        }
                        None => transport.delete_push_registration(&credential).await,
                    }
                }
            })
            .await;
        match answer {
            Err(error) if error.refusal().is_none() => Ok(()),
            answer => self
                .shared
                .decide(|engine, now| Ok(engine.push_told(&told, answer.is_ok(), now.wall)))
                .map(drop),
        }
    }
}
