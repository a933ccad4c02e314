//! The story's scenes: each does something real and tells what came of it.

mod basement;
mod crash;
mod launch;
mod lost_phone;
mod mistake;
mod quiet;
mod together;

pub(crate) use basement::{first_afternoon, on_the_street};
pub(crate) use crash::killed_in_mid_write;
pub(crate) use launch::launch;
pub(crate) use lost_phone::{Keepsakes, lost_phone};
pub(crate) use mistake::mistaken_scan;
pub(crate) use quiet::{find_wifi, go_quiet};
pub(crate) use together::{not_together, reached_together};

use super::{catalog, fault::Faults, schedule::Who, telling::Telling, text::Text, world::World};

/// What a scene works on.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) telling: &'a mut Telling,
    /// What did not end as it should.
    pub(crate) faults: &'a mut Faults,
}

/// What people call a walker: the alias on their phone; of the one with the card, what is printed.
pub(crate) fn alias(world: &World, text: &Text, who: Who) -> anyhow::Result<String> {
    Ok(match who {
        Who::Walker(walker) => world
            .phone(walker)?
            .profile()
            .alias_text
            .unwrap_or_else(|| walker.to_string()),
        Who::Card => catalog::card_alias(text),
    })
}

/// Badges in a row, or the word for none.
fn listed(names: &[String], text: &Text) -> String {
    if names.is_empty() {
        text.story.none.plain().to_owned()
    } else {
        names.join(", ")
    }
}
