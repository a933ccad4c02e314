//! Limits by device, over all nodes together: each tells the others what it let through. What is not
//! passed on, while Redis is away, leaves each node with what it knows itself.

use super::{App, quota::Whose};
use crate::fan_out::{Use, Used};

/// Tells other nodes of so many new ops of each device.
pub(super) fn tell_used(app: &App, whose: &[Whose], news: u64) {
    let Some(ops) = u32::try_from(news).ok().filter(|ops| *ops > 0) else {
        return;
    };
    for (tenant, device) in whose {
        app.components.fan_out.publish_used(Used {
            tenant: *tenant,
            device: *device,
            what: Use::Ops(ops),
        });
    }
}

/// Tells other nodes that a device guessed wrong.
pub(super) fn tell_guess(app: &App, (tenant, device): Whose) {
    app.components.fan_out.publish_used(Used {
        tenant,
        device,
        what: Use::Guess,
    });
}

/// Counts what another node told.
pub(crate) fn note_used(app: &App, used: Used) {
    let whose = (used.tenant, used.device);
    match used.what {
        Use::Ops(ops) => app.quotas.note(whose, ops.into(), app.now()),
        Use::Guess => app.guesses.note(whose, app.now()),
    }
}
