//! What a node hears of others.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use crate::{
    app::{App, note_used},
    lifecycle::Stop,
};

/// Counts what other nodes let through, until the stop begins.
pub(super) async fn hear_used(app: Arc<App>, mut stop: Stop) {
    let mut used = app.components.fan_out.subscribe_used();
    loop {
        let heard = tokio::select! {
            biased;
            () = stop.begun() => return,
            heard = used.recv() => heard,
        };
        match heard {
            Ok(used) => note_used(&app, used),
            // What was missed is not counted here, as while Redis is away.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
